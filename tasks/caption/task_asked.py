"""Tasks of `caption` for a model that sees, here or behind a server: ask it about pictures, and judge what it says."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from configs.captions import Asked, PictureServer
from configs.generators import LocalModel, Sampling
from tasks.data.captions import AskedPictures, Caption, CaptionedPictures, CaptionsRef, DescribedPicture
from tasks.data.captions import DescribedPicturesRef as Described
from tasks.data.documents import Document, DocumentsRef
from tasks.data.evaluation import Measure, MeasuresRef
from tasks.data.messages import Generator, Replies, Reply
from tasks.data.pictures import Picture, PicturesRef
from tasks.errors import FlowError
from tasks.runtime import steps
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import objects

if TYPE_CHECKING:
    from tasks.caption.conversation import AskedConversation
    from tasks.models.vision.language import VisionLanguageEngine
    from tasks.models.vision.language_server import PictureServerEngine

GROUP = 256  # working copies in memory at a time
SHOWN = 200  # characters of a rejected reply
log = logging.getLogger(__name__)


def describe_asked(config: Asked) -> Generator:
    """Describe what is asked about pictures, without loading it; a server is not asked.

    Raises:
        ContractError: The precision or device asked for is not there, or no reply can be kept to the schema.
        ModelError: It is not here, is of another kind, or does not say how it is asked.
    """
    from tasks.caption.conversation import form_of

    form = form_of(config.json_schema)
    if isinstance(config, PictureServer):
        from tasks.models.generators import server

        return server.describe(config)
    from tasks.models.generators import constrained
    from tasks.models.vision import language_files

    if form is not None:
        constrained.require_grammar(form)
    return language_files.describe(config)


@step(name="caption-ask", libraries=("torch", "transformers", "tokenizers", "pillow"), device_of=("by",))
def ask_about_pictures(
    documents: DocumentsRef, pictures: PicturesRef, named: str | None, by: Generator, config: Asked
) -> AskedPictures:
    """Ask a model about each picture; what it was asked before, by pixels, questions and limit, it is not asked again.

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

    rows, started = objects.load_rows(documents, Document), time.perf_counter()
    engine, sampling = _engine(by, config), Sampling(temperature=0, max_tokens=config.max_new_tokens)
    ask = client.replies(by, sampling, LocalModel(model=config.model), engine=engine, fix=False)
    try:
        said = _conversations(rows, pictures, engine, ask, config)
    except FlowError:
        if engine.sent:
            log.warning("pictures were sent to %s before this run ended", by.base_url)
        raise
    captions = [_caption(row, one) for row, one in zip(rows, said, strict=True)]
    told = [at for at, row in enumerate(rows) if row.text]
    paid = [reply for one in said for reply in one.paid()]
    known = [tokens for one in said if (tokens := one.paid()[0].prompt_tokens)]  # none where it was refused
    steps.log_metrics(
        captions=len(rows), replies=len(paid), asked_again=sum(one.replaced is not None for one in said),
        rejected=sum(bool(caption.rejected) for caption in captions),
        refused=ask.spent.refused, reasoned=ask.spent.reasoned,
        truncated=ask.spent.truncated, repeated=ask.spent.repeated, cached=ask.spent.cached,
        prompt_tokens=sum(reply.prompt_tokens for reply in paid),
        completion_tokens=sum(reply.completion_tokens for reply in paid),
        seconds=time.perf_counter() - started, bytes_sent=engine.sent,
    )  # fmt: skip
    return AskedPictures(
        described=_saved(rows, captions, told, named),
        new=_saved(rows, captions, sorted({*range(len(rows))} - {*told}), named),
        prompt_tokens=sum(known) / max(1, len(known)),
    )


def _conversations(
    rows: Sequence[Document], pictures: PicturesRef, engine: "VisionLanguageEngine | PictureServerEngine",
    ask: Replies, config: Asked,
) -> "list[AskedConversation]":  # fmt: skip
    """Ask about all pictures, some of their working copies in memory at a time."""
    from tasks.caption.conversation import converse, form_of
    from tasks.models.vision.requests import ShownPicture, request_of

    said, form = list["AskedConversation"](), form_of(config.json_schema)
    with progress("caption", len(rows), "pictures") as advance:
        for start in range(0, len(rows), GROUP):
            wanted = list(range(start, min(start + GROUP, len(rows))))
            copies = objects.rows_at(pictures, Picture, wanted)
            requests = [request_of(copies[at].digest, config.side, config.prompt) for at in wanted]
            engine.pictures = {request.messages[0].content: ShownPicture(rows[at].id, copies[at].copy)
                               for at, request in zip(wanted, requests, strict=True)}  # fmt: skip
            said += converse(requests, config.follow_ups, form, ask)
            advance(len(wanted))
    return said


def _engine(by: Generator, config: Asked) -> "VisionLanguageEngine | PictureServerEngine":
    if isinstance(config, PictureServer):
        from tasks.models.vision.language_server import PictureServerEngine

        return PictureServerEngine(by, config)
    from tasks.models.vision.language import VisionLanguageEngine

    return VisionLanguageEngine(by, config.batch_size)


def _caption(row: Document, said: "AskedConversation") -> Caption:
    from tasks.text.lines import one_line

    def text(reply: Reply) -> str:
        return "" if reply.silence else one_line(reply.text)

    first, form = said.replies[0], said.form
    told = [text(reply) for reply in said.replies]
    detail = said.replies[-1].silence if said.replies[-1].finish == "refused" else ""
    if form is not None:
        told[-1] = one_line(form.text)  # what is rejected is no reply
        detail = ": ".join(filter(None, (form.detail, said.replies[-1].text[:SHOWN]))) if form.reason else ""
    made = Caption(
        row.id, told[0], first.finish, first.completion_tokens, None, tuple(told[1:]), detail=one_line(detail)
    )
    return made if form is None else replace(made, fields=form.text, rejected=form.reason, detail=one_line(detail))


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
