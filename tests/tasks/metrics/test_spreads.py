import numpy as np
import pytest

from tasks.metrics.spreads import ratio_of, spread_of, spreads_by_name


def test_a_spread_has_median_mean_and_ends_as_numpy_computes_them() -> None:
    values = [0.3, 0.9, 0.1, 0.4]
    found = spread_of("way", values)
    assert (found.name, found.count, found.least, found.most) == ("way", 4, 0.1, 0.9)
    assert (found.median, found.mean) == pytest.approx((np.median(values), np.mean(values)))


def test_names_keep_the_order_in_which_they_first_appear() -> None:
    found = spreads_by_name([("b", 1.0), ("a", 5.0), ("b", 3.0)])
    assert [(s.name, s.mean, s.count) for s in found] == [("b", 2.0, 2), ("a", 5.0, 1)]


def test_a_ratio_is_of_medians_and_its_ends_are_those_of_the_pairs() -> None:
    found = ratio_of("with cache", [4.0, 6.0, 9.0], [2.0, 2.0, 1.0])
    assert (found.median, found.least, found.most, found.count) == (3.0, 2.0, 9.0, 3)
