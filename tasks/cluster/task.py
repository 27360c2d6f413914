"""Tasks of `cluster`: points to clusters."""

import numpy as np

from configs.cluster import Hdbscan
from tasks.data import LabelsRef, LayoutRef
from tasks.runtime import steps, store
from tasks.runtime.steps import step


@step(name="cluster-hdbscan", libraries=("hdbscan",))
def cluster_hdbscan(layout: LayoutRef, config: Hdbscan) -> LabelsRef:
    """Label points by the dense region they lie in; -1 is noise.

    Args:
        layout: (N, C) points.
        config: Least size, and how much is noise.
    """
    from tasks.cluster.core import hdbscan_labels

    points = store.load_array(layout)
    labels = hdbscan_labels(points, min_cluster_size=config.min_cluster_size, min_samples=config.min_samples)
    steps.record(clusters=int(labels.max() + 1), noise_share=float(np.mean(labels == -1)))
    return store.save_array(LabelsRef, labels)
