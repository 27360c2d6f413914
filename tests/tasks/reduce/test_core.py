import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_blobs
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from configs.reduce import Umap
from tasks.errors import ContractError
from tasks.reduce import core
from tasks.reduce.core import neighbour_graph, umap_layout
from tasks.vectors.arithmetic import normalise


def random_rows(seed: int, count: int, width: int = 6) -> np.ndarray:
    return normalise(np.random.default_rng(seed).normal(size=(count, width)))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**16), st.integers(1, 50), st.integers(2, 20))
def test_neighbours_and_distances_are_those_of_scikit_learn(seed: int, count: int, n_neighbors: int) -> None:
    rows = random_rows(seed, count)
    k = min(n_neighbors, count)
    graph = neighbour_graph(rows, n_neighbors)
    distances, found = NearestNeighbors(n_neighbors=k, metric="cosine", algorithm="brute").fit(rows).kneighbors(rows)
    assert graph.shape == (count, k, 2)
    np.testing.assert_allclose(graph[..., 1], distances, atol=1e-5)
    assert (graph[..., 0].astype(int) == found).mean() > 0.99  # a tie within rounding may swap two


def test_of_many_rows_nearly_all_neighbours_are_those_of_all_comparisons(monkeypatch: pytest.MonkeyPatch) -> None:
    centres = np.random.default_rng(0).normal(size=(40, 300))
    rows = normalise(np.repeat(centres, 25, axis=0) + np.random.default_rng(1).normal(size=(1_000, 300)))
    exact = neighbour_graph(rows, 10)
    monkeypatch.setattr(core, "MANY", 500)
    found = neighbour_graph(rows, 10)
    same = [len({*a} & {*b}) for a, b in zip(exact[..., 0].tolist(), found[..., 0].tolist(), strict=True)]
    assert sum(same) >= 0.97 * 10_000
    assert not np.array_equal(found, exact)
    np.testing.assert_allclose(found[:, :2, 1], exact[:, :2, 1], atol=0.02)
    assert found[:, 0, 0].tolist() == list(range(1_000))


@pytest.mark.parametrize("copies", [2, 5, 30], ids=lambda n: f"{n} copies of each")
def test_every_row_is_its_own_first_neighbour_however_many_equal_it(copies: int) -> None:
    rows = np.repeat(random_rows(1, 4), copies, axis=0)
    graph = neighbour_graph(rows, 4)
    assert graph[:, 0, 0].tolist() == list(range(len(rows)))
    assert (graph[:, 0, 1] == 0).all()
    assert all(len(set(row)) == len(row) for row in graph[..., 0].tolist())


def test_distances_grow_from_neighbour_to_neighbour_and_are_never_negative() -> None:
    distances = neighbour_graph(random_rows(2, 40), 15)[..., 1]
    assert (np.diff(distances, axis=1) >= 0).all()
    assert (distances >= 0).all()


def test_one_row_has_only_itself() -> None:
    assert neighbour_graph(random_rows(3, 1), 15).tolist() == [[[0.0, 0.0]]]


def test_rows_in_another_memory_layout_have_the_same_neighbours() -> None:
    rows = random_rows(4, 20)
    assert np.array_equal(neighbour_graph(np.asfortranarray(rows), 5), neighbour_graph(rows, 5))


@pytest.fixture(scope="module")
def blobs() -> np.ndarray:
    """Return unit rows in four well-separated directions, 30 of each."""
    return normalise(make_blobs([30] * 4, centers=5 * np.eye(4, 12), cluster_std=0.4, random_state=0)[0])


def layout_of(rows: np.ndarray, *, seed: int = 42, n_components: int = 2, n_neighbors: int = 15) -> np.ndarray:
    config = Umap(n_components=n_components, min_dist=0.1, seed=seed)
    return umap_layout(rows, neighbour_graph(rows, n_neighbors), config=config)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_layout_and_another_seed_another(blobs: np.ndarray) -> None:
    first = layout_of(blobs)
    assert np.array_equal(first, layout_of(blobs))
    assert not np.array_equal(first, layout_of(blobs, seed=43))


@pytest.mark.slow
def test_what_is_near_in_the_layout_is_near_in_the_vectors(blobs: np.ndarray) -> None:
    layout = layout_of(blobs)
    assert trustworthiness(blobs, layout, n_neighbors=10, metric="cosine") > 0.85
    nearest = NearestNeighbors(n_neighbors=6).fit(layout).kneighbors(return_distance=False)
    blob = np.argmax(blobs[:, :4], axis=1)
    assert (blob[nearest] == blob[:, None]).mean() > 0.98


@pytest.mark.slow
@pytest.mark.parametrize("n_components", [2, 5])
def test_a_layout_has_as_many_dimensions_as_asked_for(n_components: int, blobs: np.ndarray) -> None:
    layout = layout_of(blobs, n_components=n_components)
    assert layout.shape == (120, n_components)
    assert layout.dtype == np.float32


@pytest.mark.slow
@pytest.mark.parametrize(
    "rows",
    [random_rows(5, 10), random_rows(5, 16), np.repeat(random_rows(5, 1), 40, axis=0)],
    ids=["fewer rows than neighbours", "as many", "all rows equal"],
)
def test_rows_that_are_few_or_all_equal_still_have_a_layout(rows: np.ndarray) -> None:
    assert np.isfinite(layout_of(rows, n_neighbors=16)).all()


@pytest.mark.parametrize(("count", "n_components", "needed"), [(9, 2, 10), (1, 2, 10), (11, 10, 12)])
def test_too_few_rows_are_refused_with_both_numbers(count: int, n_components: int, needed: int) -> None:
    with pytest.raises(ContractError, match=f"there are {count} rows but a layout needs {needed}"):
        layout_of(random_rows(6, count), n_components=n_components)
