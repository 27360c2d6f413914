"""Search a stored dense index of any kind by cosine.

Shapes: Q queries, N rows, D width, K hits.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.errors import ContractError, StoreError
from tasks.vectors import nearest
from tasks.vectors.nearest import Description, Floats, Found


def search_dense(
    folder: Path,
    rows: Floats,
    queries: Floats,
    k: int,
    *,
    allowed: npt.NDArray[np.bool_] | None = None,
    digest: str = "",
) -> Found:
    """Find the rows with the highest cosine.

    The index is memory-mapped where FAISS can: flat and graph whole, lists one by one. How hard it looks stands in its
    `index.json`.

    Args:
        folder: What `build_dense` wrote.
        rows: (N, D) vectors it was built over; may be memory-mapped.
        queries: (Q, D) unit-length rows.
        k: Hits a query, at least 1.
        allowed: (N,) whether a row may be found; None for all. Few are compared one by one, whatever the index.
        digest: Of the rows; empty where it is not known.

    Returns:
        Rows (Q, K) and their true cosines, best first, K the smaller of `k` and the rows there are; a tie goes to the
        lower row.

    Raises:
        ContractError: Queries, rows and index do not fit, a query is not finite, `k` is below 1, or a GPU is asked for
            that is not there.
        MissingExtra: The index is Qdrant's and its client is not installed.
        RemoteError: Qdrant's server does not answer.
        StoreError: The folder does not say what index it holds, or it was built over other vectors.
    """
    about = _described(folder)
    if digest and digest != about.built_over:
        raise StoreError(
            f"the index was built over vectors {about.built_over[:12]} but they are {digest[:12]}; "
            "run knowledge-base again"
        )
    _check(about, rows, queries, k)
    among = None if allowed is None else np.flatnonzero(_fitting(allowed, about))
    wanted = np.ascontiguousarray(queries, dtype=np.float32)
    if about.kind == "qdrant":
        from tasks.vectors import qdrant

        return qdrant.search(about, rows, wanted, k, among=among)
    index, device = nearest.on_device(_opened(folder, about.kind), device_in(folder))
    there = about.model_copy(update={"parameters": {**about.parameters, "device": device}})
    return nearest.search(index, there, rows, wanted, k, among=among)


def device_in(folder: Path) -> str:
    """Return where a stored index asks to be searched: cpu, cuda, or auto.

    Raises:
        StoreError: The folder does not say what index it holds.
    """
    return str(_described(folder).parameters.get("device", "cpu"))


def _described(folder: Path) -> Description:
    try:
        about = Description.model_validate_json((folder / "index.json").read_text("utf-8"))
        missing = [name for name in nearest.SEARCHED_BY.get(about.kind, ()) if name not in about.parameters]
        if missing:
            raise ValueError(f"{about.kind} without {' and '.join(missing)}")
        return about
    except (OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise StoreError(
            f"{folder} does not say what index it holds ({reason}); it is of another version: run knowledge-base again"
        ) from error


def _opened(folder: Path, kind: str) -> Any:
    import faiss

    lists = kind in ("ivf", "ivf-pq")  # read only, because FAISS opens mapped lists for writing otherwise
    flags = faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY if lists else faiss.IO_FLAG_MMAP_IFC
    return faiss.read_index(str(folder / "index.faiss"), flags)


def _check(about: Description, rows: Floats, queries: Floats, k: int) -> None:
    if queries.ndim != 2 or queries.shape[1] != about.width:
        raise ContractError(
            f"queries have shape {queries.shape} but the index is {about.width} wide; use its own encoder"
        )
    if rows.shape != (about.vectors, about.width):
        raise ContractError(
            f"rows have shape {rows.shape} but the index was built over {(about.vectors, about.width)}; build it again"
        )
    if k < 1 or not np.isfinite(queries).all():
        raise ContractError(f"k is {k} and must be at least 1, and the queries must hold neither NaN nor infinity")


def _fitting(allowed: npt.NDArray[np.bool_], about: Description) -> npt.NDArray[np.bool_]:
    if allowed.dtype != np.bool_ or allowed.shape != (about.vectors,):
        raise ContractError(
            f"allowed has shape {allowed.shape} of {allowed.dtype} but a bool for each of {about.vectors} was needed"
        )
    return allowed
