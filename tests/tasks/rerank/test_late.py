from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from tasks.rerank import late
from tasks.rerank.late import late_scores, max_similarity
from tasks.vectors.arithmetic import normalise

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


def tokens(seed: int, lengths: Sequence[int]) -> list[Floats]:
    """Return unit-length token vectors of texts of some lengths."""
    rng = np.random.default_rng(seed)
    return [normalise(rng.normal(size=(n, 6))) for n in lengths]


QUERIES, PASSAGES = tokens(1, [3, 1, 8, 2]), tokens(2, [5, 9, 1, 4, 30])
PAIRS = np.array([(0, 4), (0, 1), (1, 1), (2, 0), (2, 3), (2, 2), (3, 4)])


def brute(query: Floats, passage: Floats) -> float:
    best = [max(sum(a * b for a, b in zip(q, p, strict=True)) for p in passage.tolist()) for q in query.tolist()]
    return sum(best) / len(best)


def score(pairs: npt.NDArray[np.int64], window: int = 2) -> Floats:
    return late_scores(
        pairs[:, 0],
        pairs[:, 1],
        of_queries=lambda rows: [QUERIES[row] for row in rows],
        of_passages=lambda rows: [PASSAGES[row] for row in rows],
        windows=lambda rows: [rows[i : i + window] for i in range(0, len(rows), window)],
    )


def test_every_pair_has_the_mean_of_the_best_cosine_of_each_query_token() -> None:
    expected = [brute(QUERIES[q], PASSAGES[p]) for q, p in PAIRS]
    np.testing.assert_allclose(score(PAIRS), expected, atol=1e-6)


def test_a_text_compared_with_itself_scores_one() -> None:
    assert max_similarity(QUERIES[2], QUERIES[2]) == pytest.approx(1)


def test_the_order_of_a_passages_tokens_does_not_matter() -> None:
    assert max_similarity(QUERIES[2], PASSAGES[1]) == pytest.approx(max_similarity(QUERIES[2], PASSAGES[1][::-1]))


def test_the_company_of_a_pair_and_the_windows_do_not_change_a_bit() -> None:
    together = score(PAIRS)
    np.testing.assert_array_equal(score(PAIRS, window=1), together)
    np.testing.assert_array_equal(np.concatenate([score(PAIRS[i : i + 1]) for i in range(len(PAIRS))]), together)


def test_queries_in_several_windows_score_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    together = score(PAIRS)
    monkeypatch.setattr(late, "QUERIES", 1)
    np.testing.assert_array_equal(score(PAIRS), together)


def test_a_passage_is_encoded_once_for_all_queries_and_no_two_windows_are_held_together() -> None:
    asked: list[list[int]] = []

    def of_passages(rows: Rows) -> list[Floats]:
        asked.append(rows.tolist())
        return [PASSAGES[row] for row in rows]

    late_scores(
        PAIRS[:, 0],
        PAIRS[:, 1],
        of_queries=lambda rows: [QUERIES[row] for row in rows],
        of_passages=of_passages,
        windows=lambda rows: [rows[:3], rows[3:]],
    )
    assert asked == [[0, 1, 2], [3, 4]]


def test_a_text_without_tokens_is_like_nothing() -> None:
    nothing = np.empty((0, 6), dtype=np.float32)
    assert max_similarity(nothing, PASSAGES[0]) == max_similarity(QUERIES[0], nothing) == -1


def test_a_token_that_is_no_number_leaves_its_pairs_without_a_score() -> None:
    bad = PASSAGES[0].copy()
    bad[2] = np.nan
    assert np.isnan(max_similarity(QUERIES[0], bad))


def test_no_pairs_have_no_scores() -> None:
    assert score(np.empty((0, 2), dtype=np.int64)).shape == (0,)
