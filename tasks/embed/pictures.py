"""Near copies among pictures, the groups they make, and the colour histogram that any encoder must beat.

Shapes: N pictures, F features.
"""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.vectors.arithmetic import normalise

Floats = npt.NDArray[np.float32]
BLOCK = 2_048  # rows compared at a time
CELLS, LEVELS = 2, 4  # of the colour histogram: a picture in 2 x 2, a channel in 4


def histogram(copy: bytes) -> Floats:
    """Return the (256,) colour histogram of a working copy, of each quarter apart: what any encoder must beat."""
    from PIL import Image

    with Image.open(io.BytesIO(copy), formats=("PNG", "JPEG")) as image:
        pixels = np.asarray(image.convert("RGB")) // (256 // LEVELS)
    found = []
    for rows in np.array_split(pixels, CELLS):
        for cell in np.array_split(rows, CELLS, axis=1):
            index = cell.reshape(-1, 3).astype(np.int64) @ [LEVELS**2, LEVELS, 1]
            found.append(np.bincount(index, minlength=LEVELS**3) / max(1, len(index)))
    return np.concatenate(found).astype(np.float32)


def near_copies(rows: Floats, near: float) -> list[tuple[int, int, float]]:
    """Return the pairs of (N, F) rows whose cosine is at least `near`, the first the smaller number."""
    directions, found = normalise(rows), []
    for start in range(0, len(rows), BLOCK):
        cosines = directions[start : start + BLOCK] @ directions.T
        for one, other in zip(*np.nonzero(cosines >= near), strict=True):
            if start + one < other:
                found.append((int(start + one), int(other), float(cosines[one, other])))
    return found


def groups_of(count: int, pairs: Sequence[tuple[int, int, float]]) -> npt.NDArray[np.int64]:
    """Return the (N,) group of each row: rows that near copies lead from one to the other are one group."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    first, second = ([pair[at] for pair in pairs] for at in (0, 1))
    graph = coo_matrix((np.ones(len(pairs)), (first, second)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)
