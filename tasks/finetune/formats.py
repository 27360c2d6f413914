"""Formats of examples: cells of rows to pairs of texts, a row that cannot be used being the reason why.

Source: ours; that a title stands for a query of its document, Izacard et al. 2022, arXiv:2112.09118.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, assert_never

from configs.finetune_pairs import (
    LabelColumn,
    PairColumns,
    PairFormat,
    RelationColumns,
    ScoredColumns,
    Sections,
    WrittenQuestions,
)
from tasks.data.documents import Document, Rejected
from tasks.data.pairs import TextPair
from tasks.errors import DataError
from tasks.finetune.draws import drawn
from tasks.text.sentences import sentences, unfit

Cells = Mapping[str, Any]
SHORTEST = 3  # words that a first sentence needs to stand for a question


def columns_of(text: str, form: PairFormat) -> tuple[str, ...]:
    """Return the columns that a format reads, the one that every row must have first."""
    match form:
        case Sections() | WrittenQuestions():
            return (text,)
        case PairColumns():
            return (text, form.positive, *((form.negative,) if form.negative else ()))
        case ScoredColumns():
            return (text, form.other, form.score)
        case RelationColumns():
            return (text, form.other, form.relation)
        case LabelColumn():
            return (text, form.column)
        case _:
            assert_never(form)


def pair_of(name: str, cells: Cells, text: str, form: PairFormat) -> TextPair | Rejected:
    """Make an example of the cells of a row, or say why it is none.

    Args:
        name: Where the row stands.
        cells: By column.
        text: Column of the first text.
        form: What the other columns are.
    """
    try:
        return _pair(name, cells, text, form)
    except _UnfitCell as bad:
        return Rejected(name, "bad-row", str(bad))


class _UnfitCell(Exception):
    """A cell that cannot be used, in words."""


def _pair(name: str, cells: Cells, text: str, form: PairFormat) -> TextPair:
    anchor = _text(cells, text)
    match form:
        case PairColumns():
            negative = _text(cells, form.negative) if form.negative else ""
            return TextPair(name, anchor, _other(cells, form.positive, anchor), negative, group=anchor)
        case ScoredColumns():
            score = _number(cells, form.score)
            if not form.low <= score <= form.high:
                raise _UnfitCell(f"{form.score!r} is {score:g}, outside {form.low:g} to {form.high:g}")
            share = (score - form.low) / (form.high - form.low)
            return TextPair(name, anchor, _text(cells, form.other), score=share, group=anchor)
        case RelationColumns():
            relation = _label(cells, form.relation)
            score = float(relation in form.same)
            return TextPair(name, anchor, _text(cells, form.other), score=score, label=relation, group=anchor)
        case LabelColumn():
            return TextPair(name, anchor, label=_label(cells, form.column), group=anchor)
        case Sections() | WrittenQuestions():
            raise _UnfitCell(f"{form.kind} are made of documents, not of rows")
        case _:
            assert_never(form)


def section_pairs(documents: Iterable[Document], form: Sections, seed: int) -> list[TextPair]:
    """Make pairs of documents alone: title and text, first sentence and the text that follows.

    Args:
        documents: Whose texts; one without a title gives no pair of that kind.
        form: Which pairs, how long, and of how many documents.
        seed: Draws the documents where there are too many.
    """
    found = []
    for document in drawn(list(documents), form.max_documents, seed):
        text = document.text.strip()
        if form.anchors != "first-sentence" and document.title and unfit(document.title) is None:
            found.append(_section(f"{document.id}#title", document.title, text, document.id, form))
        if form.anchors != "title" and (cut := _after_first(text)) is not None:
            found.append(_section(f"{document.id}#first", *cut, document.id, form))
    return found


def _section(name: str, anchor: str, text: str, document: str, form: Sections) -> TextPair:
    return TextPair(name, " ".join(anchor.split()), text[: form.max_characters].strip(), group=document)


def _after_first(text: str) -> tuple[str, str] | None:
    """Return the first sentence and what follows it; None where either is too short to say anything."""
    spans = sentences(text)
    if len(spans) < 2:
        return None
    first, rest = text[: spans[0][1]].strip(), text[spans[0][1] :].strip()
    return (first, rest) if len(first.split()) >= SHORTEST and len(rest.split()) >= SHORTEST else None


def _other(cells: Cells, column: str, anchor: str) -> str:
    text = _text(cells, column)
    if text == anchor:
        raise _UnfitCell(f"{column!r} is the same text as the first; two texts that belong together were needed")
    return text


def _text(cells: Cells, column: str) -> str:
    value = cells.get(column)
    if not isinstance(value, str):
        known = ", ".join(repr(str(name)[:40]) for name in list(cells)[:8])
        what = "no text (missing, null or a list)" if value is None else type(value).__name__
        raise _UnfitCell(f"column {column!r} holds {what}, text was needed; there are {known}")
    if (found := unfit(value)) is not None:
        raise _UnfitCell(f"column {column!r} {found[1]}")
    return value.strip()


def _label(cells: Cells, column: str) -> str:
    value = cells.get(column)
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int) or not str(value).strip():
        raise _UnfitCell(f"column {column!r} holds {type(value).__name__}, a label was needed")
    return str(value).strip()


def _number(cells: Cells, column: str) -> float:
    value = cells.get(column)
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise _UnfitCell(f"column {column!r} holds {str(value)[:40]!r}, a number was needed")
    return number


def rows_by_kind(read: Sequence[TextPair | Rejected]) -> tuple[list[TextPair], list[Rejected]]:
    """Return the examples and the rejected rows among what was read."""
    pairs = [row for row in read if isinstance(row, TextPair)]
    return pairs, [row for row in read if isinstance(row, Rejected)]


def require_same(pairs: Sequence[TextPair], form: PairFormat) -> None:
    """Refuse relations none of which says that two texts belong together.

    Raises:
        DataError: No row has one of those named.
    """
    if isinstance(form, RelationColumns) and not any(row.score > 0 for row in pairs):
        there = ", ".join(repr(name[:40]) for name in sorted({row.label for row in pairs})[:8])
        raise DataError(
            f"no relation in column {form.relation!r} is one of examples.same ({', '.join(form.same)}); there are "
            f"{there}: name those of texts that belong together"
        )
