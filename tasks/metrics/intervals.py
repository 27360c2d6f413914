"""Intervals of means and shares: one bootstrap, one Wilson interval.

Source: Efron & Tibshirani 1993 (percentile bootstrap); Wilson 1927, doi:10.1080/01621459.1927.10502953; difference of
two shares from the interval of each, Newcombe 1998, Statistics in Medicine 17, 873 (method 10).
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tasks.errors import ContractError

Z_95 = 1.959963984540054
Interval = tuple[float, float]
FEW = 10  # values; fewer are not resampled
# 97.5 % quantiles of Student's distribution, 1 to 8 degrees of freedom.
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306)


def mean_interval(values: Sequence[float], *, resamples: int, seed: int) -> tuple[float, Interval]:
    """Return the mean of values from 0 to 1, one a question, and its 95 % interval.

    Values that are all 0 or 1 are a share, whose interval is Wilson's: that of a share of 0 or 1 has a width, where
    every resample would be the same. Of other values it is the percentile interval of resampled means.

    Raises:
        ContractError: There are no values.
    """
    array = _at_least_one(values)
    if np.isin(array, (0.0, 1.0)).all():
        return float(array.mean()), wilson(int(array.sum()), len(array))
    if len(array) == 1:
        return float(array[0]), (0.0, 1.0)  # one value says nothing of how values differ
    mean, (low, high) = bootstrap_mean(values, resamples=resamples, seed=seed)
    return mean, (max(0.0, low), min(1.0, high))


def bootstrap_mean(values: Sequence[float], *, resamples: int, seed: int) -> tuple[float, Interval]:
    """Return the mean of values, one a question, and the 95 % percentile interval of resampled means.

    Fewer than ten values are not resampled, for that makes intervals of them too narrow: theirs is Student's. One
    value has none, and its ends are itself.
    """
    array = _at_least_one(values)
    if len(array) < FEW:
        half = STUDENT[len(array) - 2] * float(array.std(ddof=1)) / math.sqrt(len(array)) if len(array) > 1 else 0.0
        return float(array.mean()), (float(array.mean()) - half, float(array.mean()) + half)
    means = [array[rows].mean() for rows in drawn_rows(len(array), resamples=resamples, seed=seed)]
    return float(array.mean()), percentile_interval(means)


def drawn_rows(size: int, *, resamples: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the rows of each bootstrap sample: (size,) numbers below `size`, drawn with replacement."""
    random = np.random.default_rng(seed)
    for _ in range(resamples):
        yield random.integers(0, size, size)


def percentile_interval(samples: Sequence[float] | npt.NDArray[np.float64]) -> Interval:
    """Return the 95 % interval of a measure from its values on bootstrap samples."""
    low, high = np.percentile(samples, [2.5, 97.5])
    return float(low), float(high)


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


def paired_interval(
    ours: Sequence[float], theirs: Sequence[float], *, resamples: int, seed: int
) -> tuple[float, Interval]:
    """Return the mean difference of values from 0 to 1 over the same questions and its 95 % interval.

    It is that of `paired_bootstrap`, but where no pair differs, or each side has one value throughout, every
    resample would be the same. The first is as wide as the share of pairs that may differ unseen; the second is made
    of the intervals of the two means. A value that is neither 0 nor 1 is fixed, as that of guessing.

    Raises:
        ContractError: They are not as many.
    """
    mean, interval = paired_bootstrap(ours, theirs, resamples=resamples, seed=seed)
    if not all(0 <= value <= 1 for value in (*ours, *theirs)):  # rewards
        return mean, interval
    if list(ours) == list(theirs):
        unseen = wilson(0, len(ours))[1]
        return 0.0, (-unseen, unseen)
    if len(ours) == 1:
        return mean, (-1.0, 1.0)
    if mean == 0 or len(set(ours)) > 1 or len(set(theirs)) > 1:
        return mean, (max(-1.0, interval[0]), min(1.0, interval[1]))
    ends = [mean_interval(values, resamples=resamples, seed=seed)[1] for values in (ours, theirs)]
    (low, high), (their_low, their_high) = ends
    below = math.hypot(ours[0] - low, their_high - theirs[0])
    above = math.hypot(high - ours[0], theirs[0] - their_low)
    return mean, (mean - below, mean + above)


def wilson(hits: int, trials: int) -> Interval:
    """Return the 95 % interval of a share; that of a share of 0 begins at 0, that of a share of 1 ends at 1.

    Raises:
        ContractError: There were no trials, or more hits than trials.
    """
    if not 0 <= hits <= trials or trials == 0:
        raise ContractError(f"{hits} hits of {trials} trials is no share")
    share, z2 = hits / trials, Z_95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z_95 * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return 0.0 if hits == 0 else max(0.0, centre - half), 1.0 if hits == trials else min(1.0, centre + half)


def _at_least_one(values: Sequence[float]) -> npt.NDArray[np.float64]:
    if not len(values):
        raise ContractError("there are no values to average; ask at least one question")
    return np.asarray(values, dtype=np.float64)
