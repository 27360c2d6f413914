import numpy as np
import pytest
from scipy.special import expit

from tasks.data.answers import Threshold


@pytest.mark.parametrize("signals", [(0.0, 0.0), (0.4, 0.5), (-90.0, 3.0), (90.0, 1.0)])
def test_a_threshold_turns_signals_into_a_probability(signals: tuple[float, float]) -> None:
    threshold = Threshold(below=0.5, weights=(20.0, 4.0), intercept=-7.0)
    assert threshold.probability(*signals) == pytest.approx(expit(np.dot((20.0, 4.0), signals) - 7.0))


def test_a_threshold_without_weights_knows_no_probability() -> None:
    assert Threshold(below=0.35).probability(0.4, 0.5) is None


def test_another_number_of_signals_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Threshold(below=0.5, weights=(1.0, 2.0)).probability(0.4)
