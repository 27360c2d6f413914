"""Shares with their intervals, and the F1 of words, by hand."""

import pytest

from tasks.errors import ContractError
from tasks.metrics.intervals import wilson
from tasks.metrics.shares import f1_of_words, share_measure


def test_a_share_has_the_interval_of_wilson_and_no_cases_have_none() -> None:
    found = share_measure("accuracy", "probe", 3, 4)
    assert (found.name, found.what, found.value, found.n) == ("accuracy", "probe", 0.75, 4)
    assert (found.low, found.high) == wilson(3, 4)
    with pytest.raises(ContractError, match="0 hits of 0 trials is no share"):
        share_measure("accuracy", "probe", 0, 0)


def test_f1_of_words_by_hand() -> None:
    assert f1_of_words(["a", "photo", "of", "a", "cat"], ["a", "photo", "of", "a", "dog"]) == pytest.approx(0.8)
    assert f1_of_words(["a", "dog"], ["a", "photo", "of", "a", "dog"]) == pytest.approx(4 / 7)
    assert f1_of_words(["cat"], ["dog"]) == f1_of_words([], ["dog"]) == 0.0
    assert f1_of_words([], []) == 1.0
