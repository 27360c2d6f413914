import numpy as np

from tasks.cluster.outliers import by_neighbours, by_vectors
from tasks.reduce.core import neighbour_graph
from tasks.vectors.arithmetic import normalise

VECTORS = normalise(np.array([[1, 0, 0], [1, 0.1, 0], [0, 1, 0], [0.1, 1, 0], [0.9, 0.1, 0.1], [0, 0, 1.0]]))
LABELS = np.array([3, 3, 5, 5, -1, -1])


def test_noise_goes_to_the_nearest_centre_and_what_is_far_from_all_stays() -> None:
    labels, decided = by_vectors(VECTORS, LABELS, 0.5)
    assert labels.tolist() == [3, 3, 5, 5, 3, -1]
    centre = normalise(VECTORS[:2].mean(axis=0, keepdims=True))[0]
    np.testing.assert_allclose(decided, [0, 0, 0, 0, VECTORS[4] @ centre, 0], rtol=1e-5)


def test_noise_goes_where_enough_neighbours_are_noise_counting_against() -> None:
    graph = neighbour_graph(VECTORS, 3)
    assert by_neighbours(graph, LABELS, 0.5)[0].tolist()[4] == 3
    shares = by_neighbours(graph, LABELS, 0.0)[1]
    assert shares[4] == 1.0
    assert by_neighbours(graph, LABELS, 1.0)[0].tolist()[5] == -1


def test_without_clusters_or_without_noise_nothing_changes() -> None:
    for labels in (np.full(6, -1), np.array([0, 0, 1, 1, 1, 0])):
        assert by_vectors(VECTORS, labels, 0.0)[0].tolist() == labels.tolist()
        assert by_neighbours(neighbour_graph(VECTORS, 3), labels, 0.0)[0].tolist() == labels.tolist()
