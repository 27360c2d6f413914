import math

import numpy as np
import pytest

from configs.retrieve import Dense, Fused, Retrieve, Sparse, Weighted
from tasks.retrieve.core import complete, depth, rank, scores_by_row

MEANING = [{4: 0.9, 2: 0.8, 7: 0.1}, {}]
WORDS = [{2: 5.0, 9: 4.0}, {1: 3.0}]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (Dense(k=3), 3),
        (Sparse(k=4), 4),
        (Fused(k=5, candidates=100), 100),
        (Fused(k=50, candidates=10), 50),
        (Weighted(k=5, candidates=90), 90),
        (Weighted(k=50, candidates=10), 50),
    ],
    ids=["dense", "sparse", "fused", "fused below k", "weighted", "weighted below k"],
)
def test_each_list_is_read_as_deep_as_the_hits_need(config: Retrieve, expected: int) -> None:
    assert depth(config) == expected


def test_by_meaning_the_order_and_the_score_are_those_of_the_cosines() -> None:
    hits = rank(MEANING, WORDS, Dense(k=2))
    assert [(h.query, h.passage, h.rank, h.score) for h in hits] == [(0, 4, 1, 0.9), (0, 2, 2, 0.8)]


def test_by_words_the_order_and_the_score_are_those_of_bm25() -> None:
    hits = rank(MEANING, WORDS, Sparse(k=5))
    assert [(h.query, h.passage, h.rank, h.score) for h in hits] == [(0, 2, 1, 5.0), (0, 9, 2, 4.0), (1, 1, 1, 3.0)]


def test_fused_the_scores_are_sums_of_reciprocal_ranks() -> None:
    hits = [h for h in rank(MEANING, WORDS, Fused(k=3, rank_constant=60)) if h.query == 0]
    assert [h.passage for h in hits] == [2, 4, 9]
    assert [h.score for h in hits] == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62])


def test_a_hit_names_both_scores_and_nan_where_a_list_does_not_have_it() -> None:
    hits = {h.passage: h for h in rank(MEANING, WORDS, Fused(k=9)) if h.query == 0}
    assert (hits[2].dense, hits[2].sparse) == (0.8, 5.0)
    assert math.isnan(hits[4].sparse)
    assert math.isnan(hits[9].dense)


def test_every_candidate_of_either_list_gets_its_true_score_in_both() -> None:
    cosines = np.array([[0, 0, 0.8, 0, 0.9, 0, 0, 0.1, 0, -0.3], [0] * 10], dtype=np.float32)
    words = np.array([[0, 0, 5, 0, 0, 0, 0, 2, 0, 4], [0, 3] + [0] * 8], dtype=np.float32)
    dense, sparse = complete(MEANING, WORDS, lambda q, rows: cosines[q][rows], lambda q, rows: words[q][rows])
    assert dense == [pytest.approx({4: 0.9, 2: 0.8, 7: 0.1, 9: -0.3}), {1: 0.0}]
    assert sparse == [{2: 5.0, 9: 4.0, 7: 2.0, 4: 0.0}, {1: 3.0}]
    assert [list(found) for found in dense + sparse] == [[4, 2, 7, 9], [1], [2, 9, 7, 4], [1]]


def test_weighted_the_score_is_the_mean_of_both_over_the_best_of_the_query() -> None:
    dense, sparse = [{4: 0.9, 2: 0.8}], [{2: 5.0, 4: 0.0}]
    hits = rank(dense, sparse, Weighted(k=2, weight=0.5))
    assert [(h.passage, h.rank, h.dense, h.sparse) for h in hits] == [(2, 1, 0.8, 5.0), (4, 2, 0.9, 0.0)]
    assert [h.score for h in hits] == pytest.approx([0.5 * 1.8 / 1.9 + 0.5, 0.5])


def test_no_lists_give_no_hits() -> None:
    assert rank([], [], Fused()) == []
    assert rank([{}], [{}], Fused()) == []


def test_another_number_of_lists_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        rank([{}], [], Fused())


def test_a_tie_of_scores_goes_to_the_lower_row() -> None:
    found = scores_by_row(np.array([5, 3, 8, 1]), np.array([0.5, 0.5, 0.9, 0.5], dtype=np.float32))
    assert list(found) == [8, 1, 3, 5]
    assert found[8] == pytest.approx(0.9)
