"""Clusters that are known beforehand, and clusters made one.

Shapes: N rows, D width, Q names.
Source: zero-shot and guided topics as BERTopic has them, Grootendorst 2022, arXiv:2203.05794.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.cluster.core import Clusters
from tasks.errors import ContractError
from tasks.vectors.arithmetic import normalise

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def merged(labels: Ints, groups: Sequence[Sequence[int]]) -> Ints:
    """Make one cluster of several; it has the first one's number.

    Args:
        labels: (N,) clusters.
        groups: Numbers of the clusters to make one.

    Returns:
        (N,) clusters.

    Raises:
        ContractError: A number is no cluster's, or stands twice.
    """
    known = {int(label) for label in np.unique(labels[labels >= 0])}
    named = [number for group in groups for number in group]
    if unknown := sorted(set(named) - known):
        raise ContractError(
            f"merge names topic {unknown[0]} but there are {', '.join(map(str, sorted(known))) or 'none'}; "
            "take numbers from the page"
        )
    if len(named) != len(set(named)):
        twice = next(number for number in named if named.count(number) > 1)
        raise ContractError(
            f"merge names topic {twice} twice but a topic can be merged only once; put both into one group"
        )
    into = {number: group[0] for group in groups for number in group}
    return np.array([into.get(int(label), int(label)) for label in labels], dtype=np.int64)


def nearest_names(vectors: Floats, names: Floats, threshold: float) -> Clusters:
    """Give each row to the name that is closest to it, if that is close enough.

    Args:
        vectors: (N, D) unit-length rows.
        names: (Q, D) unit-length vectors of the names.
        threshold: Least cosine; below it a row is noise.

    Returns:
        Labels 0..Q-1, -1 for rows no name is close to, and the cosines as strengths.
    """
    cosines = np.asarray(vectors @ names.T)
    best = cosines.argmax(axis=1)
    top = cosines[np.arange(len(vectors)), best]
    near = top >= threshold
    return Clusters(
        np.where(near, best, -1).astype(np.int64), np.where(near, np.clip(top, 0.0, 1.0), 0.0).astype(np.float32)
    )


def joined(first: Clusters, rest: Ints, found: Clusters, names: int) -> Clusters:
    """Put clusters that were found among the rest behind those that are known.

    Args:
        first: Clusters 0..names-1 of N rows, -1 for the rest.
        rest: (M,) rows that belong to none of them.
        found: Clusters of those M rows.
        names: How many are known; the others are numbered from there.

    Returns:
        Clusters of all N rows.
    """
    labels, strengths = first.labels.copy(), first.strengths.copy()
    labels[rest] = np.where(found.labels >= 0, found.labels + names, -1)
    strengths[rest] = found.strengths
    return Clusters(labels, strengths)


def guided(vectors: Floats, seeds: Floats, weight: float) -> Floats:
    """Draw the rows that are closer to a seed than to the middle of all rows towards it.

    Args:
        vectors: (N, D) unit-length rows.
        seeds: (Q, D) unit-length vectors of the seeds.
        weight: 0 moves nothing; 1 puts the rows onto their seed.

    Returns:
        (N, D) unit-length rows.
    """
    middle = normalise(vectors.mean(axis=0, keepdims=True))
    cosines = np.asarray(vectors @ np.concatenate([seeds, middle]).T)
    best = cosines.argmax(axis=1)
    drawn = best < len(seeds)
    moved = np.array(vectors)
    moved[drawn] = (1 - weight) * moved[drawn] + weight * seeds[best[drawn]]
    return normalise(moved)
