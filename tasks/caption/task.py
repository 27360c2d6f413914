"""Tasks of `caption`: say what writes captions, write them, and judge those of held-out pictures."""

import numpy as np

from configs.captions import EmbeddedCaptioner
from tasks.data.captions import Caption, CaptionsRef, DescribedPicture, PicturePart, TrainedCaptioner
from tasks.data.evaluation import Measure, MeasuresRef
from tasks.data.messages import Generator
from tasks.runtime import steps
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import objects

LIBRARIES = ("torch", "transformers", "tokenizers")


def describe_captioner(config: EmbeddedCaptioner) -> Generator:
    """Describe the language model that writes captions, without loading it.

    Raises:
        ModelError: It is not here, or does not continue a text.
        ContractError: The device asked for is not there.
    """
    from tasks.models.vision import captioner

    return captioner.describe(config.model, config.training.device)


@step(name="caption-pictures", libraries=LIBRARIES, device_of=("base", "config"))
def caption_pictures(
    part: PicturePart, trained: TrainedCaptioner, base: Generator, config: EmbeddedCaptioner, shuffled: int | None
) -> CaptionsRef:
    """Write a caption of each picture, and say how likely the captioner takes its own description to be.

    Args:
        part: Pictures.
        trained: The captioner.
        base: Its language model.
        config: Its prompt, and how long captions may be.
        shuffled: None; or the seed by which each picture is taken for another, as a control.
    """
    from tasks.caption.measures import others
    from tasks.models.vision import captioner
    from tasks.text.lines import one_line

    pictures, features = (
        objects.load_rows(part.pictures, DescribedPicture),
        np.array(objects.load_array(part.features)),
    )
    if shuffled is not None:
        features = features[others(len(features), shuffled)]
    if not pictures:
        return objects.save_rows(CaptionsRef, Caption, [])
    loaded = captioner.load(objects.path(trained.model), base, config.prompt)
    with progress("caption", len(pictures), "pictures") as advance:
        made = loaded.write(features, config.max_new_tokens, advance)
    told = [at for at, picture in enumerate(pictures) if picture.text]
    losses = loaded.losses(features[told], [pictures[at].text for at in told], config.max_new_tokens)
    loss_of = dict(zip(told, losses, strict=True))
    rows = [
        Caption(picture.name, one_line(row.text), row.finish, len(row.tokens), loss_of.get(at))
        for at, (picture, row) in enumerate(zip(pictures, made, strict=True))
    ]
    ends = [row.finish for row in rows]
    steps.log_metrics(captions=len(rows), truncated=ends.count("length"), repeated=ends.count("repetition"))
    return objects.save_rows(CaptionsRef, Caption, rows)


@step(name="caption-judge", libraries=("numpy", "bm25s", "PyStemmer"))
def judge_captions(
    test: PicturePart, captions: CaptionsRef, shuffled: CaptionsRef, train: PicturePart, seed: int
) -> MeasuresRef:
    """Measure captions of held-out pictures, beside captions of other pictures and the most alike description.

    Args:
        test: Held-out pictures.
        captions: Of them.
        shuffled: The same, each picture taken for another.
        train: What the captioner learned from.
        seed: Of the intervals.
    """
    from tasks.caption import measures

    known = [row.text for row in objects.load_rows(train.pictures, DescribedPicture)]
    vectors = [np.asarray(objects.load_array(part.features)) for part in (test, train)]
    given = measures.JudgedPictures(
        objects.load_rows(test.pictures, DescribedPicture), objects.load_rows(captions, Caption),
        objects.load_rows(shuffled, Caption), [known[at] for at in measures.nearest(*vectors)],
    )  # fmt: skip
    found = measures.judged(given, seed)
    steps.log_measures("captions", found)
    return objects.save_rows(MeasuresRef, Measure, found)
