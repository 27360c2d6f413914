"""Find clusters of points; what belongs to none is noise.

Shapes: N points, C dimensions, T clusters.
Source: HDBSCAN, Campello, Moulavi & Sander 2013, doi:10.1007/978-3-642-37456-2_14, by the library hdbscan; k-means,
Lloyd 1982, doi:10.1109/TIT.1982.1056489, started as Arthur & Vassilvitskii 2007, by scikit-learn.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

AT_LEAST = 5
PART = 5  # of the square root of the points a cluster has at least
NEARLY_ALL = 0.9  # of the clustered points

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Clusters:
    """Clusters of N points.

    Attributes:
        labels: (N,) from 0, the largest cluster first; -1 is noise.
        strengths: (N,) the probability of each point to belong to its cluster, 0 to 1; 0 for noise.
    """

    labels: Ints
    strengths: Floats


def least_size(count: int, scale: float) -> int:
    """Return how many points a cluster has at least: a fifth of the square root of all, times scale, at least 5.

    It grows with the corpus, but slower: more documents have more topics, and larger ones.
    """
    return max(AT_LEAST, round(scale * math.sqrt(count) / PART))


def hdbscan_clusters(
    points: Floats, *, min_cluster_size: int, min_samples: int | None, method: Literal["eom", "leaf"] = "eom"
) -> Clusters:
    """Label points by the dense region they lie in.

    A few points far from all others would make those others one region, which says nothing of them: one that holds
    nearly all clustered points is cut where it falls into several.

    Args:
        points: (N, C).
        min_cluster_size: Points of a cluster at least.
        min_samples: Larger values make more points noise; None for the cluster size.
        method: eom keeps the clusters that last longest, leaf the smallest.

    Returns:
        Labels, and the strength of each membership. Points too few for two clusters, or all equal, are noise or one.
    """
    from hdbscan import HDBSCAN

    if len(points) < min_cluster_size:
        return Clusters(np.full(len(points), -1, dtype=np.int64), np.zeros(len(points), dtype=np.float32))

    def found(most: int) -> Clusters:
        model = HDBSCAN(
            min_cluster_size=min_cluster_size,
            min_samples=min(min_samples or min_cluster_size, len(points) - 1),
            cluster_selection_method=method,
            max_cluster_size=most,
            core_dist_n_jobs=1,
        )
        labels = by_size(model.fit_predict(np.asarray(points, dtype=np.float64)))
        return Clusters(labels, np.where(labels < 0, 0.0, np.nan_to_num(model.probabilities_)).astype(np.float32))

    free = found(0)
    if (free.labels == 0).sum() < NEARLY_ALL * (free.labels >= 0).sum() or free.labels.max() < 1:
        return free
    bound = found(len(points) // 2)
    return bound if bound.labels.max() > free.labels.max() else free


def kmeans_clusters(points: Floats, *, clusters: int, seed: int) -> Clusters:
    """Label points by the nearest of so many centres.

    Args:
        points: (N, C).
        clusters: T; at most as many as there are different points.
        seed: Same seed, same clusters.

    Returns:
        Labels, and for each point how much nearer its own centre is than the next: 1 at the centre, 0 half way.
    """
    from sklearn.cluster import KMeans

    rows = np.asarray(points, dtype=np.float64)
    most = len(np.unique(rows, axis=0))
    if min(clusters, most) < 2:
        return Clusters(np.zeros(len(rows), dtype=np.int64), np.ones(len(rows), dtype=np.float32))
    model = KMeans(n_clusters=min(clusters, most), n_init=1, random_state=seed).fit(rows)
    nearest = np.sort(model.transform(rows), axis=1)[:, :2]
    strengths = 1.0 - nearest[:, 0] / np.maximum(nearest[:, 1], np.finfo(np.float64).tiny)
    return Clusters(by_size(model.labels_), strengths.astype(np.float32))


def by_size(labels: npt.NDArray[np.integer]) -> Ints:
    """Number clusters anew, the largest first, of equal ones the one whose number was lower; noise stays -1."""
    clusters, counts = np.unique(labels[labels >= 0], return_counts=True)
    rank = {int(c): i for i, c in enumerate(clusters[np.argsort(-counts, kind="stable")])}
    return np.array([rank.get(int(label), -1) for label in labels], dtype=np.int64)
