"""Cluster many rows by clustering some: draw a sample from every region, and let neighbours vote on the rest.

Shapes: N rows, D width, M sampled rows, K neighbours.
Source: stratified sampling over coarse cells is ours; vote of neighbours, Cover & Hart 1967,
doi:10.1109/TIT.1967.1053964.
"""

import numpy as np
import numpy.typing as npt

from tasks.cluster.core import Clusters

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
ROUNDS = 10  # of k-means over the cells
MOST_CELLS = 1_000


def stratified_rows(vectors: Floats, size: int, seed: int) -> Ints:
    """Draw rows so that every region of space has its share of them.

    Args:
        vectors: (N, D) unit-length rows.
        size: M rows to draw; all where there are no more.
        seed: Same seed, same rows.

    Returns:
        (M,) row numbers, ascending; a region's part is its share of N, rounded so that M are drawn.
    """
    if size >= len(vectors):
        return np.arange(len(vectors), dtype=np.int64)
    cells = _cells(vectors, max(1, min(MOST_CELLS, round(size**0.5))), seed)
    random = np.random.default_rng(seed)
    shuffled = random.permutation(len(vectors))
    by_cell = shuffled[np.argsort(cells[shuffled], kind="stable")]  # each cell's rows in random order
    # Evenly spaced picks along rows ordered by cell take from each cell its share, within one row.
    picks = np.floor((np.arange(size) + random.random()) * len(vectors) / size).astype(np.int64)
    return np.sort(by_cell[picks])


def vote(neighbours: Floats, labels: Ints, strengths: Floats) -> Clusters:
    """Give each row the label most of its sampled neighbours have; noise is a label like any other.

    Args:
        neighbours: (N, K, 2) rows of the sample and distances, nearest first.
        labels: (M,) cluster of each sampled row.
        strengths: (M,) the probability that it belongs there.

    Returns:
        For each row the winner, a tie going to the nearer neighbour, and the mean strength of those who voted for it,
        times their share. A row that is itself in the sample is its own first neighbour but has one vote only.
    """
    voters = neighbours[..., 0].astype(np.int64)  # (N, K)
    cast = labels[voters]
    votes = (cast[:, :, None] == cast[:, None, :]).sum(axis=2)  # (N, K) how many agree with each voter
    winner = np.take_along_axis(cast, votes.argmax(axis=1)[:, None], axis=1)[:, 0]
    agree = cast == winner[:, None]
    surely = (strengths[voters] * agree).sum(axis=1) / voters.shape[1]
    return Clusters(winner, np.where(winner < 0, 0.0, surely).astype(np.float32))


def _cells(vectors: Floats, cells: int, seed: int) -> Ints:
    """Return the coarse cell of every row."""
    import faiss

    rows = np.ascontiguousarray(vectors)
    model = faiss.Kmeans(rows.shape[1], cells, niter=ROUNDS, seed=seed, spherical=True, min_points_per_centroid=1)
    model.train(rows)
    return np.asarray(model.index.search(rows, 1)[1][:, 0], dtype=np.int64)
