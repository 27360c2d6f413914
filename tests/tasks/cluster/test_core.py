import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from tasks.cluster.core import hdbscan_labels

SIZES = [40, 90, 60]
POINTS, TRUTH = make_blobs(SIZES, centers=np.array([[0, 0], [20, 0], [0, 20]]), cluster_std=0.5, random_state=0)


def labels_of(points: np.ndarray, size: int | None = None, samples: int | None = 5) -> np.ndarray:
    return hdbscan_labels(points.astype(np.float32), min_cluster_size=size, min_samples=samples)


def test_separate_blobs_are_found_again() -> None:
    assert adjusted_rand_score(TRUTH, labels_of(POINTS, size=15)) > 0.98


def test_clusters_are_numbered_by_size_the_largest_first() -> None:
    labels = labels_of(POINTS, size=15)
    sizes = [int((labels == number).sum()) for number in range(labels.max() + 1)]
    assert sizes == sorted(sizes, reverse=True)
    assert TRUTH[labels == 0].tolist() == [1] * sizes[0]
    assert labels.dtype == np.int64


def test_the_order_of_the_points_does_not_count() -> None:
    order = np.random.default_rng(1).permutation(len(POINTS))
    assert adjusted_rand_score(labels_of(POINTS, size=15)[order], labels_of(POINTS[order], size=15)) == 1


def test_a_point_far_from_all_others_is_noise() -> None:
    assert labels_of(np.vstack([POINTS, [[500.0, 500.0]]]), size=15)[-1] == -1


def test_a_cluster_has_at_least_the_size_asked_for() -> None:
    labels = labels_of(POINTS, size=50)
    assert [int((labels == number).sum()) >= 50 for number in range(labels.max() + 1)] == [True, True]


@pytest.mark.parametrize(("count", "size"), [(300, 5), (599, 5), (600, 6), (900, 9)])
def test_without_a_size_one_in_a_hundred_points_but_at_least_five_make_a_cluster(count: int, size: int) -> None:
    for small, found in ((size, True), (size - 1, False)):
        large = (count - small) // 2
        sizes = [large, count - small - large, small]
        points, blob = make_blobs(sizes, centers=np.array([[0, 0], [50, 0], [0, 50]]), random_state=0)
        assert bool((labels_of(points, samples=2)[blob == 2] >= 0).any()) == found


def test_without_a_number_of_samples_the_cluster_size_counts() -> None:
    assert labels_of(POINTS, 15, None).tolist() == labels_of(POINTS, 15, 15).tolist()


@pytest.mark.parametrize("count", range(7))
def test_fewer_points_than_a_cluster_needs_are_all_noise(count: int) -> None:
    assert labels_of(np.random.default_rng(0).normal(size=(count, 2)), size=7).tolist() == [-1] * count


@pytest.mark.parametrize("size", [10**9, 10**30], ids=["huge", "beyond any integer of the library"])
def test_a_size_no_cluster_can_have_makes_all_noise(size: int) -> None:
    assert set(labels_of(POINTS, size=size).tolist()) == {-1}


@pytest.mark.parametrize("count", [1, 2, 5, 6, 200])
def test_equal_points_are_one_cluster_or_all_noise(count: int) -> None:
    assert len(set(labels_of(np.ones((count, 2))).tolist())) == 1
