"""Rows that are near copies of each other, the groups they make, and folds that no group is divided by.

Shapes: N rows, F numbers.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.vectors.arithmetic import normalise

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
BLOCK = 2_048  # rows compared at a time


def near_copies(rows: Floats, near: float) -> list[tuple[int, int, float]]:
    """Return the pairs of (N, F) rows whose cosine is at least `near`, the first the smaller number."""
    directions, found = normalise(rows), []
    for start in range(0, len(rows), BLOCK):
        cosines = directions[start : start + BLOCK] @ directions.T
        for one, other in zip(*np.nonzero(cosines >= near), strict=True):
            if start + one < other:
                found.append((int(start + one), int(other), float(cosines[one, other])))
    return found


def groups_of(count: int, pairs: Sequence[tuple[int, int] | tuple[int, int, float]]) -> Integers:
    """Return the (N,) group of each row: rows that near copies lead from one to the other are one group."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    first, second = ([pair[at] for pair in pairs] for at in (0, 1))
    graph = coo_matrix((np.ones(len(pairs)), (first, second)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def folds_of(groups: Integers, folds: int, seed: int) -> Integers:
    """Return the (N,) fold of each row; a group is in one, and folds have nearly as many groups."""
    names = np.unique(groups)
    drawn = np.random.default_rng(seed).permutation(len(names)) % folds
    return np.asarray(drawn[np.searchsorted(names, groups)], np.int64)
