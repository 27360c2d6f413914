"""Image captions: learn to describe pictures from those that are described, and describe the others.

Here:          python -m flows image-captions @quick
Your own:      python -m flows image-captions source.kind=files source.path=photos source.described.path=said.csv
On a worker:   prefect deployment run 'image-captions/image-captions'
"""

from prefect import flow

from configs.flows_captions import ImageCaptions
from configs.pictures import PictureSource, Symbols
from tasks.caption import caption_pictures, describe_captioner, judge_captions
from tasks.data.run import Outcome
from tasks.embed import describe_picture_encoder, divide_pictures, embed_pictures
from tasks.errors import ContractError
from tasks.finetune import require_training, train_captioner
from tasks.ingest import ingest_pictures, list_descriptions, list_pictures, other_files, read_descriptions
from tasks.report.image_captions import ShownCaptions, captions_page, captions_summary
from tasks.report.names import named
from tasks.runtime import steps, tracking


def preflight(source: PictureSource = Symbols(), config: ImageCaptions = ImageCaptions()) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: The folder or its table is not there, no table describes pictures, or a model is not here.
    """
    list_pictures(source)
    describe_picture_encoder()
    describe_captioner(config.captioner)
    require_training(config.captioner.training)
    table = None if isinstance(source, Symbols) else source.described
    if table is not None:
        list_descriptions(table)
    elif not isinstance(source, Symbols):
        raise ContractError(
            "no picture is described, and captions are learned from descriptions; name a table in source.described"
        )
    if config.named is not None and config.named not in (table.keep if table is not None else ()):
        raise ContractError(f"named is {config.named!r}, no column of source.described.keep; name it there")


@flow(name="image-captions", flow_run_name=named("source"))
def image_captions(source: PictureSource = Symbols(), config: ImageCaptions = ImageCaptions()) -> Outcome:
    """Read pictures, train a captioner on those that are described, judge it, and caption the others.

    Args:
        source: Where pictures and descriptions come from.
        config: How each step is done.
    """
    with tracking.run("image-captions", config, source=source) as run:
        preflight(source, config)
        base, captioner, seed = describe_captioner(config.captioner), config.captioner, config.parts.seed
        snapshot, table = list_pictures(source), None if isinstance(source, Symbols) else source.described
        told = None if table is None else read_descriptions(table, config.ingest)
        read = ingest_pictures(snapshot, None if told is None else told.cells, source)
        features = embed_pictures(read.pictures, describe_picture_encoder())
        divided = divide_pictures(read.documents, features, config.named, config.parts)
        trained = train_captioner(divided.train, divided.validation, base, captioner)
        with steps.label("held-out"):
            held_out = caption_pictures(divided.test, trained, base, captioner, None)
        with steps.label("shuffled"):
            shuffled = caption_pictures(divided.test, trained, base, captioner, seed)
        with steps.label("new"):
            new = caption_pictures(divided.new, trained, base, captioner, None)
        measures = judge_captions(divided.test, held_out, shuffled, divided.train, seed)
        run.publish(captioner=trained.model, held_out=held_out, captions=new, measures=measures)
        rows = [read.rejected_rows, *([] if told is None else [told.rejected])]
        shown = ShownCaptions(read, other_files(source), rows, divided, base, trained, held_out, new, measures, config)
        return run.outcome(captions_summary(shown), captions_page(run, shown))
