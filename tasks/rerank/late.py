"""Late interaction: compare query and passage token by token.

Shapes: P pairs, S tokens of a query, T tokens of a passage, D width.
Source: ColBERT, Khattab & Zaharia, SIGIR 2020, arXiv:2004.12832. Here the mean over the query's tokens stands for the
sum, so that scores of short and long queries are alike in size; the encoder need not be trained for it.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Vectors = Callable[[Rows], Sequence[Floats]]  # from rows of texts to the token vectors of each

QUERIES = 2_048  # whose token vectors are in memory at a time


def max_similarity(query: Floats, passage: Floats) -> float:
    """Return the mean, over the query's tokens, of the best cosine among the passage's tokens.

    The arithmetic depends on the two texts alone, so the score does too, bit for bit.

    Args:
        query: (S, D) unit-length rows.
        passage: (T, D) unit-length rows.

    Returns:
        From -1 to 1; -1, the least there can be, where either has no token.
    """
    if not len(query) or not len(passage):
        return -1.0
    return float((query @ passage.T).max(axis=1).mean())


def late_scores(
    queries: Rows,
    passages: Rows,
    *,
    of_queries: Vectors,
    of_passages: Vectors,
    windows: Callable[[Rows], Sequence[Rows]],
) -> Floats:
    """Score pairs of query and passage.

    Memory holds the token vectors of one window of passages and of at most `QUERIES` queries; for all of these a
    passage is encoded once.

    Args:
        queries: (P,) query of each pair.
        passages: (P,) passage of each pair.
        of_queries: Returns the (S, D) token vectors of each of some queries.
        of_passages: Returns the (T, D) token vectors of each of some passages.
        windows: Cuts passages into those that are in memory together; each is in exactly one.

    Returns:
        (P,) scores; NaN where a token vector is.
    """
    scores = np.full(len(queries), np.nan, dtype=np.float32)
    for first in range(0, int(queries.max(initial=-1)) + 1, QUERIES):
        mine = np.flatnonzero((queries >= first) & (queries < first + QUERIES))
        asked = _by_row(np.unique(queries[mine]), of_queries)
        for window in windows(np.unique(passages[mine])):
            found = _by_row(window, of_passages)
            for pair in mine[np.isin(passages[mine], window)]:
                scores[pair] = max_similarity(asked[int(queries[pair])], found[int(passages[pair])])
    return scores


def _by_row(rows: Rows, vectors: Vectors) -> dict[int, Floats]:
    return dict(zip(rows.tolist(), vectors(rows), strict=True))
