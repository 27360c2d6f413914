"""Cross-encoding: a model reads query and passage together and gives the pair a score.

Shapes: P pairs.
Source: Nogueira & Cho 2019, arXiv:1901.04085.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Pair = tuple[str, str]  # query and passage

PAIRS = 4_096  # whose tokens are in memory at a time


def pair_scores(pairs: Sequence[Pair], *, score: Callable[[Sequence[Pair]], Floats]) -> Floats:
    """Score pairs, those of like length together, whichever query they belong to.

    Args:
        pairs: P pairs.
        score: Scores any number of pairs; each alone decides its score.

    Returns:
        (P,) scores in the order given; NaN where the model gave none.
    """
    scores = np.full(len(pairs), np.nan, dtype=np.float32)
    order = np.argsort([len(query) + len(passage) for query, passage in pairs], kind="stable")
    for start in range(0, len(pairs), PAIRS):
        part = order[start : start + PAIRS]
        scores[part] = score([pairs[row] for row in part])
    return scores
