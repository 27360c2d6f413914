"""Cut work into shards of even size, so that a task runs for seconds and a kill loses little."""

import numpy as np
import numpy.typing as npt


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
