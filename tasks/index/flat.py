"""A dense index that compares with every vector: exact search by FAISS.

Shapes: N rows, D width.
Source: Douze et al. 2024, arXiv:2401.08281.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from tasks.errors import ContractError

Floats = npt.NDArray[np.float32]


def build_flat(vectors: Floats, path: Path) -> None:
    """Index unit-length rows (N, D) by inner product, which is their cosine, and write the index to a file.

    Raises:
        ContractError: There is no row, or one is not finite or not of unit length.
    """
    import faiss

    if vectors.ndim != 2 or not vectors.size:
        raise ContractError(f"vectors have shape {vectors.shape} but (N, D) with at least one row was needed")
    lengths = np.linalg.norm(vectors, axis=1)
    bad = np.flatnonzero(~(np.abs(lengths - 1) < 1e-3))
    if len(bad):
        raise ContractError(
            f"vector {bad[0]} has length {lengths[bad[0]]} but 1 was needed; normalise before indexing"
        )
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors, dtype=np.float32))
    faiss.write_index(index, str(path))
