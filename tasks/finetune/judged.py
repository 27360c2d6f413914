"""Held-out rows to sets that a model is judged by: texts on the left and right, and what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.data.pairs import JudgedAs, TextPair, Truth
from tasks.errors import DataError
from tasks.finetune.contamination import plain
from tasks.finetune.pairs import hold_out

FEWEST_LISTED = 16  # anchors with texts of both kinds; with fewer, cosines are held against scores where these differ


@dataclass(frozen=True, slots=True)
class Sides:
    """The texts of a judged set, each once, and what is known of them."""

    judged_as: JudgedAs
    left: list[str]
    right: list[str]
    truths: list[Truth]


def sides_of(kind: str, held: Sequence[TextPair], memory: Sequence[TextPair] = ()) -> Sides:
    """Return what a model is judged by on held-out rows of a format.

    Args:
        kind: Format of the rows; `ranked` for relations by which texts are ranked, however few they are.
        held: Rows held out.
        memory: Rows with labels whose nearest text decides, where the format is labels; left out, half of those held.

    Raises:
        DataError: Nothing can be judged by these rows.
    """
    if kind == "labels":
        known, asked = (memory, held) if memory else hold_out(held, 0.5, by_label=True, seed=0)
        return _nearest_label(asked, known)
    told = _told(held)
    if kind == "ranked":
        return _listed(told)
    if kind == "relations" and len(told) >= (FEWEST_LISTED if len({row.score for row in held}) > 1 else 1):
        return _listed(told)
    if kind in ("sections", "questions", "pairs"):
        return _retrieval(held)
    return _similarity(held)


def texts_judged(sides: Sides) -> list[str]:
    """Return the texts that must not be trained on: of labels those on the left, for the right is learned from."""
    return sides.left if sides.judged_as == "nearest-label" else [*sides.left, *sides.right]


def _numbered(texts: Sequence[str]) -> dict[str, int]:
    return {text: number for number, text in enumerate(dict.fromkeys(texts))}


def _retrieval(held: Sequence[TextPair]) -> Sides:
    """Each anchor looks for its partners among the partners, and negatives, of all."""
    left = _numbered([row.anchor for row in held])
    right = _numbered([text for row in held for text in (row.positive, row.negative) if text])
    if len(right) < 2:
        raise DataError(f"{len(held)} held-out rows hold {len(right)} text to be found; hold out more rows")
    pairs = dict.fromkeys((left[row.anchor], right[row.positive]) for row in held)
    return Sides("retrieval", list(left), list(right), [Truth(a, b, 1.0) for a, b in pairs])


def _told(held: Sequence[TextPair]) -> dict[str, dict[str, float]]:
    """Return the texts each anchor stands beside, with scores, of anchors that have some above 0 and some at 0."""
    scores: dict[str, dict[str, float]] = {}
    for row in held:
        mine = scores.setdefault(row.anchor, {})
        mine[row.positive] = max(row.score, mine.get(row.positive, 0.0))
        if row.negative:
            mine.setdefault(row.negative, 0.0)
    return {anchor: mine for anchor, mine in scores.items() if len({score > 0 for score in mine.values()}) == 2}


def _listed(told: dict[str, dict[str, float]]) -> Sides:
    """Each anchor ranks the texts of its rows.

    Raises:
        DataError: No anchor has texts of both kinds.
    """
    if not told:
        raise DataError(
            "no held-out text stands beside one that belongs to it and one that does not, so nothing can be ranked; "
            "hold out more rows, or set negatives={} where rows name none"
        )
    left, right = _numbered(list(told)), _numbered([text for mine in told.values() for text in mine])
    truths = [Truth(left[a], right[text], score) for a, mine in told.items() for text, score in mine.items()]
    return Sides("listed", list(left), list(right), truths)


def _similarity(held: Sequence[TextPair]) -> Sides:
    """The cosine of each pair is held against its score."""
    if len({row.score for row in held}) < 2:
        raise DataError("all held-out pairs have the same score, so no order can be compared; hold out more rows")
    left, right = _numbered([row.anchor for row in held]), _numbered([row.positive for row in held])
    return Sides(
        "similarity", list(left), list(right), [Truth(left[r.anchor], right[r.positive], r.score) for r in held]
    )


def _nearest_label(held: Sequence[TextPair], memory: Sequence[TextPair]) -> Sides:
    """Each held-out text takes the label of the nearest text that is learned from."""
    known = _first_of_each(memory)
    asked = _first_of_each(held)
    classes = _numbered(sorted({row.label for row in (*known, *asked)}))
    if not known or not asked or len(classes) < 2:
        raise DataError(f"{len(asked)} held-out and {len(known)} other texts have {len(classes)} labels; give more")
    truths = [Truth(at, -1, float(classes[row.label])) for at, row in enumerate(asked)]
    truths += [Truth(-1, at, float(classes[row.label])) for at, row in enumerate(known)]
    return Sides("nearest-label", [row.anchor for row in asked], [row.anchor for row in known], truths)


def _first_of_each(rows: Sequence[TextPair]) -> list[TextPair]:
    found: dict[str, TextPair] = {}
    for row in rows:
        found.setdefault(plain(row.anchor), row)
    return list(found.values())
