import pytest

from tasks.data.evaluation import Measure, Scored
from tasks.evaluate.core import judge_ways
from tasks.evaluate.task_measures import save_measures
from tasks.runtime import steps


def test_a_way_that_is_fixed_has_no_interval_and_the_difference_from_it_has_that_of_the_other() -> None:
    scored = [Scored(str(n), way, "told", value) for way, value in (("ours", 1.0), ("fixed", 0.5)) for n in range(16)]
    ours, fixed, difference = judge_ways(scored, resamples=200, seed=0)
    assert fixed.stated() == {"value": 0.5, "n": 16}
    assert (difference.low, difference.high) == pytest.approx((ours.low - 0.5, ours.high - 0.5))


@pytest.mark.usefixtures("home")
def test_a_measure_without_an_interval_is_logged_without_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: dict[str, float] = {}
    monkeypatch.setattr(steps, "log_metrics", lambda group, **metrics: logged.update(metrics))
    save_measures("topics", [Measure("DBCV", "topics", 0.7, 0.7, 0.7, 30), Measure("noise", "topics", 0, 0, 0.1, 30)])
    assert logged == {"dbcv": 0.7, "dbcv.n": 30, "noise": 0, "noise.low": 0, "noise.high": 0.1, "noise.n": 30}
