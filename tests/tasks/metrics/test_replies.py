"""Varied and repeated texts, by worked examples."""

import pytest

from tasks.metrics.replies import distinct, repetition


def test_distinct_2_is_the_share_of_different_pairs_of_words_in_all_texts_together() -> None:
    assert distinct(["a b a b"]) == pytest.approx(2 / 3)  # ab ba ab
    assert distinct(["a b", "A b", "b c"]) == pytest.approx(2 / 3)
    assert distinct(["a", ""]) == 0.0
    assert distinct(["a b c"], size=3) == 1.0


def test_repetition_is_the_share_of_runs_of_four_words_that_stood_there_before() -> None:
    assert repetition("a b c d") == 0.0
    assert repetition("a a a a a a") == pytest.approx(2 / 3)  # three runs, all equal
    assert repetition("one two three four one two three four") == pytest.approx(1 / 5)
    assert repetition("a b") == 0.0
