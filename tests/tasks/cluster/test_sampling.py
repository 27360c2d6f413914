import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import KNeighborsClassifier

from tasks.cluster.sampling import stratified_rows, vote
from tasks.reduce.core import neighbours_among
from tasks.vectors.arithmetic import normalise

ROWS, TRUTH = make_blobs([600, 300, 60], centers=5 * np.eye(3, 8), cluster_std=0.4, random_state=0)
VECTORS = normalise(ROWS)


def test_every_region_has_its_share_of_the_sample() -> None:
    drawn = stratified_rows(VECTORS, 96, seed=1)
    assert len(drawn) == len(set(drawn.tolist())) == 96
    assert np.abs(np.bincount(TRUTH[drawn]) - [60, 30, 6]).max() <= 2
    assert drawn.tolist() == sorted(drawn.tolist())


def test_the_same_seed_draws_the_same_rows_and_another_seed_others() -> None:
    assert np.array_equal(stratified_rows(VECTORS, 50, seed=1), stratified_rows(VECTORS, 50, seed=1))
    assert not np.array_equal(stratified_rows(VECTORS, 50, seed=1), stratified_rows(VECTORS, 50, seed=2))


@pytest.mark.parametrize("size", [960, 5_000])
def test_a_sample_as_large_as_the_rows_is_all_of_them(size: int) -> None:
    assert stratified_rows(VECTORS, size, seed=0).tolist() == list(range(960))


def test_the_vote_is_that_of_scikit_learn_s_nearest_neighbours() -> None:
    sample = stratified_rows(VECTORS, 200, seed=0)
    found = vote(neighbours_among(VECTORS, VECTORS[sample], 5), TRUTH[sample], np.ones(200, dtype=np.float32))
    theirs = KNeighborsClassifier(5, metric="cosine", algorithm="brute").fit(VECTORS[sample], TRUTH[sample])
    assert (found.labels == theirs.predict(VECTORS)).all()
    assert adjusted_rand_score(TRUTH, found.labels) > 0.99


def test_a_tie_goes_to_the_nearer_and_strength_is_that_of_the_voters_times_their_share() -> None:
    near = np.array([[[0, 0.1], [1, 0.2]], [[1, 0.1], [2, 0.1]], [[3, 0.1], [3, 0.2]]], dtype=np.float32)
    labels, strengths = np.array([7, 4, 4, -1]), np.array([1.0, 0.5, 0.3, 0.0], dtype=np.float32)
    found = vote(near, labels, strengths)
    assert found.labels.tolist() == [7, 4, -1]
    np.testing.assert_allclose(found.strengths, [0.5, 0.4, 0.0], rtol=1e-6)
