"""How well pictures are found by their own descriptions where nothing was learned: all are asked for among all.

Shapes: N pictures, M of them described, D numbers of a vector.
"""

import numpy as np
import numpy.typing as npt

from tasks.data.evaluation import Measure
from tasks.metrics.shares import share_measure

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
TOPS = (1, 5, 10)
BLOCK = 1_024  # descriptions asked at a time


def ranks_among_all(vectors: Floats, asked: Floats, rows: Integers) -> Integers:
    """Return the (M,) rank of each described picture among all N, asked for by its text; ties count against it.

    Args:
        vectors: (N, D) of pictures, unit length.
        asked: (M, D) of the descriptions, unit length.
        rows: (M,) which picture each describes.
    """
    ranks = np.empty(len(rows), np.int64)
    for start in range(0, len(rows), BLOCK):
        here = slice(start, start + BLOCK)
        cosines = asked[here] @ vectors.T
        own = np.take_along_axis(cosines, rows[here, None], axis=1)
        ranks[here] = (cosines >= own).sum(1)
    return ranks


def recalls(ranks: Integers, pictures: int) -> list[Measure]:
    """Return how many are among the first, with 95 % intervals, beside chance; nothing where nothing is described."""
    count = len(ranks)
    if not count:
        return []
    found = [share_measure(f"recall@{top}", "dual", int((ranks <= top).sum()), count) for top in TOPS]
    chance = min(1.0, TOPS[-1] / pictures)
    return [*found, Measure(f"recall@{TOPS[-1]}", "chance", chance, chance, chance, count)]
