"""Turn the results of the two indexes into hits.

Shapes: Q queries, N passages, D width.
"""

import math
from collections.abc import Mapping, Sequence
from typing import assert_never

import numpy as np
import numpy.typing as npt

from configs.retrieve import Dense, Fused, Retrieve, Sparse
from tasks.retrieve.fuse import reciprocal_ranks
from tasks.rows import Hit

Scores = Mapping[int, float]  # passage row to score, best first


def depth(config: Retrieve) -> int:
    """Return how many hits to take from each index."""
    return max(config.candidates, config.k) if isinstance(config, Fused) else config.k


def rank(dense: Sequence[Scores], sparse: Sequence[Scores], config: Retrieve) -> list[Hit]:
    """Rank passages for every query.

    Args:
        dense: For each query, cosines by passage, best first.
        sparse: For each query, BM25 scores by passage, best first; none of them zero.
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
            case _:
                assert_never(config)
        for number, (row, score) in enumerate(list(ranked.items())[: config.k], start=1):
            hits.append(Hit(query, row, number, score, by_meaning.get(row, math.nan), by_words.get(row, math.nan)))
    return hits


def scores_by_row(rows: npt.NDArray[np.int64], scores: npt.NDArray[np.float32]) -> dict[int, float]:
    """Pair rows with their scores, best first; a tie goes to the lower row."""
    order = np.lexsort((rows, -scores))
    return {int(rows[i]): float(scores[i]) for i in order}
