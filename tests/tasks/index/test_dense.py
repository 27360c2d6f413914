import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.index import Auto, DenseIndex, Flat, Hnsw, Ivf, IvfPq, Qdrant
from tasks.errors import ContractError
from tasks.index.dense import build_dense, choose, draw_queries, recall_of
from tasks.retrieve.dense import search_dense
from tasks.vectors import nearest
from tasks.vectors.arithmetic import normalise
from tasks.vectors.nearest import Description

AXES = np.eye(4, dtype=np.float32)
KINDS: dict[str, DenseIndex] = {"flat": Flat(), "hnsw": Hnsw(), "ivf": Ivf(), "ivf-pq": IvfPq()}


def topics(count: int, width: int = 16, seed: int = 0) -> np.ndarray:
    """Return unit vectors that lie about a number of centres, as texts lie about their topics."""
    drawn = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(40, width))
    return normalise(centres[drawn.integers(0, 40, count)] + 0.7 * drawn.normal(size=(count, width)))


@pytest.fixture(scope="module")
def many() -> np.ndarray:
    """Return as few vectors as codes can be trained with."""
    return topics(10_000)


@pytest.mark.slow
@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
def test_every_kind_finds_its_share_and_says_so(config: DenseIndex, many: np.ndarray, tmp_path: Path) -> None:
    about = build_dense(many, tmp_path, config)
    assert about == Description.model_validate_json((tmp_path / "index.json").read_text("utf-8"))
    assert (about.kind, about.vectors, about.width, about.sample) == (config.kind, 10_000, 16, 1_000)
    assert about.recall_at_10 >= 0.95
    queries = topics(200, seed=1)
    found, _ = search_dense(tmp_path, many, queries, 10)
    best = np.argsort(-(queries.astype(np.float64) @ many.T.astype(np.float64)), axis=1)[:, :10]
    recall = np.mean([len(set(f) & set(b)) / 10 for f, b in zip(found.tolist(), best.tolist(), strict=True)])
    assert recall >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
def test_the_recall_that_is_stated_is_that_of_brute_force(
    config: DenseIndex, many: np.ndarray, tmp_path: Path
) -> None:
    about = build_dense(many, tmp_path, config)
    queries = draw_queries(many)
    best = np.argsort(-(queries.astype(np.float64) @ many.T.astype(np.float64)), axis=1)[:, :10]
    found, _ = search_dense(tmp_path, many, queries, 10)
    expected = np.mean([len(set(f) & set(b)) / 10 for f, b in zip(found.tolist(), best.tolist(), strict=True)])
    assert about.recall_at_10 == pytest.approx(expected, abs=2e-4)  # near ties count as found


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "setting"), [("hnsw", {"ef_search": 1}), ("ivf", {"nprobe": 1})])
def test_a_search_setting_that_is_asked_for_is_kept_and_its_low_recall_stated(
    kind: str, setting: dict[str, int], many: np.ndarray, tmp_path: Path
) -> None:
    config = type(KINDS[kind]).model_validate({**setting, **({"m": 4} if kind == "hnsw" else {})})
    about = build_dense(many, tmp_path, config)
    assert setting.items() <= about.parameters.items()
    assert about.recall_at_10 < 0.97
    ((name, value),) = setting.items()
    assert about.reason == f"as configured; with {name} {value} it does not reach the recall asked for, 0.97"


@pytest.mark.slow
def test_parameters_that_are_left_out_follow_from_the_vectors(many: np.ndarray, tmp_path: Path) -> None:
    about = build_dense(many, tmp_path, IvfPq())
    assert {name: about.parameters[name] for name in ("nlist", "pq_m", "seed")} == {
        "nlist": 256, "pq_m": 2, "seed": 0,
    }  # fmt: skip
    assert build_dense(many, tmp_path, Ivf(nlist=16)).parameters["nlist"] == 16
    assert build_dense(many, tmp_path, Hnsw()).parameters.items() >= {"m": 16, "ef_construction": 100}.items()


@pytest.mark.slow
def test_the_fewest_steps_that_reach_the_recall_are_taken(many: np.ndarray, tmp_path: Path) -> None:
    easy, hard = (build_dense(many, tmp_path, Ivf(recall=recall)) for recall in (0.5, 1.0))
    assert easy.parameters["nprobe"] < hard.parameters["nprobe"]
    assert easy.recall_at_10 >= 0.5
    assert hard.recall_at_10 == 1
    assert hard.reason.endswith(f"with nprobe {hard.parameters['nprobe']} it reaches the recall asked for, 1.0")


@pytest.mark.slow
@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
def test_equal_vectors_give_equal_files(config: DenseIndex, many: np.ndarray, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        build_dense(many, tmp_path / name, config)
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}


SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from pydantic import TypeAdapter
from configs.index import DenseIndex
from tasks.index.dense import build_dense
rows, folder, *kinds = sys.argv[1:]
for kind in kinds:
    (Path(folder) / kind).mkdir(parents=True)
    build_dense(np.load(rows), Path(folder) / kind, TypeAdapter(DenseIndex).validate_python({"kind": kind}))
"""


@pytest.fixture(scope="module")
def threaded(many: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of all kinds of index, made by a process of one thread and by one of four."""
    folder = tmp_path_factory.mktemp("threads")
    np.save(folder / "rows.npy", many)
    for threads in ("1", "4"):
        settings = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "PYTHONPATH": os.getcwd()}
        words = [sys.executable, "-c", SCRIPT, str(folder / "rows.npy"), str(folder / threads), *KINDS]
        subprocess.run(words, env={**os.environ, **settings}, check=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_number_of_threads_changes_no_byte(kind: str, threaded: Path) -> None:
    one, four = ({p.name: p.read_bytes() for p in (threaded / n / kind).iterdir()} for n in ("1", "4"))
    assert one == four
    assert "index.json" in one


def test_another_seed_gives_other_lists_and_the_global_generator_is_left_alone(
    many: np.ndarray, tmp_path: Path
) -> None:
    np.random.seed(5)  # noqa: NPY002
    before = str(np.random.get_state())  # noqa: NPY002
    files = []
    for seed in (0, 1):
        build_dense(many, tmp_path, Ivf(seed=seed))
        files.append((tmp_path / "index.faiss").read_bytes())
    assert files[0] != files[1]
    assert str(np.random.get_state()) == before  # noqa: NPY002


@pytest.mark.parametrize(
    ("count", "kind", "words"),
    [
        (200_000, "flat", "200,000 vectors are not more than 200,000, the most that are all compared"),
        (200_001, "hnsw", "200,001 vectors are more than 200,000, the most that are all compared"),
    ],
)
def test_left_to_itself_the_number_of_vectors_chooses_and_the_reason_is_kept(
    count: int, kind: str, words: str
) -> None:
    chosen, reason = choose(Auto(), count)
    assert (chosen.kind, reason) == (kind, f"{words} (index.dense.flat_up_to)")


def test_a_lower_limit_builds_a_graph_and_its_description_says_why(tmp_path: Path) -> None:
    about = build_dense(topics(60), tmp_path, Auto(flat_up_to=50))
    assert about.kind == "hnsw"
    assert about.reason.startswith("60 vectors are more than 50, the most that are all compared")
    assert choose(Auto(device="auto"), 50)[0] == Flat(device="auto")


@pytest.mark.parametrize("kind", ["flat", "hnsw", "auto"])
@pytest.mark.parametrize("count", [1, 2, 11])
def test_a_few_vectors_are_indexed_and_all_found(kind: str, count: int, tmp_path: Path) -> None:
    config: DenseIndex = {"flat": Flat(), "hnsw": Hnsw(), "auto": Auto(flat_up_to=0)}[kind]
    about = build_dense(topics(count), tmp_path, config)
    assert (about.recall_at_10, about.sample) == (1.0, count)


@pytest.mark.parametrize(
    ("config", "count", "words"),
    [
        (Ivf(), 38, r"ivf but there are 38 vectors and 39 were needed; use index\.dense\.kind=flat"),
        (Ivf(nlist=10), 389, r"ivf but there are 389 vectors and 390 were needed; lower index\.dense\.nlist, or use"),
        (IvfPq(), 9_983, r"ivf-pq but there are 9,983 vectors and 9,984 were needed; use index\.dense\.kind=flat"),
        (IvfPq(nlist=300), 10_000, r"ivf-pq but there are 10,000 vectors and 11,700 were needed; lower index"),
    ],
    ids=["nlist", "nlist asked for", "codes", "codes and nlist asked for"],
)
def test_too_few_vectors_to_train_are_refused_with_what_to_do(
    config: DenseIndex, count: int, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ContractError, match=rf"index\.dense\.kind is {words}"):
        build_dense(topics(count, 4), tmp_path, config)


def test_code_bytes_that_do_not_divide_the_width_are_refused_with_those_that_do(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"pq_m is 3 but must divide the width, 4; use one of 1, 2, 4"):
        build_dense(topics(10_000, 4), tmp_path, IvfPq(pq_m=3))


def test_a_gpu_that_is_not_there_is_refused_and_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import faiss

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 0)
    with pytest.raises(
        ContractError, match=r"index\.dense\.device is cuda but FAISS sees no GPU here; use auto or cpu"
    ):
        build_dense(topics(20), tmp_path, Flat(device="cuda"))
    assert build_dense(topics(20), tmp_path, Flat(device="auto")).parameters == {"device": "auto"}


def test_equal_rows_are_as_good_as_one_another_when_recall_is_measured() -> None:
    rows = np.repeat(topics(3), 20, axis=0)
    measure = recall_of(rows, lambda about, queries: (None, nearest.exact(rows[::20], queries, 3)[1][:, :1]))  # type: ignore[arg-type, return-value]
    assert measure(Description(kind="flat", parameters={}, reason="", vectors=60, width=16)) == (1.0, 60)


def test_queries_of_the_sample_are_near_their_rows_and_none_is_a_row() -> None:
    rows = topics(2_000)
    queries = draw_queries(rows)
    assert queries.shape == (1_000, 16)
    nearest_cosine = nearest.exact(rows, queries, 1)[1]
    assert 0.8 < nearest_cosine.min() <= nearest_cosine.max() < 0.9999
    assert draw_queries(rows).tobytes() == queries.tobytes()


@pytest.mark.parametrize(
    "rows",
    [AXES.astype(np.float64), AXES.astype(np.float16), np.asfortranarray(AXES), np.repeat(AXES, 2, axis=1)[:, ::2]],
    ids=["float64", "fp16", "column order", "strided"],
)
def test_any_type_and_memory_layout_gives_the_same_index(rows: np.ndarray, tmp_path: Path) -> None:
    files = []
    for given in (AXES, rows):
        build_dense(given, tmp_path, Flat())
        files.append((tmp_path / "index.faiss").read_bytes())
    assert files[0] == files[1]


def test_rows_that_may_only_be_read_are_indexed(tmp_path: Path) -> None:
    rows = AXES.copy()
    rows.flags.writeable = False
    build_dense(rows, tmp_path, Flat())
    assert search_dense(tmp_path, rows, rows, 1)[0][:, 0].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("config", [Flat(), Hnsw(), Qdrant()], ids=["flat", "hnsw", "qdrant"])
@pytest.mark.parametrize(
    ("value", "length"),
    [(np.nan, "nan"), (np.inf, "inf"), (0.0, "0.0"), (2.0, "2.0"), (1e-40, r"[\d.]+e-4\d|0\.0")],
    ids=["NaN", "infinity", "zero", "too long", "subnormal"],
)
def test_a_row_that_is_not_of_unit_length_is_refused_with_its_number(
    value: float, length: str, config: DenseIndex, tmp_path: Path
) -> None:
    rows = AXES.copy()
    rows[2, 2] = value
    with pytest.raises(ContractError, match=rf"vector 2 has length ({length}) but 1 was needed; normalise"):
        build_dense(rows, tmp_path, config)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("rows", [AXES[:0], AXES[0], AXES[:, :0]], ids=["no rows", "one dimension", "no width"])
def test_what_is_no_table_of_rows_is_refused_with_its_shape(rows: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=rf"vectors have shape \({rows.shape[0]},.*\) but \(N, D\)"):
        build_dense(rows, tmp_path, Flat())


def test_a_description_is_plain_json_that_people_can_read(tmp_path: Path) -> None:
    build_dense(AXES, tmp_path, Auto(), digest="abc")
    stated: dict[str, Any] = json.loads((tmp_path / "index.json").read_text("utf-8"))
    assert stated == {
        "kind": "flat",
        "parameters": {"device": "cpu"},
        "reason": "4 vectors are not more than 200,000, the most that are all compared (index.dense.flat_up_to)",
        "vectors": 4,
        "width": 4,
        "built_over": "abc",
        "recall_at_10": 1.0,
        "sample": 4,
    }
