"""Pairs that nobody has labelled: which texts are put together, and what the score of a cross-encoder makes of them.

Shapes: A anchors, M texts, D width.
Source: augmented SBERT, Thakur et al. 2020, arXiv:2010.08240: candidates by semantic search with an encoder, labelled
by a cross-encoder that was trained on what people have labelled.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tasks.data.pairs import TextPair
from tasks.finetune.contamination import plain
from tasks.metrics.intervals import Interval, drawn_rows, percentile_interval
from tasks.metrics.judged import spearman
from tasks.vectors import nearest

Floats = npt.NDArray[np.float32]
TENTHS = 10
RESAMPLES, SEED = 1_000, 0


def alike_pairs(
    rows: Sequence[TextPair],
    anchors: Floats,
    texts: Sequence[str],
    vectors: Floats,
    *,
    per_anchor: int,
) -> list[TextPair]:
    """Return for each different anchor the texts that are most alike to it and stand beside it in no row.

    Args:
        rows: A pairs that have a label.
        anchors: (A, D) unit-length rows of their anchors.
        texts: M texts.
        vectors: (M, D) unit-length rows.
        per_anchor: Pairs of each anchor at most.

    Returns:
        Pairs at score 0, in the order of the anchors, most alike first; no two of the same texts, either way round.
    """
    known = {_both(row.anchor, row.positive) for row in rows}
    beside: dict[str, int] = {}
    first: dict[str, int] = {}
    for number, row in enumerate(rows):
        for text in row.texts:
            beside[plain(text)] = beside.get(plain(text), 0) + 1
        first.setdefault(plain(row.anchor), number)
    numbers = list(first.values())
    # An anchor passes over itself, its partners, and what was already paired with it from the other side.
    most = max((beside[name] for name in first), default=0)
    near, _ = nearest.exact(vectors, anchors[numbers], min(len(texts), 2 * per_anchor + most + 1))
    found = []
    for number, ranked in zip(numbers, near, strict=True):
        taken = 0
        for at in ranked.tolist():
            pair = _both(rows[number].anchor, texts[at])
            if taken == per_anchor or len(pair) < 2 or pair in known:
                continue
            known.add(pair)
            taken += 1
            row = rows[number]
            found.append(TextPair(f"{row.id}~{at}", row.anchor, texts[at], score=0.0, group=row.group))
    return found


def scored(pairs: Sequence[TextPair], logits: Floats) -> list[TextPair]:
    """Return pairs with the score, 0..1, that a cross-encoder gives them; those without a number are left out.

    Args:
        pairs: P pairs.
        logits: (P,) as the model gives them, before the sigmoid that it was trained under; NaN where it gave none.
    """
    with np.errstate(over="ignore"):  # exp of a large number is infinite, and the score then 0
        shares = 1.0 / (1.0 + np.exp(-logits.astype(np.float64)))
    return [replace(pair, score=float(s)) for pair, s in zip(pairs, shares, strict=True) if np.isfinite(s)]


def as_rows(pairs: Sequence[TextPair], kind: str, same_above: float) -> list[TextPair]:
    """Return scored pairs as rows of a format: with the score itself, or for relations 1 where they belong together.

    A cross-encoder names no relation, so the label is empty.
    """
    if kind == "scored":
        return list(pairs)
    return [replace(pair, score=float(pair.score >= same_above)) for pair in pairs]


def agreement(gold: Sequence[TextPair], labelled: Sequence[TextPair]) -> tuple[float, Interval, int]:
    """Return how the scores of a cross-encoder follow what people have said of the same pairs.

    Args:
        gold: Rows with the label of people as a score.
        labelled: The same rows, by id, with the score of the cross-encoder; some may be missing.

    Returns:
        Spearman's correlation (0 where either side says the same throughout), its 95 % interval from resampled rows
        (-1 to 1 where there are none), and the number of rows.
    """
    said = {row.id: row.score for row in gold}
    ours = np.array([row.score for row in labelled])
    theirs = np.array([said[row.id] for row in labelled])
    if not len(ours):
        return 0.0, (-1.0, 1.0), 0
    samples = [spearman(theirs[rows], ours[rows]) for rows in drawn_rows(len(ours), resamples=RESAMPLES, seed=SEED)]
    return spearman(theirs, ours), percentile_interval(samples), len(ours)


def tenths(pairs: Sequence[TextPair]) -> tuple[int, ...]:
    """Return how many scores lie in each tenth of 0..1; 1 itself lies in the last."""
    counted = np.histogram([pair.score for pair in pairs], bins=TENTHS, range=(0.0, 1.0))[0]
    return tuple(int(count) for count in counted)


def _both(one: str, other: str) -> frozenset[str]:
    return frozenset((plain(one), plain(other)))
