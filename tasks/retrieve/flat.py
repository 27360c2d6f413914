"""Search a stored FAISS index by cosine.

Shapes: Q queries, N rows, D width.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from tasks.errors import ContractError

Floats = npt.NDArray[np.float32]


def search_flat(path: Path, queries: Floats, k: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return the rows (Q, k) with the highest cosine and the cosines, best first.

    Where the index has fewer than `k` rows, all are returned.

    Raises:
        ContractError: Queries and index differ in width, a query is not finite, or `k` is below 1.
    """
    import faiss

    index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    if queries.ndim != 2 or queries.shape[1] != index.d:
        raise ContractError(f"queries have shape {queries.shape} but the index is {index.d} wide; use its own encoder")
    if k < 1 or not np.isfinite(queries).all():
        raise ContractError(f"k is {k} and must be at least 1, and the queries must hold neither NaN nor infinity")
    scores, rows = index.search(np.ascontiguousarray(queries, dtype=np.float32), min(k, index.ntotal))
    return rows, scores
