"""A trained classifier goes live if it beats every frozen one for sure; else it is said which it does not beat."""

import pytest

from tasks.data.classes import Paired
from tasks.evaluate.class_gate import best_of, release


def pair(ours: str, theirs: str, low: float, high: float) -> Paired:
    return Paired(ours, theirs, "macro-F1", (low + high) / 2, low, high, 0.5, 1, 1)


def test_better_than_every_frozen_one_is_released() -> None:
    pairs = [pair("tuned", "tf-idf", 0.01, 0.05), pair("embeddings", "tuned", -0.08, -0.02)]
    released, why = release("tuned", ("tf-idf", "embeddings"), pairs, 0.0)
    assert released
    assert why == (
        "released: macro-F1 of tuned is +0.030 (+0.010 to +0.050) against tf-idf; "
        "+0.050 (+0.020 to +0.080) against embeddings"
    )


def test_one_that_may_be_as_good_refuses_it_and_is_named() -> None:
    pairs = [pair("tuned", "tf-idf", 0.01, 0.05), pair("tuned", "embeddings", -0.01, 0.05)]
    released, why = release("tuned", ("tf-idf", "embeddings"), pairs, 0.0)
    assert not released
    assert why.startswith("refused: ")
    assert why.endswith("+0.020 (-0.010 to +0.050) against embeddings, and the lower end must be above 0")


def test_an_end_that_just_reaches_what_is_asked_for_is_not_above_it() -> None:
    assert not release("tuned", ("tf-idf",), [pair("tuned", "tf-idf", 0.0, 0.1)], 0.0)[0]
    assert release("tuned", ("tf-idf",), [pair("tuned", "tf-idf", 0.0, 0.1)], -0.01)[0]


def test_the_best_on_validation_is_chosen_and_of_equals_the_first() -> None:
    assert best_of(("a", "b", "c"), {"a": 0.5, "b": 0.7, "c": 0.7, "d": 0.9}) == "b"


def test_ways_that_were_not_compared_are_a_fault() -> None:
    with pytest.raises(KeyError, match="tuned was not compared with tf-idf"):
        release("tuned", ("tf-idf",), [], 0.0)
