"""Measures of rankings and of decisions, and the intervals around them.

Source: precision, recall and average precision as in Manning, Raghavan & Schütze, "Introduction to Information
Retrieval", 2008, chapter 8; nDCG, Järvelin & Kekäläinen 2002, doi:10.1145/582415.582418 (binary gains); bootstrap,
Efron 1979; interval of a share, Wilson 1927, doi:10.1080/01621459.1927.10502953.
"""

import math
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from tasks.errors import ContractError

Z_95 = 1.959963984540054
Interval = tuple[float, float]


def recall_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the share of the relevant documents among the first `k`."""
    _check(relevant)
    return len(set(ranked[:k]) & set(relevant)) / len(set(relevant))


def precision_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the share of the first `k` that is relevant; places that a shorter ranking leaves empty are not."""
    _check(relevant)
    return len(set(ranked[:k]) & set(relevant)) / k


def average_precision(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the mean, over the relevant documents, of the precision at their ranks; beyond the first `k` it is 0."""
    _check(relevant)
    found = [rank for rank, name in enumerate(ranked[:k], start=1) if name in relevant]
    return sum(number / rank for number, rank in enumerate(found, start=1)) / len(set(relevant))


def reciprocal_rank(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return one over the rank of the first relevant document among the first `k`; 0 if there is none."""
    _check(relevant)
    return next((1 / rank for rank, name in enumerate(ranked[:k], start=1) if name in relevant), 0.0)


def ndcg_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the discounted gain of the first `k` over that of the best ranking; every relevant one gains 1."""
    _check(relevant)
    gain = sum(1 / math.log2(rank + 1) for rank, name in enumerate(ranked[:k], start=1) if name in relevant)
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(set(relevant))) + 1))
    return gain / best


def bootstrap_mean(values: Sequence[float], *, resamples: int, seed: int) -> tuple[float, Interval]:
    """Return the mean of values, one a question, and the 95 % percentile interval of resampled means."""
    array = _at_least_one(values)
    means = _resampled(array, resamples, seed)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(array.mean()), (float(low), float(high))


def paired_bootstrap(
    ours: Sequence[float], theirs: Sequence[float], *, resamples: int, seed: int
) -> tuple[float, Interval]:
    """Return the mean difference `ours - theirs` over the same questions and its 95 % interval.

    Raises:
        ContractError: They are not as many.
    """
    if len(ours) != len(theirs):
        raise ContractError(f"there are {len(ours)} values against {len(theirs)}; both must answer the same questions")
    return bootstrap_mean([a - b for a, b in zip(ours, theirs, strict=True)], resamples=resamples, seed=seed)


def wilson(hits: int, trials: int) -> Interval:
    """Return the 95 % interval of a share.

    Raises:
        ContractError: There were no trials, or more hits than trials.
    """
    if not 0 <= hits <= trials or trials == 0:
        raise ContractError(f"{hits} hits of {trials} trials is no share")
    share, z2 = hits / trials, Z_95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z_95 * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return max(0.0, centre - half), min(1.0, centre + half)


def _resampled(array: npt.NDArray[np.float64], resamples: int, seed: int) -> npt.NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return np.array([array[rng.integers(0, len(array), len(array))].mean() for _ in range(resamples)])


def _at_least_one(values: Sequence[float]) -> npt.NDArray[np.float64]:
    if not len(values):
        raise ContractError("there are no values to average; ask at least one question")
    return np.asarray(values, dtype=np.float64)


def _check(relevant: Collection[str]) -> None:
    if not relevant:
        raise ContractError("no document is relevant to the question; leave unanswerable questions out of rankings")
