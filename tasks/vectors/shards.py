"""Cut work into shards of even size, so that a task runs for seconds and a kill loses little."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

WINDOW = 16_384  # rows whose texts are in memory at a time


def cut(sizes: npt.NDArray[np.int64], target: int) -> list[npt.NDArray[np.int64]]:
    """Cut items into shards of about `target`, items of like size together.

    Args:
        sizes: (N,) size of each item, such as tokens or characters.
        target: Size a shard closes at; a single larger item is a shard of its own.

    Returns:
        Positions a shard, from small items to large; each position is in exactly one.
    """
    order = np.argsort(sizes, kind="stable")
    shard_of = np.cumsum(sizes[order]) // max(target, 1)
    edges = np.flatnonzero(np.diff(shard_of)) + 1
    return [part for part in np.split(order, edges) if len(part)]


def windows(rows: int) -> Iterator[tuple[int, int]]:
    """Yield (first, past the last) of stretches of at most `WINDOW` rows."""
    yield from ((start, min(start + WINDOW, rows)) for start in range(0, rows, WINDOW))


def cut_near(rows: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64], target: int) -> list[npt.NDArray[np.int64]]:
    """Cut rows into shards of about `target`, none reaching over the border of a window.

    Args:
        rows: (N,) rows in ascending order.
        sizes: (N,) size of each.
        target: Size a shard closes at.

    Returns:
        Positions in `rows` a shard; each is in exactly one.
    """
    edges = np.flatnonzero(np.diff(rows // WINDOW)) + 1
    return [part[small] for part in np.split(np.arange(len(rows)), edges) for small in cut(sizes[part], target)]
