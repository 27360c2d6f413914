from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cluster.identity import State, match_topics, stay
from tasks.data.topics import Fate
from tasks.vectors.arithmetic import centres_of, normalise


def state(labels: list[int], documents: list[str] | None = None, highest: int | None = None) -> State:
    """Return clusters of documents that lie where their name says."""
    found = np.array(labels, dtype=np.int64)
    names = documents or [f"d{row}" for row in range(len(labels))]
    seeds = [np.random.default_rng(sum(map(ord, name))).normal(size=8) for name in names]
    numbers, centres = centres_of(normalise(np.array(seeds).reshape(-1, 8)), found)
    return State(names, found, numbers, centres, max(labels, default=-1) if highest is None else highest)


def by_fate(fates: list[Fate]) -> dict[str, list[int]]:
    return {fate: [f.topic for f in fates if f.fate == fate] for fate in dict.fromkeys(f.fate for f in fates)}


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-1, 6), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_the_same_clusters_under_other_numbers_and_in_another_order_keep_their_ids(
    labels: list[int], random: Random
) -> None:
    old = state(labels)
    renamed = list(range(10))
    random.shuffle(renamed)
    order = list(range(len(labels)))
    random.shuffle(order)
    new = state([renamed[labels[i]] if labels[i] >= 0 else -1 for i in order], [f"d{i}" for i in order])
    names, fates = match_topics(old, new, 0.3)
    assert {renamed[n]: n for n in old.numbers.tolist()} == names
    assert {f.fate for f in fates} <= {"kept"}
    assert all(f.drift == pytest.approx(0, abs=1e-6) for f in fates)


def test_the_first_run_gives_numbers_in_order_and_all_topics_are_born() -> None:
    names, fates = match_topics(state([]), state([0, 1, 1, -1]), 0.3)
    assert names == {0: 0, 1: 1}
    assert by_fate(fates) == {"born": [0, 1]}


def test_a_new_theme_is_born_under_a_number_never_used_even_if_that_topic_has_died() -> None:
    old = state([0, 0, 0, 4, 4, 4], highest=7)
    new = state([0, 0, 0, 1, 1], ["d0", "d1", "d2", "x", "y"])
    names, fates = match_topics(old, new, 0.3)
    assert names == {0: 0, 1: 8}
    assert by_fate(fates) == {"kept": [0], "born": [8], "died": [4]}


def test_two_topics_that_become_one_are_kept_and_merged() -> None:
    names, fates = match_topics(state([0] * 6 + [1] * 4), state([0] * 10), 0.3)
    assert names == {0: 0}
    assert by_fate(fates) == {"kept": [0], "merged": [1]}
    assert next(f for f in fates if f.fate == "merged") == Fate(1, "merged", 0, 4, 0, 4, 0.0)


def test_a_topic_that_falls_apart_is_kept_and_split() -> None:
    names, fates = match_topics(state([0] * 10), state([1] * 7 + [0] * 3), 0.3)
    assert names == {1: 0, 0: 1}
    assert next(f for f in fates if f.fate == "split") == Fate(1, "split", 0, 0, 3, 3, 0.0)


def test_topics_without_a_common_document_are_one_if_their_centres_nearly_meet() -> None:
    centres = normalise(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    moved = normalise(np.array([[0.02, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    old = State(["a", "b"], np.array([0, 1]), np.array([0, 1]), centres, 1)
    names, fates = match_topics(old, State(["c", "d"], np.array([0, 1]), np.array([0, 1]), moved, -1), 0.3)
    assert names == {0: 1, 1: 2}
    assert by_fate(fates) == {"kept": [1], "born": [2], "died": [0]}


def test_an_overlap_below_the_least_is_no_match() -> None:
    old, new = state([0] * 10), state([0] * 2 + [1] * 8)
    assert match_topics(old, new, 0.9)[0] == {0: 1, 1: 2}
    assert match_topics(old, new, 0.7)[0] == {0: 1, 1: 0}


def test_a_twentieth_of_new_documents_leaves_all_others_in_their_topics() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(-1, 12, 2_000).tolist()
    added = [*labels, *random.integers(-1, 12, 100).tolist()]
    names, _ = match_topics(state(labels), state(added), 0.3)
    assert names == {number: number for number in range(12)}


def test_a_document_that_fell_out_of_its_topic_stays_if_it_is_as_close_as_the_members() -> None:
    vectors = normalise(np.array([[1, 0.1], [1, -0.1], [1, 0.05], [0.0, 1.0], [1, 0.0], [1, 0.0]]))
    names = list("abcdef")
    old = State(names[:5], np.array([3, 3, 3, 3, -1]), np.array([3]), vectors[:1], 3)
    now = np.array([3, 3, -1, -1, -1, -1])
    assert stay(old, names, now, vectors).tolist() == [3, 3, 3, -1, -1, -1]


@pytest.mark.parametrize(
    ("between", "expected"), [(0.55, 3), (0.95, 4)], ids=["closer to its old topic", "to the new"]
)
def test_a_document_between_two_topics_stays_where_it_is_closer(between: float, expected: int) -> None:
    angles = np.array([0.0, 0.1, 0.7, 1.4, 1.5, between])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    old = State(list("abcdef"), np.array([3, 3, 3, 4, 4, 3]), np.array([3, 4]), vectors[[0, 4]], 4)
    now = np.array([3, 3, 3, 4, 4, 4])
    assert stay(old, list("abcdef"), now, vectors).tolist() == [3, 3, 3, 4, 4, expected]


def test_no_document_stays_in_a_topic_that_is_no_more() -> None:
    vectors = normalise(np.ones((3, 2)))
    old = State(["a", "b", "c"], np.array([3, 3, 3]), np.array([3]), vectors[:1], 3)
    assert stay(old, ["a", "b", "c"], np.array([4, 4, -1]), vectors).tolist() == [4, 4, -1]
