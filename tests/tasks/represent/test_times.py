"""Times are cut into slices of equal length, whatever way they are written; what is no time is in none."""

import pandas as pd
import pytest

from tasks.errors import DataError
from tasks.represent.times import in_order, time_slices


def test_dates_are_cut_into_slices_of_equal_length_named_by_their_first_day() -> None:
    found = time_slices(["2026-01-01", "2026-01-05T12:00:00", "", "2026-01-11", "2026-01-06"], 2)
    assert found.names == ["2026-01-01", "2026-01-01", "", "2026-01-06", "2026-01-06"]
    assert found.order == ["2026-01-01", "2026-01-06"]


def test_slices_within_two_days_are_as_many_as_asked_and_named_by_the_minute() -> None:
    values = [moment.isoformat() for moment in pd.date_range("2026-03-01", "2026-03-03", freq="h")]
    found = time_slices(values, 8)
    assert found.order == [f"2026-03-0{day}T{hour:02}:00" for day in (1, 2) for hour in (0, 6, 12, 18)]
    expected = pd.cut(pd.to_datetime(values), 8, right=False, labels=False)
    assert [found.order.index(name) for name in found.names[:-1]] == expected[:-1].tolist()


def test_days_without_dashes_are_dates_and_other_numbers_are_not() -> None:
    assert time_slices(["20240105", "20240205", "20240115"], 2).order == ["2024-01-05", "2024-01-20"]
    assert time_slices(["2024-01", "2025"], 2).order == ["2024-01-01", "2024-07-02"]
    assert time_slices(["2024", "2026", "2025"], 2).order == ["2024", "2025"]
    assert time_slices(["20249999", "20240000"], 1).order == ["20240000"]


def test_numbers_are_cut_in_their_own_order() -> None:
    found = time_slices(["5", "95", "100", "-50", "9"], 3)
    assert (found.names, found.order) == (["0", "50", "50", "-50", "0"], ["-50", "0", "50"])
    assert in_order(["10", "9", "-1", "", "9"]) == ["-1", "9", "10"]
    assert in_order(["b", "10", "9"]) == ["10", "9", "b"]


@pytest.mark.parametrize("missing", ["", "nan", "NaN", "NaT", "None", "<NA>", " null "])
def test_a_time_that_is_missing_is_in_no_slice(missing: str) -> None:
    found = time_slices(["2026-01-01", missing, "2026-01-03"], 2)
    assert (found.names, found.missing, found.unread) == (["2026-01-01", "", "2026-01-02"], 1, 0)


def test_one_odd_time_costs_its_row_and_most_of_them_the_run() -> None:
    found = time_slices(["2026-01-01", "soon", "2026-01-03"], 2)
    assert (found.names, found.unread, found.odd) == (["2026-01-01", "", "2026-01-02"], 1, "soon")
    with pytest.raises(DataError, match=r"time 'soon' is not a date but 2026-01-31 or a number was needed \(2 of 3"):
        time_slices(["2026-01-01", "soon", "later"], 3)
    with pytest.raises(DataError, match=r"no document has a time .* keep the column in source\.keep"):
        time_slices(["", "nan"], 3)


def test_equal_times_are_one_slice() -> None:
    assert time_slices(["7", "7"], 5).names == ["7", "7"]
