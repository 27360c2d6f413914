"""Image captions: describe pictures, by a captioner that learns from those that are described, or by a model as it is.

Here:          python -m flows image-captions @quick
Your own:      python -m flows image-captions source.kind=files source.path=photos source.described.path=said.csv
By a model:    python -m flows image-captions @book source.path=photos
On a worker:   prefect deployment run 'image-captions/image-captions'
"""

from prefect import flow

from configs.captions import Asked, EmbeddedCaptioner
from configs.flows_captions import ImageCaptions
from configs.pictures import PictureSource, Symbols
from tasks.caption import (
    ask_about_pictures,
    caption_pictures,
    describe_asked,
    describe_captioner,
    judge_asked,
    judge_captions,
)
from tasks.data.captions import CaptionedPictures, LearnedCaptioner, WrittenCaptions
from tasks.data.cells import ReadCells
from tasks.data.pictures import IngestedPictures
from tasks.data.run import Outcome
from tasks.embed import describe_picture_encoder, divide_pictures, embed_pictures
from tasks.errors import ContractError
from tasks.finetune import require_training, train_captioner
from tasks.ingest import (
    ingest_pictures,
    is_described,
    kept_columns,
    list_descriptions,
    list_pictures,
    other_files,
    read_descriptions,
    table_of,
)
from tasks.report.image_captions import ShownCaptions, captions_page, captions_summary
from tasks.report.names import named
from tasks.runtime import steps, tracking


def preflight(source: PictureSource = Symbols(), config: ImageCaptions = ImageCaptions()) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: The folder or its table is not there, no table describes pictures, or a model is not here.
    """
    list_pictures(source)
    if (table := table_of(source)) is not None:
        list_descriptions(table)
    if config.named is not None and config.named not in kept_columns(source):
        raise ContractError(f"named is {config.named!r}, no column of source.described.keep; name it there")
    if isinstance(config.captioner, Asked):
        describe_asked(config.captioner)
        return
    if not is_described(source):
        raise ContractError(
            "no picture is described, and captions are learned from descriptions; name a table in source.described, "
            "or take a model that needs none (captioner.kind=vision-language)"
        )
    describe_picture_encoder()
    describe_captioner(config.captioner)
    require_training(config.captioner.training)


def read_all(source: PictureSource, config: ImageCaptions) -> tuple[IngestedPictures, ReadCells | None]:
    """Return the pictures, and the table that describes them where there is one."""
    snapshot, table = list_pictures(source), table_of(source)
    told = None if table is None else read_descriptions(table, config.ingest)
    cells = None if told is None else told.cells
    if isinstance(config.captioner, Asked):
        return ingest_pictures(snapshot, cells, source, config.captioner.side), told
    return ingest_pictures(snapshot, cells, source), told


def learn(read: IngestedPictures, captioner: EmbeddedCaptioner, config: ImageCaptions) -> WrittenCaptions:
    """Train a captioner on described pictures, judge it on held-out ones, and caption those without a description."""
    base, seed = describe_captioner(captioner), config.parts.seed
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
    return WrittenCaptions(
        by=base, judged=CaptionedPictures(pictures=divided.test.pictures, captions=held_out),
        new=CaptionedPictures(pictures=divided.new.pictures, captions=new), measures=measures,
        learned=LearnedCaptioner(divided=divided, trained=trained),
    )  # fmt: skip


def ask(read: IngestedPictures, captioner: Asked, config: ImageCaptions) -> WrittenCaptions:
    """Ask a model about every picture, and judge what it says of those that are described."""
    by = describe_asked(captioner)
    asked = ask_about_pictures(read.documents, read.pictures, config.named, by, captioner)
    measures = judge_asked(asked.described, config.parts.seed) if read.described > 1 else None
    return WrittenCaptions(
        by=by, judged=asked.described, new=asked.new, measures=measures, prompt_tokens=asked.prompt_tokens
    )


@flow(name="image-captions", flow_run_name=named("source"))
def image_captions(source: PictureSource = Symbols(), config: ImageCaptions = ImageCaptions()) -> Outcome:
    """Read pictures and caption them: by a captioner that learns from those described, or by a model as it is.

    Args:
        source: Where pictures and descriptions come from.
        config: How each step is done.
    """
    with tracking.run("image-captions", config, source=source) as run:
        preflight(source, config)
        read, told = read_all(source, config)
        if isinstance(config.captioner, Asked):
            written = ask(read, config.captioner, config)
        else:
            written = learn(read, config.captioner, config)
        learned = {} if written.learned is None else {"captioner": written.learned.trained.model}
        run.publish(
            captions=written.new.captions, judged=written.judged.captions, measures=written.measures, **learned
        )
        rows = [read.rejected_rows, *([] if told is None else [told.rejected])]
        shown = ShownCaptions(read, other_files(source), rows, written, config)
        return run.outcome(captions_summary(shown), captions_page(run, shown))
