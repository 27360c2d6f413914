import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.search import Hit
from tasks.errors import ContractError
from tasks.rerank.mmr import marginal_scores, mmr_order, rerank_by_novelty
from tasks.vectors.arithmetic import normalise

QUERY = np.array([1.0, 0.0])
ROWS = np.array([[1.0, 0.0], [0.99, 0.141], [0.6, 0.8]])  # best, near-copy of best, different


def brute(query: np.ndarray, rows: np.ndarray, k: int, diversity: float) -> list[int]:  # type: ignore[type-arg]
    """Pick as the paper writes it down, pair by pair."""
    picks: list[int] = [max(range(len(rows)), key=lambda i: (float(rows[i] @ query), -i))]
    while len(picks) < k:
        left = [i for i in range(len(rows)) if i not in picks]
        worth = {
            i: (1 - diversity) * rows[i] @ query - diversity * max(rows[i] @ rows[j] for j in picks) for i in left
        }
        picks.append(max(left, key=lambda i: (worth[i], -i)))
    return picks


def test_zero_diversity_keeps_the_relevance_order() -> None:
    assert mmr_order(QUERY, ROWS, k=3, diversity=0).tolist() == [0, 1, 2]


def test_diversity_prefers_the_different_row_to_the_near_copy() -> None:
    assert mmr_order(QUERY, ROWS, k=2, diversity=0.7).tolist() == [0, 2]


def test_full_diversity_still_picks_the_most_relevant_first() -> None:
    assert mmr_order(QUERY, ROWS[::-1], k=2, diversity=1).tolist() == [2, 0]


def test_a_tie_goes_to_the_lower_row() -> None:
    assert mmr_order(QUERY, np.array([[0.6, 0.8], [1.0, 0.0], [1.0, 0.0]]), k=1, diversity=0.5).tolist() == [1]


@given(seed=st.integers(0, 10_000), count=st.integers(1, 12), diversity=st.floats(0, 1))
def test_the_picks_are_those_of_the_formula_written_out(seed: int, count: int, diversity: float) -> None:
    rng = np.random.default_rng(seed)
    rows, query = normalise(rng.normal(size=(count, 4))).astype(np.float64), normalise(rng.normal(size=(1, 4)))[0]
    assert mmr_order(query, rows, k=count, diversity=diversity).tolist() == brute(query, rows, count, diversity)


@pytest.mark.parametrize("k", [0, 4])
def test_k_outside_the_candidates_is_refused_with_both_numbers(k: int) -> None:
    with pytest.raises(ContractError, match=rf"k is {k} but there are 3 candidates; lower rerank\.k or retrieve more"):
        mmr_order(QUERY, ROWS, k=k, diversity=0.5)


def test_vectors_of_another_width_are_refused_with_both_shapes() -> None:
    with pytest.raises(
        ContractError, match=r"query has shape \(3,\) but candidates \(3, 2\); need \(D,\) and \(N, D\)"
    ):
        mmr_order(np.ones(3), ROWS, k=1, diversity=0.5)


@given(seed=st.integers(0, 10_000), diversity=st.floats(0, 1))
def test_marginal_scores_do_not_rise_from_pick_to_pick(seed: int, diversity: float) -> None:
    rng = np.random.default_rng(seed)
    rows, query = normalise(rng.normal(size=(9, 5))), normalise(rng.normal(size=(1, 5)))[0]
    scores = marginal_scores(query, rows[mmr_order(query, rows, k=9, diversity=diversity)], diversity=diversity)
    assert (np.diff(scores) <= 1e-6).all()


def test_a_marginal_score_is_relevance_minus_what_the_earlier_picks_hold_already() -> None:
    scores = marginal_scores(QUERY, ROWS[[0, 2]], diversity=0.25)
    np.testing.assert_allclose(scores, [0.75 * 1 + 0.25, 0.75 * 0.6 - 0.25 * 0.6])


def test_hits_are_renumbered_and_keep_their_other_scores() -> None:
    hits = [Hit(4, 1, 1, 0.03, 0.99, 5.0), Hit(4, 2, 2, 0.02, 0.6, 4.0), Hit(4, 0, 3, 0.01, 1.0, 3.0)]
    kept = rerank_by_novelty(hits, QUERY, ROWS, k=2, diversity=0.7)
    assert [(h.query, h.passage, h.rank, h.dense, h.sparse) for h in kept] == [
        (4, 0, 1, 1.0, 3.0),
        (4, 2, 2, 0.6, 4.0),
    ]
    np.testing.assert_allclose([h.score for h in kept], [0.3 + 0.7, 0.3 * 0.6 - 0.7 * 0.6])


def test_fewer_hits_than_k_are_all_kept() -> None:
    hits = [Hit(0, 2, 1, 0.02, 0.6, 4.0), Hit(0, 0, 2, 0.01, 1.0, 3.0)]
    assert [h.passage for h in rerank_by_novelty(hits, QUERY, ROWS, k=5, diversity=0)] == [0, 2]
