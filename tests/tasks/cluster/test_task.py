from pathlib import Path

import numpy as np

from configs.cluster import Hdbscan
from tasks.cluster import cluster_hdbscan, match_clusters
from tasks.data.documents import Document, DocumentsRef
from tasks.data.topics import LabelsRef, LayoutRef, TopicRecord
from tasks.data.vectors import VectorsRef
from tasks.store import objects
from tasks.vectors.arithmetic import normalise


def test_labels_are_stored_one_a_point(home: Path) -> None:
    points = np.vstack([np.random.default_rng(0).normal(centre, 0.1, size=(20, 2)) for centre in (0, 9)])
    layout = objects.save_array(LayoutRef, points.astype(np.float32))
    found = cluster_hdbscan.fn(layout, Hdbscan(min_cluster_size=10))
    labels = objects.load_array(found.labels)
    assert objects.load_array(found.strengths).shape == (40,)
    assert len(labels) == 40
    assert set(labels[:20].tolist()).isdisjoint(labels[20:].tolist())


def test_an_earlier_run_decides_numbers_alone_unless_documents_are_to_stay(home: Path) -> None:
    vectors = normalise(np.array([[1, 0.1], [1, -0.1], [1, 0.05], [0.0, 1.0], [1, 0.0]])).astype(np.float32)
    names = [Document(name, "x", "", "s", "p", meta={}) for name in "abcde"]
    documents = objects.save_rows(DocumentsRef, Document, names)
    rows = objects.save_array(VectorsRef, vectors)
    then = objects.save_array(LabelsRef, np.array([3, 3, 3, 3, -1]))
    now = objects.save_array(LabelsRef, np.array([0, 0, -1, -1, -1]))
    before = TopicRecord(
        name="n", documents=documents, found=then, labels=then,
        centres=objects.save_array(VectorsRef, vectors[:1]), highest=3,
    )  # fmt: skip
    matched = match_clusters.fn(documents, now, rows, before, 0.3)
    assert (objects.load_array(matched.labels).tolist(), matched.stayed) == ([3, 3, -1, -1, -1], 0)
    left = match_clusters.fn(documents, now, rows, before, 0.3, leave=True)
    assert (objects.load_array(left.labels).tolist(), left.stayed) == ([3, 3, 3, -1, -1], 1)
