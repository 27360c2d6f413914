from pathlib import Path

import numpy as np
import pytest

from configs.reduce import Umap
from tasks.data.vectors import VectorsRef
from tasks.reduce import graph_neighbours, reduce_umap
from tasks.store import objects
from tasks.vectors.arithmetic import normalise


@pytest.mark.slow
def test_a_graph_and_two_layouts_are_made_of_stored_vectors(home: Path) -> None:
    vectors = objects.save_array(VectorsRef, normalise(np.random.default_rng(0).normal(size=(20, 6))))
    graph = graph_neighbours.fn(vectors, 8)
    assert graph.shape == (20, 8, 2)
    for n_components in (2, 3):
        assert reduce_umap.fn(vectors, graph, Umap(n_components=n_components)).shape == (20, n_components)
