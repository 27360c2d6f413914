import numpy as np
import pytest

from tasks.represent.counts import count_words
from tasks.represent.relations import topic_tree, topics_per_slice
from tasks.vectors.arithmetic import normalise

SHIPS = ["ship sail harbour sea tide", "boat sail harbour sea pilot"]
BREAD = ["bread rye sour starter oven", "bread flour oven baker yeast"]
TEXTS = [*[SHIPS[0]] * 4, *[SHIPS[1]] * 3, *[BREAD[0]] * 5, *[BREAD[1]] * 2]
LABELS = np.repeat([7, 2, 4, 9], [4, 3, 5, 2])
VECTORS = normalise(np.random.default_rng(0).normal(size=(14, 4)))
COUNTS = count_words(TEXTS, 1)


def test_topics_of_like_words_join_before_others() -> None:
    tree = topic_tree(COUNTS, LABELS, VECTORS)
    assert len(tree) == 3
    assert {m.topics for m in tree[:2]} == {(2, 7), (4, 9)}
    assert tree[-1].topics == (2, 4, 7, 9)
    assert {tree[-1].left, tree[-1].right} == {tree[0].parent, tree[1].parent}
    assert {frozenset((m.left, m.right)) for m in tree[:2]} == {frozenset("27"), frozenset("49")}
    assert [m.distance for m in tree] == sorted(m.distance for m in tree)
    assert set(next(m for m in tree if m.topics == (2, 7)).words) & {"sail", "harbour", "sea"}


@pytest.mark.parametrize("labels", [[0] * 14, [-1] * 14, [0] * 7 + [1] * 7], ids=["one", "none", "two"])
def test_fewer_than_three_topics_make_no_tree(labels: list[int]) -> None:
    assert topic_tree(COUNTS, np.array(labels), VECTORS) == []


def test_documents_of_a_topic_are_counted_in_every_slice_and_worded_there() -> None:
    slices = ["b", "a", "a", "", *["b"] * 10]
    found = {(s.slice, s.topic): s for s in topics_per_slice(COUNTS, LABELS, slices, ["a", "b"])}
    assert [(k, s.documents) for k, s in found.items()] == [
        (("a", 7), 2), (("b", 2), 3), (("b", 4), 5), (("b", 7), 1), (("b", 9), 2)
    ]  # fmt: skip
    assert found["b", 4].share == 5 / 11
    assert set(found["b", 4].words) == set(BREAD[0].split())
