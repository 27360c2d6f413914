"""What vectors, or scores, are worth on a set whose answers are known: the only implementations.

A retrieval set gives nDCG, a listed one average precision, labels whether the nearest text has the right one, pairs
with a score Spearman's correlation.

Shapes: N texts on the left, M on the right, D width, P pairs.
Source: correlation of ranks on scored pairs, Reimers & Gurevych 2019, arXiv:1908.10084.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.data.pairs import JudgedAs, Truth
from tasks.errors import ContractError
from tasks.metrics.ranking import average_precision, ndcg_at
from tasks.vectors import nearest

Floats = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]
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
            return listed_precision(truths, cosines)
        case "similarity":
            cosines = np.einsum("pd,pd->p", left[[t.left for t in truths]], right[[t.right for t in truths]])
            return Performance("Spearman", cosines.astype(np.float64), np.array([t.value for t in truths]))
        case "nearest-label":
            return Performance("1-NN accuracy", _nearest_label(left, right, truths))


def listed_precision(truths: Sequence[Truth], scores: npt.NDArray[np.floating]) -> Performance:
    """Measure how the listed texts of each left one are ranked by a score: average precision.

    Args:
        truths: P pairs, relevant where their value is above 0.
        scores: (P,) of a model, higher first; among equal ones those that are not relevant come first, so that a
            model that scores all alike wins nothing.
    """
    by_left: dict[int, list[tuple[float, int, str, bool]]] = {}
    for place, (truth, score) in enumerate(zip(truths, scores.tolist(), strict=True)):
        by_left.setdefault(truth.left, []).append((-score, truth.value > 0, str(place), truth.value > 0))
    values = []
    for mine in by_left.values():
        ranked = [name for _, _, name, _ in sorted(mine)]
        values.append(average_precision(ranked, {name for _, _, name, relevant in mine if relevant}, len(ranked)))
    return Performance("MAP", np.array(values))


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
    ranks = _ranks(values), _ranks(scores)
    spread = ranks[0].std() * ranks[1].std()
    if spread == 0:
        return 0.0
    return float(((ranks[0] - ranks[0].mean()) * (ranks[1] - ranks[1].mean())).mean() / spread)


def _ranks(values: Values) -> Values:
    """Return the rank of each value, equal ones sharing the mean of theirs."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-np.inf))
    counts = np.diff(np.append(starts, len(values)))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(starts + (counts - 1) / 2, counts)
    return ranks
