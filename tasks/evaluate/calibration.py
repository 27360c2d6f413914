"""The calibration error with its bias taken off, and an interval that holds its value.

The sum over bins of how far confidence and accuracy are apart is above 0 of texts that are perfectly calibrated, and
its resamples are above it once more: the percentile interval of 300 such texts never holds the true 0. So the bias
that resampling shows is taken off, and the lower end is 0 where labels drawn by the stated probabilities are as far
off as these. The test of this module simulates texts that are 0 to 0.15 off, and counts how often the interval holds
the true value.

Shapes: N texts, D decisions of each, R resamples.
Source: calibration error, Naeini et al. 2015, AAAI, equal bins; its bias, Roelofs et al. 2022, AISTATS; bootstrap
estimate of bias, Efron & Tibshirani 1993, chapter 10; consistency resampling, Bröcker & Smith 2007, Weather and
Forecasting 22, 651.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.metrics.intervals import Interval

Floats = npt.NDArray[np.float64]


def bin_of(sure: Floats, bins: int) -> npt.NDArray[np.int64]:
    """Return the bin of each confidence: equal widths from 0 to 1, the upper end belonging to the bin."""
    return np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)


def plain_error(weights: Floats, sure: Floats, right: Floats, bins: int) -> float:
    """Return the calibration error as it is: the sum over bins of how far confidence and accuracy are apart.

    Args:
        weights: (N,) how often each text counts.
        sure: (N, D) confidence of each decision, 0 to 1.
        right: (N, D) whether it is right.
        bins: How many.
    """
    gap = np.bincount(bin_of(sure, bins).ravel(), weights=(weights[:, None] * (right - sure)).ravel(), minlength=bins)
    return float(np.abs(gap).sum() / (weights.sum() * sure.shape[1]))


def calibration_error(
    sure: Floats, right: Floats, draws: Sequence[Floats], *, bins: int, seed: int
) -> tuple[float, Interval]:
    """Return the calibration error less its bias, and its 95 % interval, which holds it.

    Args:
        sure: (N, D) confidence of each decision, 0 to 1.
        right: (N, D) whether it is right.
        draws: R arrays (N,) of how often each text is in a resample.
        bins: How many.
        seed: Same seed, same labels drawn.
    """
    ones, random = np.ones(len(sure)), np.random.default_rng(seed)
    plain = plain_error(ones, sure, right, bins)
    resampled = np.array([plain_error(weights, sure, right, bins) for weights in draws])
    bias = max(0.0, float(resampled.mean()) - plain)
    lower, upper = np.percentile(resampled, [2.5, 97.5])
    value = max(0.0, plain - bias)
    calibrated = [plain_error(ones, sure, (random.random(sure.shape) < sure).astype(np.float64), bins) for _ in draws]
    low = 0.0 if plain <= np.percentile(calibrated, 97.5) else max(0.0, float(lower) - 2 * bias)
    return value, (min(low, value), max(float(upper) - bias, value))
