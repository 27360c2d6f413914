"""Held-out rows become sets to judge by."""

import pytest

from tasks.data.pairs import TextPair, Truth
from tasks.errors import DataError
from tasks.finetune.judged import sides_of, texts_judged


def row(anchor: str, positive: str = "", negative: str = "", score: float = 1.0, label: str = "") -> TextPair:
    return TextPair(f"{anchor}/{positive}", anchor, positive, negative, score, label, anchor)


def test_each_anchor_looks_for_its_partners_among_those_of_all() -> None:
    sides = sides_of("pairs", [row("q", "a"), row("q", "b"), row("r", "c", "d")])
    assert (sides.left, sides.right) == (["q", "r"], ["a", "b", "c", "d"])
    assert sides.truths == [Truth(0, 0, 1.0), Truth(0, 1, 1.0), Truth(1, 2, 1.0)]
    assert texts_judged(sides) == ["q", "r", "a", "b", "c", "d"]


def test_related_texts_are_ranked_and_anchors_that_show_nothing_left_out() -> None:
    rows = [
        row(f"q{n}", f"{kind} {n}", score=float(kind == "right")) for n in range(16) for kind in ("right", "wrong")
    ]
    sides = sides_of("relations", [*rows, row("all right", "c"), row("all wrong", "d", score=0)])
    assert (sides.judged_as, len(sides.left), len(sides.right)) == ("listed", 16, 32)
    assert sides.truths[:2] == [Truth(0, 0, 1.0), Truth(0, 1, 0.0)]
    assert sides_of("relations", rows[:30]).judged_as == "similarity"
    mined = sides_of("relations", [row("q", "right", "wrong")])
    assert (mined.judged_as, [t.value for t in mined.truths]) == ("listed", [1.0, 0.0])


def test_where_texts_are_ranked_few_anchors_will_do_and_one_without_an_answer_is_left_out() -> None:
    rows = [row(f"q{n}", f"{kind} {n}", score=float(kind == "right")) for n in range(3) for kind in ("right", "wrong")]
    sides = sides_of("ranked", [*rows, row("nobody knows", "x", score=0), row("nobody knows", "y", score=0)])
    assert (sides.judged_as, sides.left) == ("listed", ["q0", "q1", "q2"])
    with pytest.raises(DataError, match=r"nothing can be ranked; hold out more rows, or set negatives=\{\}"):
        sides_of("ranked", [row("nobody knows", "x", score=0)])


def test_labels_without_other_texts_are_judged_half_by_half() -> None:
    rows = [row(f"text {n}", label=f"L{n % 4}") for n in range(40)]
    sides = sides_of("labels", rows)
    assert len(sides.left) == len(sides.right) == 20
    assert not set(sides.left) & set(sides.right)


def test_scored_pairs_keep_their_scores() -> None:
    sides = sides_of("scored", [row("a", "b", score=0.2), row("a", "c", score=0.9)])
    assert (sides.judged_as, sides.left, sides.right) == ("similarity", ["a"], ["b", "c"])
    assert [t.value for t in sides.truths] == [0.2, 0.9]
    with pytest.raises(DataError, match="the same score"):
        sides_of("scored", [row("a", "b"), row("a", "c")])


def test_labels_are_judged_against_the_texts_that_are_learned_from() -> None:
    sides = sides_of(
        "labels", [row("new", label="y")], [row("one", label="x"), row("ONE!", label="y"), row("two", label="y")]
    )
    assert (sides.left, sides.right) == (["new"], ["one", "two"])
    assert sides.truths == [Truth(0, -1, 1.0), Truth(-1, 0, 0.0), Truth(-1, 1, 1.0)]
    assert texts_judged(sides) == ["new"]
    with pytest.raises(DataError, match="1 labels"):
        sides_of("labels", [row("new", label="x")], [row("one", label="x")])
