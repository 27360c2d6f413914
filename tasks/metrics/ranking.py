"""Measures of rankings and of decisions, and the intervals around them.

Source: precision, recall and average precision as in Manning, Raghavan & Schütze, "Introduction to Information
Retrieval", 2008, chapter 8; nDCG, Järvelin & Kekäläinen 2002, doi:10.1145/582415.582418 (binary gains); bootstrap,
Efron 1979; interval of a share, Wilson 1927, doi:10.1080/01621459.1927.10502953.
"""

import math
from collections.abc import Collection, Sequence

from tasks.errors import ContractError


def recall_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the share of the relevant documents among the first `k`."""
    _check(relevant)
    return len(set(ranked[:k]) & set(relevant)) / len(set(relevant))


def precision_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the share of the first `k` that is relevant; places that a shorter ranking leaves empty are not."""
    _check(relevant)
    return len(set(ranked[:k]) & set(relevant)) / k


def average_precision(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the mean, over the relevant documents, of the precision at their ranks; beyond the first `k` it is 0."""
    _check(relevant)
    found = [rank for rank, name in enumerate(ranked[:k], start=1) if name in relevant]
    return sum(number / rank for number, rank in enumerate(found, start=1)) / len(set(relevant))


def reciprocal_rank(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return one over the rank of the first relevant document among the first `k`; 0 if there is none."""
    _check(relevant)
    return next((1 / rank for rank, name in enumerate(ranked[:k], start=1) if name in relevant), 0.0)


def ndcg_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the discounted gain of the first `k` over that of the best ranking; every relevant one gains 1."""
    _check(relevant)
    gain = sum(1 / math.log2(rank + 1) for rank, name in enumerate(ranked[:k], start=1) if name in relevant)
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(set(relevant))) + 1))
    return gain / best


def _check(relevant: Collection[str]) -> None:
    if not relevant:
        raise ContractError("no document is relevant to the question; leave unanswerable questions out of rankings")
