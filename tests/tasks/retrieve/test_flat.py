from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import ContractError
from tasks.index.flat import build_flat
from tasks.retrieve.flat import search_flat
from tasks.vectors import normalise


def rows_of(seed: int, count: int, width: int) -> np.ndarray:
    return normalise(np.random.default_rng(seed).normal(size=(count, width)))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**16), st.integers(1, 60), st.integers(2, 17), st.integers(1, 70))
def test_it_finds_what_comparing_with_every_row_finds(
    tmp_path: Path, seed: int, count: int, width: int, k: int
) -> None:
    rows, queries = rows_of(seed, count, width), rows_of(seed + 1, 3, width)
    build_flat(rows, tmp_path / "index")
    found, scores = search_flat(tmp_path / "index", queries, k)
    exact = queries.astype(np.float64) @ rows.T.astype(np.float64)
    best = -np.sort(-exact, axis=1)[:, :k]
    assert found.shape == scores.shape == (3, min(k, count))
    np.testing.assert_allclose(scores, best, atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(exact, found, axis=1), best, atol=1e-5)


def test_a_row_is_its_own_best_hit_at_cosine_one(tmp_path: Path) -> None:
    rows = rows_of(0, 50, 8)
    build_flat(rows, tmp_path / "index")
    found, scores = search_flat(tmp_path / "index", rows, 1)
    assert found[:, 0].tolist() == list(range(50))
    np.testing.assert_allclose(scores, 1.0, atol=1e-6)


def test_more_hits_than_rows_gives_every_row_once(tmp_path: Path) -> None:
    build_flat(rows_of(1, 3, 4), tmp_path / "index")
    assert sorted(search_flat(tmp_path / "index", rows_of(2, 1, 4), 10)[0][0].tolist()) == [0, 1, 2]


@pytest.mark.parametrize("kind", [np.float64, np.float16])
def test_queries_of_another_precision_find_the_same(kind: type, tmp_path: Path) -> None:
    build_flat(rows_of(1, 20, 4), tmp_path / "index")
    queries = rows_of(2, 5, 4).astype(np.float16).astype(np.float32)
    plain = search_flat(tmp_path / "index", queries, 3)[0]
    assert search_flat(tmp_path / "index", np.asfortranarray(queries.astype(kind)), 3)[0].tolist() == plain.tolist()


@pytest.mark.parametrize("shape", [(1, 3), (1, 5), (4,)], ids=str)
def test_queries_of_another_width_are_refused_with_both_numbers(shape: tuple[int, ...], tmp_path: Path) -> None:
    build_flat(rows_of(1, 2, 4), tmp_path / "index")
    with pytest.raises(ContractError, match=r"queries have shape \(.*\) but the index is 4 wide; use its own encoder"):
        search_flat(tmp_path / "index", np.ones(shape, np.float32), 1)


@pytest.mark.parametrize("k", [0, -1])
def test_fewer_than_one_hit_is_refused_with_the_number(k: int, tmp_path: Path) -> None:
    build_flat(rows_of(1, 2, 4), tmp_path / "index")
    with pytest.raises(ContractError, match=rf"k is {k} and must be at least 1"):
        search_flat(tmp_path / "index", rows_of(2, 1, 4), k)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_query_that_is_no_number_is_refused_instead_of_finding_row_minus_one(value: float, tmp_path: Path) -> None:
    build_flat(rows_of(1, 2, 4), tmp_path / "index")
    with pytest.raises(ContractError, match="queries must hold neither NaN nor infinity"):
        search_flat(tmp_path / "index", np.full((1, 4), value, np.float32), 1)
