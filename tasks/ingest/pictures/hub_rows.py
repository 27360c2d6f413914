"""Rows of a data set of the hub as pictures of a folder: undecoded, so that a process apart decodes them."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from configs.ingest import Hub
from configs.pictures import PictureHub
from tasks.data.documents import Item, Rejected
from tasks.errors import ContractError
from tasks.ingest import hub
from tasks.ingest.pictures.beside import Beside
from tasks.ingest.pictures.limits import PictureLimits
from tasks.ingest.pictures.read import Source
from tasks.ingest.pictures.table import TableRow, content_of
from tasks.ingest.pictures.told import PictureWords
from tasks.text.sentences import unfit

NO_LABEL = -1  # of a `ClassLabel` whose row has none, as `datasets` writes test sets


def list_rows(source: PictureHub) -> list[Item]:
    """Describe a data set as it is now.

    Raises:
        DataError: There is no such data set, subset, split or column.
        ContractError: The column holds no pictures.
        RemoteError: The hub does not answer.
        MissingExtra: `datasets` is not installed.
    """
    items = hub.list_hub(_asked(source))
    with hub.opened_rows(_asked(source), items) as (rows, _):
        _check(source, rows.features)
    return items


def rows_of(
    source: PictureHub, items: Sequence[Item], limits: PictureLimits, beside: Beside
) -> Iterator[tuple[str, Source]]:
    """Yield the pictures of a listed data set: their names, and what gives their bytes.

    Args:
        source: Which data set, and its columns.
        items: What `list_rows` found.
        limits: Bytes a picture may have.
        beside: Where words and fields are put down by the name of the picture, before it is yielded.

    Raises:
        DataError: It changed since, or cannot be read.
        RemoteError: The hub does not answer.
    """
    seen: set[str] = set()
    with hub.opened_rows(_asked(source), items) as (rows, total):
        classes = _classes(source, rows.features)
        streamed = iter(rows.decode(False) if rows.features is not None else rows)
        for number, row in enumerate(itertools.islice(streamed, source.max_rows), start=1):
            own = row.get(source.id) if source.id is not None else None
            name = f"{source.split} row {number:06}" if own in (None, "") else str(own)
            if name in seen:
                detail = "is the second row of that name; give rows names of their own"
                yield name, _given(Rejected(name, "repeated-id", detail))
                continue
            seen.add(name)
            _note_words(name, row, source, classes, beside)
            yield name, _given(content_of(TableRow(name, row.get(source.picture)), limits))
        beyond = total - source.max_rows if total else sum(1 for _ in itertools.islice(streamed, 1))
        beside.left_out = max(0, beyond)


def _asked(source: PictureHub) -> Hub:
    """Return the data set as the reader of hub rows knows it."""
    return Hub(
        dataset=source.dataset, subset=source.subset, split=source.split, text=source.picture, title=source.text,
        id=source.id, keep=source.keep, revision=source.revision, max_rows=source.max_rows,
    )  # fmt: skip


def _check(source: PictureHub, features: Mapping[str, Any] | None) -> None:
    """Check that the column holds pictures, where the data set says what its columns are.

    Raises:
        ContractError: It holds something else, or a column to keep is missing.
    """
    if features is None:
        return
    if missing := [name for name in source.keep if name not in features]:
        raise ContractError(f"{source.dataset} has no column {missing[0]!r} of source.keep; take it out")
    kind = features[source.picture]
    held = kind.get("bytes") if isinstance(kind, Mapping) else kind
    if type(held).__name__ == "Image" or getattr(held, "dtype", "") in ("binary", "large_binary"):
        return
    raise ContractError(
        f"column {source.picture!r} of {source.dataset} holds {kind}, no pictures; name another in source.picture"
    )


def _classes(source: PictureHub, features: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the columns to keep whose numbers stand for names of classes."""
    return {
        name: features[name] for name in source.keep if features is not None and hasattr(features[name], "int2str")
    }


def _note_words(
    name: str, row: Mapping[str, Any], source: PictureHub, classes: Mapping[str, Any], beside: Beside
) -> None:
    """Put down what a row says of its picture; words that are no text are rejected, and the picture stays."""
    kept = {}
    for column in source.keep:
        value = row.get(column)
        if value is None:
            continue
        if column in classes and value == NO_LABEL:
            continue
        of_class = column in classes and isinstance(value, int) and 0 <= value < classes[column].num_classes
        kept[column] = str(classes[column].int2str(value) if of_class else value)
    text = row.get(source.text) if source.text is not None else ""
    if text is None:  # a picture without a description is one as it is
        text = ""
    if not isinstance(text, str):
        told = f"column {source.text!r} holds no text but a {type(text).__name__}"
        beside.unread.append(Rejected(name, "bad-row", told))
        text = ""
    elif text.strip() and (bad := unfit(text)) is not None:
        beside.unread.append(Rejected(name, bad[0], f"column {source.text!r} {bad[1]}"))
        text = ""
    beside.words[name] = PictureWords(text.strip(), kept)


def _given(found: bytes | Rejected) -> Source:
    return lambda: found
