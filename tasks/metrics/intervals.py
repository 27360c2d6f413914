"""Intervals of means and shares: one bootstrap, one Wilson interval.

Source: Efron & Tibshirani 1993 (percentile bootstrap); Wilson 1927, doi:10.1080/01621459.1927.10502953.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.errors import ContractError

Z_95 = 1.959963984540054
Interval = tuple[float, float]


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
