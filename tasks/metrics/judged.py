"""What vectors, or scores, are worth on a set whose answers are known: the only implementations.

A retrieval set gives nDCG, a listed one average precision, labels whether the nearest text has the right one, pairs
with a score Spearman's correlation.

Shapes: N texts on the left, M on the right, D width, P pairs.
Source: correlation of ranks on scored pairs, Reimers & Gurevych 2019, arXiv:1908.10084.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from tasks.data.pairs import JudgedAs, Truth
from tasks.errors import ContractError
from tasks.metrics.ranking import average_precision, ndcg_at, reciprocal_rank
from tasks.vectors import nearest

Floats = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]
RANK_CONSTANT = 60  # as its source
BLOCK = 1_024  # rows of the left whose cosines are in memory at a time


@dataclass(frozen=True, slots=True)
class Performance:
    """What one model reached on a set: a value an item, or for scored pairs cosine and score of each.

    Attributes:
        metric: What was measured.
        values: (N,) of items; (P,) cosines of pairs.
        scores: (P,) what the pairs should have; None where items have values.
    """

    metric: str
    values: Values
    scores: Values | None = None

    @property
    def mean(self) -> float:
        """The value of the whole set."""
        return float(self.values.mean()) if self.scores is None else spearman(self.values, self.scores)


def perform(judged_as: JudgedAs, left: Floats, right: Floats, truths: Sequence[Truth], k: int) -> Performance:
    """Measure a model on one set.

    Args:
        judged_as: How.
        left: (N, D) unit-length rows.
        right: (M, D) unit-length rows.
        truths: What is known of them.
        k: Texts a ranking is judged on.

    Raises:
        ContractError: There is nothing to measure.
    """
    if not truths:
        raise ContractError("a judged set without a truth measures nothing; give rows to judge by")
    match judged_as:
        case "retrieval":
            return Performance(f"nDCG@{k}", _retrieval(left, right, truths, k))
        case "listed":
            cosines = np.einsum("pd,pd->p", left[[t.left for t in truths]], right[[t.right for t in truths]])
            return listed(truths, cosines)
        case "similarity":
            cosines = np.einsum("pd,pd->p", left[[t.left for t in truths]], right[[t.right for t in truths]])
            return Performance("Spearman", cosines.astype(np.float64), np.array([t.value for t in truths]))
        case "nearest-label":
            return Performance("1-NN accuracy", _nearest_label(left, right, truths))


def listed(
    truths: Sequence[Truth], scores: npt.NDArray[np.floating], metric: Literal["MAP", "MRR"] = "MAP"
) -> Performance:
    """Measure how the listed texts of each left one are ranked by a score.

    Args:
        truths: P pairs, relevant where their value is above 0.
        scores: (P,) of a model, higher first; among equal ones those that are not relevant come first, so that a
            model that scores all alike wins nothing. What is no number comes last.
        metric: MAP, average precision; MRR, one over the rank of the first relevant text.
    """
    measure = {"MAP": average_precision, "MRR": reciprocal_rank}[metric]
    values = []
    for rows in rows_by_left(truths):
        cells = sorted((-_finite(float(scores[row])), truths[row].value > 0, str(row)) for row in rows)
        values.append(measure([name for _, _, name in cells], {name for _, good, name in cells if good}, len(cells)))
    return Performance(metric, np.array(values))


def fused_scores(truths: Sequence[Truth], one: Values, other: Values) -> Values:
    """Return (P,) scores that join two by reciprocal ranks among the texts of each left one.

    Source: Cormack, Clarke & Buettcher, SIGIR 2009, doi:10.1145/1571941.1572114.
    """
    fused = np.zeros(len(truths))
    for rows in rows_by_left(truths):
        for each in (one, other):
            order = sorted(rows, key=[-_finite(float(score)) for score in each].__getitem__)
            fused[order] += 1.0 / (RANK_CONSTANT + np.arange(1, len(order) + 1))
    return fused


def rows_by_left(truths: Sequence[Truth]) -> list[list[int]]:
    """Return the rows of the truths of each left text, in the order they first appear."""
    found: dict[int, list[int]] = {}
    for row, truth in enumerate(truths):
        found.setdefault(truth.left, []).append(row)
    return list(found.values())


def _finite(score: float) -> float:
    return float(score) if np.isfinite(score) else -math.inf


def _retrieval(left: Floats, right: Floats, truths: Sequence[Truth], k: int) -> Values:
    relevant: dict[int, set[str]] = {}
    for truth in truths:
        relevant.setdefault(truth.left, set()).add(str(truth.right))
    rows = sorted(relevant)
    found, _ = nearest.exact(right, left[rows], min(k, len(right)))
    return np.array(
        [ndcg_at([str(at) for at in ranked], relevant[row], k) for row, ranked in zip(rows, found, strict=True)]
    )


def _nearest_label(left: Floats, right: Floats, truths: Sequence[Truth]) -> Values:
    asked = {t.left: t.value for t in truths if t.right < 0}
    known = {t.right: t.value for t in truths if t.left < 0}
    rows, columns = sorted(asked), np.array(sorted(known))
    classes = np.array([known[c] for c in columns.tolist()])
    hits = []
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        best = (left[part] @ right[columns].T).argmax(axis=1)
        hits += (classes[best] == np.array([asked[row] for row in part])).tolist()
    return np.array(hits, dtype=np.float64)


def spearman(values: Values, scores: Values) -> float:
    """Return Spearman's correlation of ranks; 0 where either side has one value throughout."""
    ranks = rankdata(values), rankdata(scores)
    return 0.0 if min(np.ptp(side) for side in ranks) == 0 else float(np.corrcoef(*ranks)[0, 1])
