"""Turn the results of the two indexes into hits.

Shapes: Q queries, N passages, D width.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import assert_never

import numpy as np
import numpy.typing as npt

from configs.retrieve import Dense, Fused, Retrieve, Sparse, Weighted
from tasks.data.search import Hit
from tasks.retrieve.fuse import reciprocal_ranks, weighted_scores

Scores = Mapping[int, float]  # passage row to score, best first
Rows = npt.NDArray[np.int64]
ScoreRows = Callable[[int, Rows], npt.NDArray[np.float32]]  # a query's number and passage rows to their scores


def depth(config: Retrieve) -> int:
    """Return how many hits to take from each index."""
    return max(config.candidates, config.k) if isinstance(config, Fused | Weighted) else config.k


def rank(dense: Sequence[Scores], sparse: Sequence[Scores], config: Retrieve) -> list[Hit]:
    """Rank passages for every query.

    Args:
        dense: For each query, cosines by passage, best first.
        sparse: For each query, BM25 scores by passage, best first; zero only where `complete` has put it.
        config: Which list counts, or how both are fused.

    Returns:
        At most `k` hits a query, in the order of the queries, best first.
    """
    hits = []
    for query, (by_meaning, by_words) in enumerate(zip(dense, sparse, strict=True)):
        match config:
            case Dense():
                ranked = by_meaning
            case Sparse():
                ranked = by_words
            case Fused():
                ranked = reciprocal_ranks([list(by_meaning), list(by_words)], rank_constant=config.rank_constant)
            case Weighted():
                ranked = weighted_scores(by_meaning, by_words, weight=config.weight)
            case _:
                assert_never(config)
        for number, (row, score) in enumerate(list(ranked.items())[: config.k], start=1):
            hits.append(Hit(query, row, number, score, by_meaning.get(row, math.nan), by_words.get(row, math.nan)))
    return hits


def complete(
    dense: Sequence[Scores], sparse: Sequence[Scores], cosine: ScoreRows, bm25: ScoreRows
) -> tuple[list[Scores], list[Scores]]:
    """Give every passage that either list of a query names its true score in both.

    Args:
        dense: For each query, passages found by meaning.
        sparse: For each query, passages found by words.
        cosine: Scores passages by meaning.
        bm25: Scores passages by words, zero where none is shared.

    Returns:
        Both lists of every query, over the same passages, best first.
    """
    both = []
    for query, (by_meaning, by_words) in enumerate(zip(dense, sparse, strict=True)):
        rows = np.array(sorted({*by_meaning, *by_words}), dtype=np.int64)
        both.append((scores_by_row(rows, cosine(query, rows)), scores_by_row(rows, bm25(query, rows))))
    return [by_meaning for by_meaning, _ in both], [by_words for _, by_words in both]


def scores_by_row(rows: Rows, scores: npt.NDArray[np.float32]) -> dict[int, float]:
    """Pair rows with their scores, best first; a tie goes to the lower row."""
    order = np.lexsort((rows, -scores))
    return {int(rows[i]): float(scores[i]) for i in order}
