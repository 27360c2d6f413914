import numpy as np
import pytest

from tasks.cluster.core import Clusters
from tasks.cluster.joining import guided, joined, merged, nearest_names
from tasks.errors import ContractError
from tasks.vectors.arithmetic import normalise

LABELS = np.array([0, 1, 2, 3, -1, 1])


def test_merged_topics_bear_the_first_number_of_their_group() -> None:
    assert merged(LABELS, [[3, 1], [2, 0]]).tolist() == [2, 3, 2, 3, -1, 3]


def test_nothing_to_merge_changes_nothing() -> None:
    assert merged(LABELS, []).tolist() == LABELS.tolist()


def test_a_topic_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(
        ContractError, match="merge names topic 9 but there are 0, 1, 2, 3; take numbers from the page"
    ):
        merged(LABELS, [[0, 9]])


def test_a_topic_in_two_groups_is_refused() -> None:
    with pytest.raises(ContractError, match="merge names topic 1 twice but a topic can be merged only once"):
        merged(LABELS, [[0, 1], [1, 2]])


def test_rows_go_to_the_nearest_name_that_is_near_enough() -> None:
    rows = normalise(np.array([[1.0, 0.1, 0.0], [0.1, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    found = nearest_names(rows, np.eye(3, dtype=np.float32)[:2], 0.5)
    assert found.labels.tolist() == [0, 1, -1]
    np.testing.assert_allclose(found.strengths, [rows[0, 0], rows[1, 1], 0.0], rtol=1e-6)


def test_found_topics_are_numbered_behind_the_named_ones() -> None:
    first = Clusters(np.array([1, -1, -1, 0, -1]), np.array([0.9, 0, 0, 0.8, 0], dtype=np.float32))
    rest = Clusters(np.array([0, -1, 1]), np.array([0.5, 0.0, 0.7], dtype=np.float32))
    made = joined(first, np.array([1, 2, 4]), rest, names=2)
    assert made.labels.tolist() == [1, 2, -1, 0, 3]
    np.testing.assert_allclose(made.strengths, [0.9, 0.5, 0.0, 0.8, 0.7], rtol=1e-6)


def test_rows_near_a_seed_come_nearer_and_others_stay() -> None:
    rows = normalise(np.array([[1.0, 0.2, 0.0], [0.0, 1.0, 1.0], [0.0, 1.0, 0.9]]))
    seed = np.array([[1.0, 0.0, 0.0]], dtype=np.float32)
    moved = guided(rows, seed, 0.5)
    assert moved[0] @ seed[0] > rows[0] @ seed[0]
    np.testing.assert_allclose(moved[1:], rows[1:], atol=1e-6)
    np.testing.assert_allclose(guided(rows, seed, 0.0), rows, atol=1e-6)
    np.testing.assert_allclose(guided(rows, seed, 1.0)[0], seed[0], atol=1e-6)
