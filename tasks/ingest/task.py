"""Tasks of `ingest`: list a source as it is now, and read it once."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from configs.ingest import Events, Files, Hub, Ingest, PythonDocs, Source, Tables
from tasks.data.documents import REPEATED, Document, DocumentsRef, Ingested, Item, Rejected, RejectedRef, SnapshotRef
from tasks.data.models import Encoder
from tasks.data.search import QueriesRef, Query
from tasks.data.words import EventLists, Line, LinesRef
from tasks.errors import ContractError, DataError
from tasks.ingest.task_ocr import KeptPages, name_readers
from tasks.models.encoders import base as encoder_base
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import collections, losses, objects
from tasks.text.sentences import unfit

if TYPE_CHECKING:
    from tasks.ingest.sources import SourceContents


def name_of(source: Source, collection: str | None) -> str:
    """Return the name of the collection a source goes into: the one given, else made of the source's own name.

    Raises:
        ContractError: The name given is no name.
    """
    if collection is not None:
        return collections.checked_name(collection)
    if isinstance(source, PythonDocs):
        return source.kind
    path = source.dataset if isinstance(source, Hub) else source.path
    return collections.name_from(Path(os.path.expanduser(path)).resolve().name.partition(".")[0])


def list_items(source: Source, required: Sequence[str] = ()) -> SnapshotRef:
    """Describe what a source holds now: name, size and digest of every file. Never looked up, always done.

    Args:
        source: The source.
        required: Columns that some table must have, beside those that are read.

    Raises:
        DataError: The source is not there, or holds nothing to read.
        ContractError: No table has a column that is asked for.
        RemoteError: The hub does not answer.
        MissingExtra: What reads it is not installed.
    """
    from tasks.ingest.files import other_kinds
    from tasks.ingest.sources import list_source, looked_for, place

    items, ignored = list_source(source)
    if not items:
        raise DataError(_nothing_to_read(source, ignored))
    if isinstance(source, Tables):
        from tasks.ingest.headers import require_columns
        from tasks.ingest.tables import PATTERNS

        root = place(source)
        losses.note(other_kinds(root, PATTERNS))
        require_columns([root if root.is_file() else root / item.name for item in items], source, required)
    if isinstance(source, Files):
        items = name_readers(items, source)
        losses.note(other_kinds(place(source), looked_for(source), "; source.patterns"))
    return objects.save_rows(SnapshotRef, Item, items)


def _nothing_to_read(source: Source, ignored: int) -> str:
    """Say where was looked for what, and what to do."""
    from tasks.ingest import tables
    from tasks.ingest.sources import looked_for

    others = f"; of other kinds it holds {ignored}" if ignored else ""
    match source:
        case PythonDocs():
            packages = ", ".join(source.packages) or "no package"
            return f"source.packages names {packages}, which holds no Python file; name installed packages"
        case Hub():
            return f"source.dataset {source.dataset!r} holds nothing to read; name another, or its subset and split"
        case Files():
            looked, way = looked_for(source), "put documents there, name another source.path, or set source.patterns"
        case Tables():
            looked, way = tables.PATTERNS, "put tables there, or name another source.path"
        case _:
            assert_never(source)
    return f"source.path {source.path!r} holds no file like {', '.join(looked)}{others}; {way}"


def ingest_queries(queries: Sequence[str]) -> QueriesRef:
    """Store questions so that tasks can refer to them.

    Raises:
        ContractError: One is empty, or not text that can be read.
    """
    for number, text in enumerate(queries, start=1):
        if (found := unfit(text)) is not None:
            raise ContractError(f"query {number} {found[1]}; give a question")
    if not queries:
        raise ContractError("there are no queries; ask at least one")
    return objects.save_rows(QueriesRef, Query, [Query(str(i), text) for i, text in enumerate(queries)])


def ingest_texts(texts: Sequence[str], groups: Sequence[str] = ()) -> DocumentsRef:
    """Store texts that were given by hand as documents.

    Args:
        texts: The texts.
        groups: What each belongs to, kept as its `group`; none where left out.

    Raises:
        ContractError: There is none, or one is not text that can be read.
    """
    for number, text in enumerate(texts, start=1):
        if (found := unfit(text)) is not None:
            raise ContractError(f"text {number} {found[1]}; give one that can be read")
    if not texts:
        raise ContractError("there are no texts; give at least one")
    metas = [{"group": group} for group in groups] or [{}] * len(texts)
    return objects.save_rows(
        DocumentsRef,
        Document,
        [
            Document(f"text-{number}", text, "", "given", "given", number, "row", meta=meta)
            for number, (text, meta) in enumerate(zip(texts, metas, strict=True), start=1)
        ],
    )


def list_event_files(source: Events) -> SnapshotRef:
    """Describe the files of events as they are now. Never looked up, always done.

    Raises:
        DataError: One is not there.
    """
    from tasks.ingest.events import list_files

    return objects.save_rows(SnapshotRef, Item, list_files(source))


@step(name="ingest-events", libraries=("pyarrow",))
def ingest_events(snapshot: SnapshotRef, source: Events, limits: Ingest) -> EventLists:
    """Read who chose what when, as a list of items for each user; rows that cannot be read are rejected.

    Args:
        snapshot: What `list_event_files` found.
        source: How to read it.
        limits: How much may be rejected.

    Raises:
        DataError: Nothing, or too little, could be read.
    """
    from tasks.ingest.events import read_events

    lines, names, rejected = read_events(source, objects.load_rows(snapshot, Item))
    events = sum(len(line.words) for line in lines)
    if not lines or len(rejected) / (events + len(rejected)) > limits.max_rejected_share:
        first = f"; first: {rejected[0].item} {rejected[0].detail}" if rejected else ""
        raise DataError(
            f"{len(rejected)} of {events + len(rejected)} events cannot be read{first}; name the columns with "
            "events.user, events.item and events.time, or raise ingest.max_rejected_share"
        )
    steps.log_metrics(users=len(lines), events=events, rejected=len(rejected))
    return EventLists(
        lines=objects.save_rows(LinesRef, Line, lines),
        names=objects.save_rows(LinesRef, Line, names),
        rejected=objects.save_rows(RejectedRef, Rejected, rejected),
    )


@step(name="ingest-documents", run_name="ingest-documents {source.kind}", libraries=("pyarrow",))
def ingest_documents(snapshot: SnapshotRef, source: Source, limits: Ingest, encoder: Encoder) -> Ingested:
    """Read the documents of a listed source; reject what cannot be read, with the reason.

    Args:
        snapshot: What `list_items` found.
        source: How to read it.
        limits: How much may be rejected.
        encoder: Whose tokens the budget of `python-docs` counts.

    Raises:
        DataError: Nothing, or too little, could be read.
    """
    from tasks.ingest.sources import read_source

    tokenizer = encoder_base.tokenizer(encoder)
    found = read_source(
        source,
        objects.load_rows(snapshot, Item),
        lambda texts: [len(e.ids) for e in tokenizer.encode_batch(list(texts), add_special_tokens=False)],
        KeptPages(source.ocr) if isinstance(source, Files) and source.ocr is not None else None,
        keep_duplicates=limits.duplicates == "keep",
    )
    bad = _bad_of(found, limits)
    characters = sum(len(d.text) for d in found.documents)
    repeated = {"duplicates": len(found.rejected) - len(bad) + found.counts["duplicates"]}
    steps.log_metrics(
        documents=len(found.documents), characters=characters, rejected=len(bad), left_out=found.left_out,
        **{**found.counts, **repeated},
    )  # fmt: skip
    return Ingested(
        documents=objects.save_rows(DocumentsRef, Document, found.documents),
        rejected=objects.save_rows(RejectedRef, Rejected, found.rejected),
        counts={"left_out": found.left_out, **found.counts},
        notes=tuple(found.notes),
    )


def _bad_of(found: "SourceContents", limits: Ingest) -> list[Rejected]:
    """Return the items of a source that cannot be read, those that repeat a text left out.

    Raises:
        DataError: Nothing, or too little, could be read.
    """
    items = len(found.documents) + len(found.rejected)
    bad = [r for r in found.rejected if r.reason not in REPEATED]
    if not items:
        raise DataError(f"the source holds no documents but {found.left_out} beyond source.max_tokens; raise it")
    if not found.documents or len(bad) / items > limits.max_rejected_share:
        reasons = ", ".join(f"{n} {reason}" for reason, n in Counter(r.reason for r in found.rejected).most_common(3))
        first = f"{found.rejected[0].item} {found.rejected[0].detail}"
        raise DataError(
            f"{len(found.rejected)} of {items} items cannot be read ({reasons}; first: {first}); "
            "fix them or raise ingest.max_rejected_share"
        )
    return bad
