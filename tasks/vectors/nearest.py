"""Nearest vectors by cosine: exactly, and through a FAISS index of any kind. What building and searching share.

What an index proposes is scored again with the vectors themselves, so that a cosine is the same whatever the index,
the batch or the device; and where an index returns less than there is, the vectors are compared one by one.

Shapes: Q queries, N rows, D width, K hits, A allowed rows.
Source: Douze et al. 2024, arXiv:2401.08281; ours for filters.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from tasks.errors import ContractError

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Found = tuple[Rows, Floats]
Parameters = dict[str, int | float | str]

FEW = 20_000  # allowed rows up to which comparing with each is as quick as an index
NARROW = 0.1  # share of allowed rows below which an index would look at ten times as much to find as many
QUERIES, BLOCK, PAIRS = 256, 16_384, 65_536  # compared at a time: bounds on memory
SEARCHED_BY = {"hnsw": ("ef_search",), "ivf": ("nlist", "nprobe"), "ivf-pq": ("nlist", "nprobe")}
ROUNDING = 1e-5  # how far two ways to add up a cosine in 32 bits may differ


class Description(BaseModel):
    """What an index is, kept beside it as `index.json`.

    Attributes:
        kind: flat, hnsw, ivf, ivf-pq or qdrant.
        parameters: How it was built and is searched.
        reason: Why this kind and these parameters, in words.
        vectors: N.
        width: D.
        built_over: Digest of the vectors; empty where they have none.
        recall_at_10: Share of the ten nearest rows that it finds, on the sample.
        sample: Rows, slightly moved, that were asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    parameters: Parameters
    reason: str
    vectors: int
    width: int
    built_over: str = ""
    recall_at_10: float = 0.0
    sample: int = 0


def exact(rows: Floats, queries: Floats, k: int, among: Rows | None = None) -> Found:
    """Find the nearest rows by comparing with each.

    Costs 2 Q A D operations; memory holds a block of rows at a time.

    Args:
        rows: (N, D) unit-length rows; may be memory-mapped.
        queries: (Q, D) float32.
        k: Hits a query, at least 1.
        among: (A,) rows that may be found, ascending; None for all.

    Returns:
        Rows (Q, K) and cosines, best first, K the smaller of `k` and A; a tie goes to the lower row.
    """
    found, cosines = [], []
    for start in range(0, len(queries), QUERIES):
        best = _exact_chunk(rows, queries[start : start + QUERIES], k, among)
        found.append(best[0])
        cosines.append(best[1])
    width = min(k, len(rows) if among is None else len(among))
    none = np.empty((0, width))
    return np.concatenate([none.astype(np.int64), *found]), np.concatenate([none.astype(np.float32), *cosines])


def _exact_chunk(rows: Floats, queries: Floats, k: int, among: Rows | None) -> Found:
    """Carry the best of each query from block to block, as pairs of query and row."""
    count = len(rows) if among is None else len(among)
    numbers = np.empty(0, dtype=np.int64)
    owners, cosines = numbers, np.empty(0, dtype=np.float32)
    least = np.full(len(queries), -np.inf, dtype=np.float32)  # (Q,) cosine that a row must reach to count
    for start in range(0, count, BLOCK):
        block = np.arange(start, min(start + BLOCK, count)) if among is None else among[start : start + BLOCK]
        scores = queries @ np.ascontiguousarray(rows[block[0] : block[-1] + 1] if among is None else rows[block]).T
        if len(block) > k:
            least = np.maximum(least, np.partition(scores, len(block) - k, axis=1)[:, len(block) - k])
        asked, column = np.nonzero(scores >= least[:, None] - ROUNDING)
        owners, numbers = np.concatenate([owners, asked]), np.concatenate([numbers, block[column]])
        cosines = np.concatenate([cosines, cosines_of(rows, queries, asked, block[column])])
        order = np.lexsort((numbers, -cosines, owners))
        order = order[_place(owners[order]) < k]
        owners, numbers, cosines = owners[order], numbers[order], cosines[order]
    shape = (len(queries), min(k, count))
    return numbers.reshape(shape), cosines.reshape(shape)


def _place(owners: Rows) -> Rows:
    """Return the place of each pair within its query; pairs of a query stand together."""
    first = np.flatnonzero(np.diff(owners, prepend=-1))
    lengths = np.diff(np.append(first, len(owners)))
    return np.arange(len(owners)) - np.repeat(first, lengths)


def cosines_of(rows: Floats, queries: Floats, asked: Rows, numbers: Rows) -> Floats:
    """Return the cosine of each pair of a query and a row, each added up in the same way."""
    parts = [
        np.einsum("pd,pd->p", queries[asked[i : i + PAIRS]], rows[numbers[i : i + PAIRS]])
        for i in range(0, len(asked), PAIRS)
    ]
    return np.concatenate([np.empty(0, dtype=np.float32), *parts])


def search(
    index: Any, about: Description, rows: Floats, queries: Floats, k: int, *, among: Rows | None = None
) -> Found:
    """Find the nearest rows through a FAISS index.

    Args:
        index: Index over `rows`.
        about: Its kind, and how it is searched.
        rows: (N, D) unit-length rows it was built over; may be memory-mapped.
        queries: (Q, D) float32, contiguous.
        k: Hits a query, at least 1.
        among: (A,) rows that may be found, ascending; None for all.

    Returns:
        Rows (Q, K) and cosines, best first, K the smaller of `k` and the rows there are; a tie goes to the lower row.
        An index that compares with every row misses none; the others may, but never return fewer than there are.
    """
    among = None if among is not None and len(among) == len(rows) else among
    count = len(rows) if among is None else len(among)
    if among is not None and (count <= FEW or count < NARROW * len(rows) or about.parameters.get("device") == "cuda"):
        return exact(rows, queries, k, among)  # a graph or list would hold too few of them; a GPU knows no filter
    take = min(count, k + 1 if about.kind == "flat" else k * int(about.parameters.get("refine", 1)))
    _, proposed = index.search(queries, take, params=_effort(about, k, len(rows), among))
    return settle(rows, queries, proposed, min(k, count), among=among, complete=about.kind == "flat")


def settle(
    rows: Floats, queries: Floats, proposed: Rows, k: int, *, among: Rows | None = None, complete: bool = False
) -> Found:
    """Score what an index proposes with the vectors themselves, and keep the best.

    Args:
        rows: (N, D) unit-length rows.
        queries: (Q, D) float32.
        proposed: (Q, P) rows, -1 for none, no row twice in a query.
        k: Hits a query, at most the number of rows that may be found.
        among: Rows that may be found, ascending; None for all.
        complete: Whether the proposals are the P nearest, so that only a tie at the end can be missed.

    Returns:
        Rows (Q, K) and cosines, best first. A query with fewer proposals, or a tie at the end, is compared with every
        row.
    """
    asked, column = np.nonzero(proposed >= 0)
    cosines = np.full(proposed.shape, -np.inf, dtype=np.float32)
    cosines[asked, column] = cosines_of(rows, queries, asked, proposed[asked, column])
    order = np.lexsort((proposed, -cosines), axis=1)
    proposed, cosines = np.take_along_axis(proposed, order, axis=1), np.take_along_axis(cosines, order, axis=1)
    found, best = proposed[:, :k].copy(), cosines[:, :k].copy()
    again: npt.NDArray[np.bool_] = np.isneginf(best).any(axis=1) | (best.shape[1] < k)
    if complete and proposed.shape[1] > k:
        again = again | (cosines[:, k] == best[:, k - 1])
    if again.any():
        return _redone(rows, queries, k, among, again, (found, best))
    return found, best


def _redone(
    rows: Floats, queries: Floats, k: int, among: Rows | None, again: npt.NDArray[np.bool_], known: Found
) -> Found:
    found, best = np.empty((len(queries), k), dtype=np.int64), np.empty((len(queries), k), dtype=np.float32)
    found[~again], best[~again] = known[0][~again], known[1][~again]
    found[again], best[again] = exact(rows, queries[again], k, among)
    return found, best


def _effort(about: Description, k: int, count: int, among: Rows | None) -> Any:
    """Return how hard FAISS shall look: harder for more hits, and for hits that are rarer under a filter."""
    faiss = _faiss()
    share = 1.0 if among is None else len(among) / count
    chosen = {} if among is None else {"sel": _selector(among, count)}
    match about.kind:
        case "flat":
            return faiss.SearchParameters(**chosen) if chosen else None
        case "hnsw":
            wide = max(int(about.parameters["ef_search"]), 2 * k)
            return faiss.SearchParametersHNSW(efSearch=min(count, math.ceil(wide / share)), **chosen)
        case "ivf" | "ivf-pq":
            nlist = int(about.parameters["nlist"])
            enough = 4 * k * nlist / count  # lists that hold four times the hits, on average
            nprobe = math.ceil(max(int(about.parameters["nprobe"]), enough) / share)
            return faiss.SearchParametersIVF(nprobe=min(nlist, nprobe), **chosen)
    raise ContractError(
        f"the index is of kind {about.kind!r} but FAISS has flat, hnsw, ivf and ivf-pq; build it again"
    )


def _selector(among: Rows, count: int) -> Any:
    mask = np.zeros(count, dtype=bool)
    mask[among] = True
    return _faiss().IDSelectorBitmap(np.packbits(mask, bitorder="little"))


def _faiss() -> Any:
    """Return FAISS without its type stubs, which do not know all it takes."""
    import faiss

    return faiss


def on_device(index: Any, device: str) -> tuple[Any, str]:
    """Return a flat index where it shall be searched, as it is or copied to a GPU, and where that is: cpu or cuda.

    Raises:
        ContractError: A GPU was asked for and FAISS sees none.
    """
    import faiss

    if device == "cpu" or (device == "auto" and not faiss.get_num_gpus()):
        return index, "cpu"
    if not faiss.get_num_gpus():
        raise ContractError(
            "index.dense.device is cuda but FAISS sees no GPU here; use auto or cpu, or install 'llm-flows[gpu]' "
            "instead of [cpu] and run on the gpu pool"
        )
    return faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, index), "cuda"
