from collections.abc import Sequence

import numpy as np
import pytest

from tasks.rerank import cross
from tasks.rerank.cross import Floats, Pair, pair_scores

PAIRS = [("q" * q, "p" * p) for q, p in [(3, 50), (1, 2), (9, 30), (1, 2), (2, 400)]]


def lengths(pairs: Sequence[Pair]) -> Floats:
    return np.array([1_000 * len(q) + len(p) for q, p in pairs], dtype=np.float32)


def test_scores_come_back_in_the_order_of_the_pairs() -> None:
    np.testing.assert_array_equal(pair_scores(PAIRS, score=lengths), lengths(PAIRS))


def test_pairs_are_read_a_window_at_a_time_those_of_like_length_together(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[int]] = []

    def score(pairs: Sequence[Pair]) -> Floats:
        seen.append([len(q) + len(p) for q, p in pairs])
        return lengths(pairs)

    monkeypatch.setattr(cross, "PAIRS", 2)
    np.testing.assert_array_equal(pair_scores(PAIRS, score=score), lengths(PAIRS))
    assert seen == [[3, 3], [39, 53], [402]]


def test_no_pairs_have_no_scores() -> None:
    assert pair_scores([], score=lengths).shape == (0,)
