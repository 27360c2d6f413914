"""Vector arithmetic that everything shares: normalise, cosine, top-k. The only implementations.

Shapes: Q queries, N rows, D width.
"""

import numpy as np
import numpy.typing as npt

from tasks.errors import ContractError

Floats = npt.NDArray[np.floating]


def normalise(rows: Floats) -> npt.NDArray[np.float32]:
    """Scale rows (N, D) to unit length.

    Raises:
        ContractError: A row is zero or not finite: it has no direction.
    """
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    bad = np.flatnonzero(~np.isfinite(lengths[:, 0]) | (lengths[:, 0] == 0))
    if len(bad):
        raise ContractError(
            f"row {bad[0]} has length {lengths[bad[0], 0]} but a direction was needed; reject it first"
        )
    return np.asarray(rows / lengths, dtype=np.float32)


def cosine(queries: Floats, rows: Floats) -> npt.NDArray[np.float32]:
    """Return the (Q, N) cosines of unit-length rows.

    Raises:
        ContractError: The widths differ.
    """
    if queries.ndim != 2 or rows.ndim != 2 or queries.shape[1] != rows.shape[1]:
        raise ContractError(f"queries have shape {queries.shape} but rows {rows.shape}; need (Q, D) and (N, D)")
    return np.asarray(queries @ rows.T, dtype=np.float32)


def top_k(scores: Floats, k: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return the positions (Q, k) of the best scores of each row, and the scores, best first.

    A tie goes to the lower position; where a row has fewer than `k` entries, all are returned.
    """
    if k < 1:
        raise ContractError(f"k is {k} but at least 1 was needed")
    k = min(k, scores.shape[1])
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(scores, order, axis=1)


def centres_of(
    vectors: Floats, labels: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the numbers (T,) of the clusters, ascending, and the mean (T, D) of each at unit length; -1 is none.

    A cluster whose rows cancel out has a centre of zeros.
    """
    numbers = np.unique(labels[labels >= 0]).astype(np.int64)
    means = np.zeros((len(numbers), vectors.shape[1]), dtype=np.float64)
    for row, number in enumerate(numbers):
        means[row] = vectors[labels == number].mean(axis=0, dtype=np.float64)
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    return numbers, np.asarray(means / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)
