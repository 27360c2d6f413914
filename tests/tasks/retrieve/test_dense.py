import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.index import DenseIndex, Flat, Hnsw, Ivf, IvfPq
from tasks.errors import ContractError, StoreError
from tasks.index.dense import build_dense
from tasks.retrieve.dense import search_dense
from tasks.vectors import nearest
from tasks.vectors.arithmetic import normalise

KINDS: dict[str, DenseIndex] = {"flat": Flat(), "hnsw": Hnsw(), "ivf": Ivf(), "ivf-pq": IvfPq()}
COUNT, WIDTH = 10_000, 8


def rows_of(seed: int, count: int, width: int) -> np.ndarray:
    return normalise(np.random.default_rng(seed).normal(size=(count, width)))


def made(rows: np.ndarray, folder: Path, config: DenseIndex | None = None) -> Path:
    build_dense(rows, folder, config or Flat())
    return folder


@pytest.fixture(scope="module")
def many() -> np.ndarray:
    """Return vectors whose last hundred are equal to the first."""
    rows = rows_of(0, COUNT, WIDTH)
    rows[-100:] = rows[:100]
    return rows


@pytest.fixture(scope="module", params=KINDS, ids=str)
def built(request: pytest.FixtureRequest, many: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an index of each kind."""
    return made(many, tmp_path_factory.mktemp(request.param), KINDS[request.param])


def best_of(rows: np.ndarray, queries: np.ndarray, k: int, allowed: np.ndarray | None = None) -> np.ndarray:
    """Return the best cosines of each query, by brute force in 64 bits."""
    cosines = queries.astype(np.float64) @ rows.T.astype(np.float64)
    if allowed is not None:
        cosines = cosines[:, allowed]
    return -np.sort(-cosines, axis=1)[:, :k]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**16), st.integers(1, 60), st.integers(2, 17), st.integers(1, 70))
def test_it_finds_what_comparing_with_every_row_finds(
    tmp_path: Path, seed: int, count: int, width: int, k: int
) -> None:
    rows, queries = rows_of(seed, count, width), rows_of(seed + 1, 3, width)
    found, scores = search_dense(made(rows, tmp_path), rows, queries, k)
    exact, best = queries.astype(np.float64) @ rows.T.astype(np.float64), best_of(rows, queries, k)
    assert found.shape == scores.shape == (3, min(k, count))
    np.testing.assert_allclose(scores, best, atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(exact, found, axis=1), best, atol=1e-5)


@pytest.mark.slow
def test_every_kind_returns_true_cosines_best_first_and_no_row_twice(built: Path, many: np.ndarray) -> None:
    queries = rows_of(1, 50, WIDTH)
    found, scores = search_dense(built, many, queries, 10)
    assert (found.dtype, scores.dtype, found.shape) == (np.int64, np.float32, (50, 10))
    true = np.take_along_axis(queries.astype(np.float64) @ many.T.astype(np.float64), found, axis=1)
    np.testing.assert_allclose(scores, true, atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert all(len(set(rows)) == 10 for rows in found.tolist())


@pytest.mark.slow
def test_of_equal_rows_every_kind_names_the_lower_first(built: Path, many: np.ndarray) -> None:
    found, scores = search_dense(built, many, many[:100], 2)
    twice = scores[:, 0] == scores[:, 1]
    assert twice.mean() > 0.9
    assert (found[twice, 0] < found[twice, 1]).all()


def test_every_kind_finds_every_row_when_more_hits_than_rows_are_asked_for(built: Path, many: np.ndarray) -> None:
    found, scores = search_dense(built, many, many[:1], COUNT + 5)
    assert sorted(found[0].tolist()) == list(range(COUNT))
    assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize(
    "share", [0.0005, 0.05, 0.5], ids=["fewer than the hits", "few: compared one by one", "many: through the index"]
)
def test_a_filter_lets_every_kind_find_allowed_rows_alone_and_as_many_as_there_are(
    share: float, built: Path, many: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "FEW", 100)  # so that these few vectors are searched as millions are
    allowed = np.random.default_rng(3).random(COUNT) < share
    queries = rows_of(4, 40, WIDTH)
    found, scores = search_dense(built, many, queries, 10, allowed=allowed)
    assert found.shape == (40, min(10, allowed.sum()))
    assert allowed[found].all()
    best = best_of(many, queries, 10, allowed)
    assert np.isclose(scores, best, atol=1e-5).mean() >= (0.95 if share == 0.5 else 1)


def test_a_filter_that_allows_nothing_gives_no_hits(built: Path, many: np.ndarray) -> None:
    found, scores = search_dense(built, many, many[:3], 5, allowed=np.zeros(COUNT, dtype=bool))
    assert found.shape == scores.shape == (3, 0)


def test_a_filter_that_allows_everything_changes_nothing(built: Path, many: np.ndarray) -> None:
    queries = rows_of(6, 20, WIDTH)
    plain = search_dense(built, many, queries, 3)
    through = search_dense(built, many, queries, 3, allowed=np.ones(COUNT, dtype=bool))
    assert plain[0].tolist() == through[0].tolist()


@pytest.mark.parametrize(
    "allowed", [np.ones(3, dtype=bool), np.ones(2, dtype=np.int64)], ids=["another length", "numbers"]
)
def test_a_filter_that_does_not_fit_is_refused_with_both_numbers(allowed: np.ndarray, tmp_path: Path) -> None:
    rows = rows_of(1, 2, 4)
    with pytest.raises(ContractError, match=rf"allowed has shape \({len(allowed)},\) of .* but a bool for each of 2"):
        search_dense(made(rows, tmp_path), rows, rows, 1, allowed=allowed)


def test_no_queries_find_nothing(built: Path, many: np.ndarray) -> None:
    found, scores = search_dense(built, many, many[:0], 5)
    assert found.shape == scores.shape == (0, 5)


def test_searching_writes_nothing_into_the_folder_of_the_index(built: Path, many: np.ndarray) -> None:
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in built.iterdir()}
    built.chmod(0o500)
    try:
        search_dense(built, many, many[:5], 5)
    finally:
        built.chmod(0o700)
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in built.iterdir()} == before


def test_a_row_is_its_own_best_hit_at_cosine_one(tmp_path: Path) -> None:
    rows = rows_of(0, 50, 8)
    found, scores = search_dense(made(rows, tmp_path), rows, rows, 1)
    assert found[:, 0].tolist() == list(range(50))
    np.testing.assert_allclose(scores, 1.0, atol=1e-6)


def test_equal_rows_beyond_the_last_hit_give_the_lowest_of_them(tmp_path: Path) -> None:
    rows = np.repeat(rows_of(2, 2, 4), 40, axis=0)
    found, _ = search_dense(made(rows, tmp_path), rows, rows[[40, 0]], 5)
    assert found.tolist() == [[40, 41, 42, 43, 44], [0, 1, 2, 3, 4]]


def test_one_row_is_found_by_any_number_of_hits(tmp_path: Path) -> None:
    row = rows_of(2, 1, 4)
    for config in (Flat(), Hnsw()):
        assert search_dense(made(row, tmp_path, config), row, row, 9)[0].tolist() == [[0]]


def test_a_cosine_does_not_depend_on_the_other_queries(tmp_path: Path) -> None:
    rows, queries = rows_of(7, 3_000, 24), rows_of(8, 400, 24)
    together = search_dense(made(rows, tmp_path), rows, queries, 5)
    alone = [search_dense(tmp_path, rows, queries[i : i + 1], 5) for i in range(0, 400, 20)]
    assert np.concatenate([found for found, _ in alone]).tolist() == together[0][::20].tolist()
    assert np.concatenate([scores for _, scores in alone]).tobytes() == together[1][::20].tobytes()


@pytest.mark.parametrize("kind", [np.float64, np.float16])
def test_queries_of_another_precision_find_the_same(kind: type, tmp_path: Path) -> None:
    rows = rows_of(1, 20, 4)
    queries = rows_of(2, 5, 4).astype(np.float16).astype(np.float32)
    plain = search_dense(made(rows, tmp_path), rows, queries, 3)[0]
    assert search_dense(tmp_path, rows, np.asfortranarray(queries.astype(kind)), 3)[0].tolist() == plain.tolist()


@pytest.mark.parametrize("shape", [(1, 3), (1, 5), (4,)], ids=str)
def test_queries_of_another_width_are_refused_with_both_numbers(shape: tuple[int, ...], tmp_path: Path) -> None:
    rows = rows_of(1, 2, 4)
    with pytest.raises(ContractError, match=r"queries have shape \(.*\) but the index is 4 wide; use its own encoder"):
        search_dense(made(rows, tmp_path), rows, np.ones(shape, np.float32), 1)


def test_rows_that_the_index_was_not_built_over_are_refused_with_both_shapes(tmp_path: Path) -> None:
    rows = rows_of(1, 3, 4)
    with pytest.raises(ContractError, match=r"rows have shape \(2, 4\) but the index was built over \(3, 4\)"):
        search_dense(made(rows, tmp_path), rows[:2], rows, 1)


@pytest.mark.parametrize("text", [None, "{}", "no json"], ids=["missing", "empty", "damaged"])
def test_an_index_that_does_not_say_what_it_is_is_refused_with_its_folder(text: str | None, tmp_path: Path) -> None:
    rows = rows_of(1, 3, 4)
    made(rows, tmp_path)
    (tmp_path / "index.json").unlink()
    if text is not None:
        (tmp_path / "index.json").write_text(text, "utf-8")
    with pytest.raises(StoreError, match=rf"{tmp_path} does not say what index it holds \(.+\); it is of another"):
        search_dense(tmp_path, rows, rows, 1)


def test_parameters_of_an_earlier_version_are_refused_in_words_and_never_misread(tmp_path: Path) -> None:
    rows = rows_of(1, 200, 4)
    made(rows, tmp_path, Ivf())
    about = json.loads((tmp_path / "index.json").read_text("utf-8"))
    about["parameters"] = {"lists": about["parameters"]["nlist"], "probes": 1, "seed": 0}
    (tmp_path / "index.json").write_text(json.dumps(about), "utf-8")
    with pytest.raises(
        StoreError, match=r"\(ivf without nlist and nprobe\); it is of another version: run knowledge-base"
    ):
        search_dense(tmp_path, rows, rows, 1)


@pytest.mark.parametrize("k", [0, -1])
def test_fewer_than_one_hit_is_refused_with_the_number(k: int, tmp_path: Path) -> None:
    rows = rows_of(1, 2, 4)
    with pytest.raises(ContractError, match=rf"k is {k} and must be at least 1"):
        search_dense(made(rows, tmp_path), rows, rows_of(2, 1, 4), k)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_query_that_is_no_number_is_refused_instead_of_finding_row_minus_one(value: float, tmp_path: Path) -> None:
    rows = rows_of(1, 2, 4)
    with pytest.raises(ContractError, match="queries must hold neither NaN nor infinity"):
        search_dense(made(rows, tmp_path), rows, np.full((1, 4), value, np.float32), 1)
