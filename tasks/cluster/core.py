"""Find clusters of points; what belongs to none is noise.

Shapes: N points, C dimensions.
Source: HDBSCAN, Campello, Moulavi & Sander 2013, doi:10.1007/978-3-642-37456-2_14, by the library hdbscan.
"""

import numpy as np
import numpy.typing as npt

ONE_IN = 100
AT_LEAST = 5


def hdbscan_labels(
    points: npt.NDArray[np.float32], *, min_cluster_size: int | None, min_samples: int | None
) -> npt.NDArray[np.int64]:
    """Label points by the dense region they lie in.

    Args:
        points: (N, C).
        min_cluster_size: Points of a cluster at least; None for one in a hundred, at least 5.
        min_samples: Larger values make more points noise; None for the cluster size.

    Returns:
        (N,) labels from 0, the largest cluster first; -1 is noise.
    """
    from hdbscan import HDBSCAN

    size = min_cluster_size or max(AT_LEAST, len(points) // ONE_IN)
    if len(points) < size:
        return np.full(len(points), -1, dtype=np.int64)
    model = HDBSCAN(min_cluster_size=size, min_samples=min(min_samples or size, len(points) - 1), core_dist_n_jobs=1)
    found = model.fit_predict(np.asarray(points, dtype=np.float64))
    clusters, counts = np.unique(found[found >= 0], return_counts=True)
    rank = {int(c): i for i, c in enumerate(clusters[np.argsort(-counts, kind="stable")])}
    return np.array([rank.get(int(label), -1) for label in found], dtype=np.int64)
