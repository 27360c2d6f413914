import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from tasks.cluster.core import hdbscan_clusters, kmeans_clusters, least_size

SIZES = [40, 90, 60]
POINTS, TRUTH = make_blobs(SIZES, centers=np.array([[0, 0], [20, 0], [0, 20]]), cluster_std=0.5, random_state=0)


def labels_of(points: np.ndarray, size: int | None = None, samples: int | None = 5) -> np.ndarray:
    size = size or least_size(len(points), 1.0)
    return hdbscan_clusters(points.astype(np.float32), min_cluster_size=size, min_samples=samples).labels


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


def test_a_few_points_far_away_do_not_make_one_cluster_of_all_others() -> None:
    near = make_blobs([60] * 8, centers=8 * np.eye(8, 5), cluster_std=1.2, random_state=3)[0]
    far = np.random.default_rng(0).normal([400.0] * 5, 0.1, (20, 5))
    alone, beside = labels_of(near, size=12), labels_of(np.vstack([near, far]), size=12)
    assert adjusted_rand_score(alone, beside[: len(near)]) > 0.9
    assert len(set(beside[len(near) :])) == 1
    assert (beside == 0).sum() < len(near) / 2


def test_a_region_of_most_points_beside_others_is_left_whole() -> None:
    points = make_blobs([300, 100, 60], centers=9 * np.eye(3, 4), cluster_std=0.4, random_state=0)[0]
    sizes = np.bincount(labels_of(points, size=10) + 1).tolist()[1:]  # noise apart
    assert len(sizes) == 3
    assert all(size >= 0.9 * true for size, true in zip(sizes, (300, 100, 60), strict=True))


def test_a_point_far_from_all_others_is_noise() -> None:
    assert labels_of(np.vstack([POINTS, [[500.0, 500.0]]]), size=15)[-1] == -1


def test_a_cluster_has_at_least_the_size_asked_for() -> None:
    labels = labels_of(POINTS, size=50)
    assert [int((labels == number).sum()) >= 50 for number in range(labels.max() + 1)] == [True, True]


@pytest.mark.parametrize(("count", "size"), [(0, 5), (600, 5), (900, 6), (6_000, 15), (25_000, 32), (1_000_000, 200)])
def test_a_cluster_has_at_least_five_points_or_a_fifth_of_the_square_root_of_all(count: int, size: int) -> None:
    assert least_size(count, 1.0) == size


def test_a_larger_scale_makes_larger_clusters_in_proportion() -> None:
    assert least_size(10_000, 2.5) == 50


def test_strengths_are_highest_in_the_middle_and_nothing_for_noise() -> None:
    found = hdbscan_clusters(
        np.vstack([POINTS, [[500.0, 500.0]]]).astype(np.float32), min_cluster_size=15, min_samples=5
    )
    assert found.strengths[-1] == 0
    assert (found.strengths[found.labels >= 0] > 0).all()
    assert found.strengths.max() == 1


def test_leaves_are_at_least_as_many_as_the_clusters_that_last() -> None:
    points = np.random.default_rng(3).normal(size=(400, 2)).astype(np.float32)
    ways = [
        hdbscan_clusters(points, min_cluster_size=8, min_samples=3, method=m).labels.max() for m in ("eom", "leaf")
    ]
    assert ways[1] >= ways[0]


def test_k_means_finds_separate_blobs_largest_first_without_noise() -> None:
    found = kmeans_clusters(POINTS.astype(np.float32), clusters=3, seed=0)
    assert adjusted_rand_score(TRUTH, found.labels) == 1
    assert np.bincount(found.labels).tolist() == sorted(SIZES, reverse=True)
    assert ((found.strengths >= 0) & (found.strengths <= 1)).all()


@pytest.mark.parametrize(("points", "clusters"), [(np.ones((4, 2)), 3), (np.eye(2), 5), (np.ones((1, 2)), 1)])
def test_k_means_makes_no_more_clusters_than_there_are_different_points(points: np.ndarray, clusters: int) -> None:
    labels = kmeans_clusters(points.astype(np.float32), clusters=clusters, seed=0).labels
    assert len(set(labels.tolist())) == min(clusters, len(np.unique(points, axis=0)))


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
