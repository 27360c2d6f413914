import math

import numpy as np
import pytest

from tasks.data.search import Hit
from tasks.errors import ContractError
from tasks.rerank.order import by_score

HITS = [
    Hit(0, 7, 1, 0.03, 0.9, math.nan),
    Hit(0, 8, 2, 0.02, math.nan, 4.0),
    Hit(0, 9, 3, 0.01, 0.7, 3.0),
    Hit(2, 7, 1, 0.03, 0.5, 2.0),
]


def places(hits: list[Hit]) -> list[tuple[int, int, int]]:
    return [(hit.query, hit.passage, hit.rank) for hit in hits]


def test_each_query_is_ordered_by_the_new_score_and_ranked_from_one() -> None:
    kept = by_score(HITS, np.array([0.1, 0.3, 0.2, -5.0]), k=2)
    assert places(kept) == [(0, 8, 1), (0, 9, 2), (2, 7, 1)]
    assert [hit.score for hit in kept] == [0.3, 0.2, -5.0]


def test_dense_and_sparse_scores_stay_with_their_hit() -> None:
    kept = by_score(HITS, np.array([0.1, 0.3, 0.2, -5.0]), k=3)
    assert [(hit.dense, hit.sparse) for hit in kept[1:3]] == [(0.7, 3.0), (0.9, pytest.approx(math.nan, nan_ok=True))]


def test_a_tie_goes_to_the_earlier_rank_however_the_hits_are_listed() -> None:
    assert places(by_score(HITS[::-1], np.zeros(4), k=3)) == [(0, 7, 1), (0, 8, 2), (0, 9, 3), (2, 7, 1)]


def test_fewer_hits_than_k_are_all_kept() -> None:
    assert len(by_score(HITS, np.zeros(4), k=10)) == 4


def test_a_hit_without_a_score_is_left_out_and_leaves_no_gap() -> None:
    kept = by_score(HITS, np.array([0.1, np.nan, 0.2, np.nan]), k=3)
    assert places(kept) == [(0, 9, 1), (0, 7, 2)]


def test_no_hits_stay_no_hits() -> None:
    assert by_score([], np.empty(0), k=3) == []


def test_scores_that_are_not_as_many_as_hits_are_refused_with_both_numbers() -> None:
    with pytest.raises(ContractError, match=r"scores have shape \(3,\) but there are 4 hits; give each hit a score"):
        by_score(HITS, np.zeros(3), k=1)


def test_keeping_none_is_refused() -> None:
    with pytest.raises(ContractError, match="k is 0 but at least 1 was needed"):
        by_score(HITS, np.zeros(4), k=0)
