"""Indexes over vectors by FAISS, each with a description that says why it is as it is and how well it finds.

Building is deterministic: a graph is built by one thread, because the order in which threads insert would decide its
links; its levels and the starting centres of lists come from seeded generators. Recall is measured on rows of the
index that are moved a little, so that none is asked for that is in it.

Shapes: N rows, D width, Q queries.
Source: Douze et al. 2024, arXiv:2401.08281; HNSW: Malkov & Yashunin 2018, arXiv:1603.09320; product quantisation:
Jegou, Douze & Schmid 2011, doi:10.1109/TPAMI.2010.57.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt

from configs.index import Auto, DenseIndex, Flat, Hnsw, Ivf, IvfPq, Qdrant
from tasks.errors import ContractError
from tasks.vectors import nearest
from tasks.vectors.arithmetic import normalise
from tasks.vectors.nearest import Description, Parameters

Floats = npt.NDArray[np.float32]
FaissKind = Flat | Hnsw | Ivf | IvfPq
Measure = Callable[[Description], tuple[float, int]]  # recall, and the queries it was measured with

SAMPLE, SEED = 1_000, 0  # queries that recall is measured with, and what draws them
MOVED = 0.5  # length of the random step away from a row: a cosine of 0.89 with it
HITS = 10
TRAIN_PER_LIST = 64  # rows a list is trained with at most
LEAST_PER_LIST = 39  # below that FAISS calls a centre badly trained
CODES = 256  # centres of each part of a code: a byte
ITERATIONS = 10  # of k-means; more moves recall by less than its own error


def build_dense(vectors: Floats, folder: Path, config: DenseIndex, *, digest: str = "") -> Description:
    """Index unit-length rows (N, D) by their cosine; write the index and its description into a folder.

    Args:
        vectors: (N, D) rows; may be memory-mapped.
        folder: Where `index.json` is written, and `index.faiss` beside it for every kind but qdrant.
        config: The kind, and whatever of its parameters is not to be derived.
        digest: Of the vectors; the description keeps it, and a collection of a server is named after it.

    Raises:
        ContractError: There is no row, one is not of unit length, or there are too few for the kind.
        MissingExtra: The kind is qdrant and its client is not installed.
        RemoteError: Qdrant's server does not answer.
    """
    rows = _checked(vectors)
    chosen, reason = choose(config, len(rows))
    if isinstance(chosen, Qdrant):
        from tasks.vectors import qdrant

        measure = recall_of(rows, lambda about, queries: qdrant.search(about, rows, queries, HITS))
        about = measured(qdrant.describe(rows, chosen, digest), measure)
    else:
        import faiss

        index, about = _build(rows, chosen, reason)
        faiss.write_index(index, str(folder / "index.faiss"))
    about = about.model_copy(update={"built_over": digest})
    (folder / "index.json").write_text(about.model_dump_json(indent=1) + "\n", "utf-8")
    return about


def choose(config: DenseIndex, count: int) -> tuple[FaissKind | Qdrant, str]:
    """Return the kind of index that is built over some vectors, and why."""
    if not isinstance(config, Auto):
        return config, "as configured"
    limit = f"{config.flat_up_to:,}, the most that are all compared (index.dense.flat_up_to)"
    if count <= config.flat_up_to:
        return Flat(device=config.device), f"{count:,} vectors are not more than {limit}"
    return Hnsw(), f"{count:,} vectors are more than {limit}"


def _checked(vectors: Floats) -> Floats:
    if vectors.ndim != 2 or not vectors.size:
        raise ContractError(f"vectors have shape {vectors.shape} but (N, D) with at least one row was needed")
    lengths = np.linalg.norm(vectors, axis=1)
    bad = np.flatnonzero(~(np.abs(lengths - 1) < 1e-3))
    if len(bad):
        raise ContractError(
            f"vector {bad[0]} has length {lengths[bad[0]]} but 1 was needed; normalise before indexing"
        )
    return np.ascontiguousarray(vectors, dtype=np.float32)


def _build(rows: Floats, config: FaissKind, reason: str) -> tuple[Any, Description]:
    fixed: Parameters
    dials: list[Parameters]
    match config:
        case Flat():
            index, fixed, dials = _flat(rows), {"device": config.device}, []
        case Hnsw():
            index, fixed, dials = _hnsw(rows, config)
        case Ivf() | IvfPq():
            index, fixed, dials = _ivf(rows, config)
        case _:
            assert_never(config)
    about = Description(kind=config.kind, parameters=fixed, reason=reason, vectors=len(rows), width=rows.shape[1])
    measure = recall_of(rows, lambda about, queries: _find(index, about, rows, queries))
    return index, measured(about, measure) if isinstance(config, Flat) else _tuned(
        about, dials, config.recall, measure
    )


def _find(index: Any, about: Description, rows: Floats, queries: Floats) -> nearest.Found:
    index, device = nearest.on_device(index, str(about.parameters.get("device", "cpu")))
    there = about.model_copy(update={"parameters": {**about.parameters, "device": device}})
    return nearest.search(index, there, rows, queries, HITS)


def recall_of(rows: Floats, find: Callable[[Description, Floats], nearest.Found]) -> Measure:
    """Return a function that measures recall at ten hits, against comparing with every row, and the queries used.

    A hit counts where its cosine is that of the tenth nearest row or better, so that equal rows are as good as one
    another. Up to 1,000 rows, drawn with a seed, are asked for, each moved by a random step of half its length.
    """
    queries = draw_queries(rows)
    least = nearest.exact(rows, queries, HITS)[1][:, -1:]

    def measure(about: Description) -> tuple[float, int]:
        _, cosines = find(about, queries)
        return round(float((cosines >= least - nearest.ROUNDING).mean()), 4), len(queries)

    return measure


def measured(about: Description, measure: Measure) -> Description:
    """Return a description with the recall that its parameters give."""
    recall, sample = measure(about)
    return about.model_copy(update={"recall_at_10": recall, "sample": sample})


def _tuned(about: Description, dials: Iterable[Parameters], goal: float, measure: Measure) -> Description:
    """Turn the search settings up until the sample finds enough; keep the last where it never does, and say so."""
    dial: Parameters = {}
    for dial in dials:
        about = measured(about.model_copy(update={"parameters": {**about.parameters, **dial}}), measure)
        if about.recall_at_10 >= goal:
            break
    words = " and ".join(f"{name} {value}" for name, value in dial.items())
    verdict = "reaches" if about.recall_at_10 >= goal else "does not reach"
    return about.model_copy(
        update={"reason": f"{about.reason}; with {words} it {verdict} the recall asked for, {goal}"}
    )


def draw_queries(rows: Floats) -> Floats:
    """Return up to 1,000 of the rows (Q, D), drawn with a seed, each moved by a random step."""
    drawn = np.random.default_rng(SEED)
    chosen = np.sort(drawn.choice(len(rows), size=min(SAMPLE, len(rows)), replace=False))
    steps = normalise(drawn.normal(size=(len(chosen), rows.shape[1])))
    return normalise(rows[chosen] + np.float32(MOVED) * steps)


def _flat(rows: Floats) -> Any:
    import faiss

    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    return index


def _hnsw(rows: Floats, config: Hnsw) -> tuple[Any, Parameters, list[Parameters]]:
    """Build a graph by one thread: about a millisecond a row. Rounded to bytes, the hits are compared again."""
    import faiss

    m = config.m or (16 if len(rows) <= 1_000_000 else 32)
    built: Parameters = {"m": m, "ef_construction": config.ef_construction or max(100, 4 * m), "refine": 2}
    made: Any = faiss.IndexHNSWSQ  # its type stub knows fewer arguments
    byte = faiss.ScalarQuantizer.QT_8bit  # a quarter of the memory that a walk goes through, so faster
    index = made(rows.shape[1], byte, m, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = int(built["ef_construction"])
    with one_thread():
        index.train(rows)
        index.add(rows)
    ladder = [width for step in range(9) for width in (16 << step, 24 << step) if step == 0 or width < 2 * len(rows)]
    return index, built, [{"ef_search": width} for width in ([config.ef_search] if config.ef_search else ladder)]


def _ivf(rows: Floats, config: Ivf | IvfPq) -> tuple[Any, Parameters, list[Parameters]]:
    """Train lists, and codes where there are any, on a sample of the rows; add all rows."""
    import faiss

    count, width = rows.shape
    nlist = config.nlist or max(1, min(round(4 * math.sqrt(count)), count // LEAST_PER_LIST))
    _enough(count, max(nlist * LEAST_PER_LIST, CODES * LEAST_PER_LIST if isinstance(config, IvfPq) else 0), config)
    built: Parameters = {"nlist": nlist, "seed": config.seed}
    coarse = faiss.IndexFlatIP(width)
    index: Any
    if isinstance(config, Ivf):
        index = faiss.IndexIVFFlat(coarse, width, nlist, faiss.METRIC_INNER_PRODUCT)
    else:
        built["pq_m"] = _code_bytes(width, config.pq_m)
        index = faiss.IndexIVFPQ(coarse, width, nlist, int(built["pq_m"]), 8, faiss.METRIC_INNER_PRODUCT)
        index.pq.cp.seed, index.pq.cp.niter = config.seed, ITERATIONS
    index.cp.seed, index.cp.niter, index.cp.spherical = config.seed, ITERATIONS, True
    index.cp.max_points_per_centroid = TRAIN_PER_LIST
    trained = min(count, max(nlist, CODES if isinstance(config, IvfPq) else 0) * TRAIN_PER_LIST)
    chosen = np.sort(np.random.default_rng(config.seed).choice(count, size=trained, replace=False))
    with one_thread():
        index.train(rows[chosen])
        index.add(rows)
    return index, built, list(_dials(config, nlist, count))


def _enough(count: int, needed: int, config: Ivf | IvfPq) -> None:
    if count < needed:
        fewer = "lower index.dense.nlist, or " if config.nlist else ""
        raise ContractError(
            f"index.dense.kind is {config.kind} but there are {count:,} vectors and {needed:,} were needed; "
            f"{fewer}use index.dense.kind=flat"
        )


def _code_bytes(width: int, asked: int | None) -> int:
    """Return the bytes of a code: what was asked, or the largest divisor of the width up to an eighth of it."""
    if asked is None:
        return max(part for part in range(1, max(1, width // 8) + 1) if width % part == 0)
    if width % asked:
        near = [part for part in range(1, width + 1) if width % part == 0]
        raise ContractError(
            f"index.dense.pq_m is {asked} but must divide the width, {width}; use one of {', '.join(map(str, near))}"
        )
    return asked


def _dials(config: Ivf | IvfPq, nlist: int, count: int) -> Iterator[Parameters]:
    """Yield search settings, each looking about twice as hard as the one before, up to looking at everything."""
    nprobe, refine = config.nprobe or min(nlist, 8), 1
    if isinstance(config, IvfPq):
        refine = config.refine or min(4, -(-count // HITS))
    while True:
        now: Parameters = {"nprobe": nprobe}
        yield {**now, "refine": refine} if isinstance(config, IvfPq) else now
        most_probes = nlist if config.nprobe is None else nprobe
        most_refine = min(1_000, -(-count // HITS)) if isinstance(config, IvfPq) and config.refine is None else refine
        if nprobe >= most_probes and refine >= most_refine:
            return
        if refine < most_refine and (refine * 2 <= nprobe or nprobe >= most_probes):
            refine = min(2 * refine, most_refine)
        else:
            nprobe = min(2 * nprobe, most_probes)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let FAISS use one thread, so that the result does not depend on how many there are."""
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
