"""Tasks of `caption` for a model that sees, here or behind a server: ask it about pictures, and judge what it says."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from configs.captions import Asked, PictureServer
from configs.generators import LocalModel, Sampling
from tasks.data.captions import AskedPictures, Caption, CaptionedPictures, CaptionsRef, DescribedPicture
from tasks.data.captions import DescribedPicturesRef as Described
from tasks.data.documents import Document, DocumentsRef
from tasks.data.evaluation import Measure, MeasuresRef
from tasks.data.messages import Generator, Reply
from tasks.data.pictures import Picture, PicturesRef
from tasks.runtime import steps
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import objects

if TYPE_CHECKING:
    from tasks.models.vision.language import VisionLanguageEngine
    from tasks.models.vision.language_server import PictureServerEngine

GROUP = 256  # working copies in memory at a time


def describe_asked(config: Asked) -> Generator:
    """Describe what is asked about pictures, without loading it; a server is not asked.

    Raises:
        ContractError: The precision or device asked for is not there.
        ModelError: It is not here, is of another kind, or does not say how it is asked.
    """
    if isinstance(config, PictureServer):
        from tasks.models.generators import server

        return server.describe(config)
    from tasks.models.vision import language_files

    return language_files.describe(config)


@step(name="caption-ask", libraries=("torch", "transformers", "tokenizers", "pillow"))
def ask_about_pictures(
    documents: DocumentsRef, pictures: PicturesRef, named: str | None, by: Generator, config: Asked
) -> AskedPictures:
    """Ask a model about each picture; what it was asked before, by pixels, prompt and limit, it is not asked again.

    Args:
        documents: N pictures as documents.
        pictures: Working copies of them.
        named: Column of their fields that says what a caption must name; None for none.
        by: The model, as described.
        config: What it is asked, and how long replies may be.

    Raises:
        ContractError: A picture and its prompt do not fit into what the model reads.
    """
    from tasks.models.generators import client
    from tasks.models.vision.requests import ShownPicture, request_of

    rows, replies = objects.load_rows(documents, Document), list[Reply]()
    engine, sampling = _engine(by, config), Sampling(temperature=0, max_tokens=config.max_new_tokens)
    ask = client.replies(by, sampling, LocalModel(model=config.model), engine=engine)
    with progress("caption", len(rows), "pictures") as advance:
        for start in range(0, len(rows), GROUP):
            wanted = list(range(start, min(start + GROUP, len(rows))))
            copies = objects.rows_at(pictures, Picture, wanted)
            requests = [request_of(copies[at].digest, config.side, config.prompt) for at in wanted]
            engine.pictures = {request.messages[0].content: ShownPicture(rows[at].id, copies[at].copy)
                               for at, request in zip(wanted, requests, strict=True)}  # fmt: skip
            replies += ask(requests)
            advance(len(wanted))
    captions = [_caption(row, reply) for row, reply in zip(rows, replies, strict=True)]
    told = [at for at, row in enumerate(rows) if row.text]
    prompt_tokens = sum(reply.prompt_tokens for reply in replies)
    steps.log_metrics(
        captions=len(rows), refused=ask.spent.refused, reasoned=ask.spent.reasoned,
        truncated=ask.spent.truncated, repeated=ask.spent.repeated, cached=ask.spent.cached,
        prompt_tokens=prompt_tokens, seconds=ask.spent.seconds, bytes_sent=engine.sent,
    )  # fmt: skip
    return AskedPictures(
        described=_saved(rows, captions, told, named),
        new=_saved(rows, captions, sorted({*range(len(rows))} - {*told}), named),
        prompt_tokens=prompt_tokens / len(rows),
    )


def _engine(by: Generator, config: Asked) -> "VisionLanguageEngine | PictureServerEngine":
    if isinstance(config, PictureServer):
        from tasks.models.vision.language_server import PictureServerEngine

        return PictureServerEngine(by, config)
    from tasks.models.vision.language import VisionLanguageEngine

    return VisionLanguageEngine(by, config.batch_size)


def _caption(row: Document, reply: Reply) -> Caption:
    from tasks.caption.measures import one_line

    text = "" if reply.silence else one_line(reply.text)
    return Caption(row.id, text, reply.finish, reply.completion_tokens, None)


def _saved(
    rows: Sequence[Document], captions: Sequence[Caption], wanted: Sequence[int], named: str | None
) -> CaptionedPictures:
    """Return some of the pictures with their captions, stored."""
    some = [rows[at] for at in wanted]
    pictures = [DescribedPicture(row.id, row.text, row.meta.get(named, "") if named else "") for row in some]
    return CaptionedPictures(
        pictures=objects.save_rows(Described, DescribedPicture, pictures),
        captions=objects.save_rows(CaptionsRef, Caption, [captions[at] for at in wanted]),
    )


@step(name="caption-judge-asked", libraries=("numpy", "bm25s", "PyStemmer"))
def judge_asked(captioned: CaptionedPictures, seed: int) -> MeasuresRef:
    """Measure captions of described pictures, beside those of other pictures among them.

    Args:
        captioned: Described pictures and what is said of them.
        seed: Of the intervals, and of which picture is taken for which.
    """
    from tasks.caption import measures

    said = objects.load_rows(captioned.captions, Caption)
    shuffled = [said[at] for at in np.asarray(measures.others(len(said), seed))]
    given = measures.JudgedPictures(objects.load_rows(captioned.pictures, DescribedPicture), said, shuffled)
    found = measures.judged(given, seed)
    steps.log_measures("captions", found)
    return objects.save_rows(MeasuresRef, Measure, found)
