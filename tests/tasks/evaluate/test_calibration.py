"""The calibration error is that of the definition less its bias, and lies inside its interval."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.evaluate.calibration import calibration_error, plain_error

Floats = npt.NDArray[np.float64]


def told(texts: int, off: float, seed: int) -> tuple[Floats, Floats]:
    """Return confidences from 0.5 to 1, and whether each text is right, so often less as is stated."""
    random = np.random.default_rng(seed)
    sure = random.uniform(0.5, 1, (texts, 1))
    return sure, (random.random((texts, 1)) < sure - off).astype(np.float64)


def resampled(texts: int, count: int) -> list[Floats]:
    random = np.random.default_rng(7)
    return [random.multinomial(texts, np.full(texts, 1 / texts)).astype(np.float64) for _ in range(count)]


def test_the_plain_error_is_the_sum_over_bins_of_how_far_sure_and_right_are_apart() -> None:
    sure, right = told(120, 0.1, 0)
    expected = 0.0
    for low in np.arange(10) / 10:
        inside = (sure > low) & (sure <= low + 0.1)
        if inside.any():
            expected += inside.mean() * abs(sure[inside].mean() - right[inside].mean())
    assert plain_error(np.ones(120), sure, right, 10) == pytest.approx(expected)


@pytest.mark.parametrize("off", [0.0, 0.05, 0.15])
def test_the_interval_holds_the_true_error_nearly_always(off: float) -> None:
    draws = resampled(200, 60)
    found = [calibration_error(*told(200, off, seed), draws, bins=10, seed=0) for seed in range(60)]
    assert np.mean([low <= off <= high for _, (low, high) in found]) >= 0.85  # 60 intervals of 95 %
    plain = [plain_error(np.ones(200), *told(200, off, seed), 10) for seed in range(60)]
    assert abs(np.mean([value for value, _ in found]) - off) <= abs(np.mean(plain) - off) + 0.005


@given(st.integers(2, 40), st.integers(1, 3), st.integers(0, 10**6))
def test_no_value_lies_outside_its_interval(texts: int, decisions: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    sure = random.random((texts, decisions)).round(1)
    right = (random.random(sure.shape) < random.random()).astype(np.float64)
    value, (low, high) = calibration_error(sure, right, resampled(texts, 8), bins=5, seed=seed)
    assert 0 <= low <= value <= high <= 1
