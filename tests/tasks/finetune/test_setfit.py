"""Pairs for few labels: every text is in some of both kinds, none with itself, and scores say what is of one class."""

import pytest

from tasks.errors import DataError
from tasks.finetune.setfit import class_pairs

TEXTS = [f"text {at}" for at in range(12)]
LABELS = ["a"] * 4 + ["b"] * 6 + ["c"] * 2


def test_every_text_is_in_pairs_of_both_kinds_and_scores_say_whether_classes_are_one() -> None:
    of = dict(zip(TEXTS, LABELS, strict=True))
    pairs = class_pairs(TEXTS, LABELS, iterations=3, most=1_000, seed=0)
    assert all(pair.anchor != pair.positive for pair in pairs)
    assert all(pair.score == (of[pair.anchor] == of[pair.positive]) for pair in pairs)
    assert len({frozenset(pair.texts) for pair in pairs}) == len(pairs)
    for score in (0.0, 1.0):
        assert {text for pair in pairs if pair.score == score for text in pair.texts} == set(TEXTS)


def test_there_are_at_most_as_many_as_asked_for_half_of_either_kind_and_the_seed_decides() -> None:
    pairs = class_pairs(TEXTS, LABELS, iterations=20, most=16, seed=1)
    assert sorted(pair.score for pair in pairs) == [0.0] * 8 + [1.0] * 8
    assert pairs == class_pairs(TEXTS, LABELS, iterations=20, most=16, seed=1)
    assert pairs != class_pairs(TEXTS, LABELS, iterations=20, most=16, seed=2)


@pytest.mark.parametrize("labels", [["a", "a"], ["a", "b"]])
def test_one_class_or_no_class_of_two_texts_is_refused(labels: list[str]) -> None:
    with pytest.raises(DataError, match="setfit needs two classes, and two texts of one of them"):
        class_pairs(["x", "y"], labels, iterations=2, most=16, seed=0)
