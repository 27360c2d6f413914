from pathlib import Path

import numpy as np

from configs.cluster import Hdbscan
from tasks.cluster import cluster_hdbscan
from tasks.data.topics import LayoutRef
from tasks.store import objects


def test_labels_are_stored_one_a_point(home: Path) -> None:
    points = np.vstack([np.random.default_rng(0).normal(centre, 0.1, size=(20, 2)) for centre in (0, 9)])
    layout = objects.save_array(LayoutRef, points.astype(np.float32))
    found = cluster_hdbscan.fn(layout, Hdbscan(min_cluster_size=10))
    labels = objects.load_array(found.labels)
    assert objects.load_array(found.strengths).shape == (40,)
    assert len(labels) == 40
    assert set(labels[:20].tolist()).isdisjoint(labels[20:].tolist())
