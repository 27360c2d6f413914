import dataclasses
import errno
import json
import os
import pickle
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra import numpy as hnp

from tasks.data.answers import AnswersRef
from tasks.data.documents import PassagesRef
from tasks.data.topics import LabelsRef
from tasks.data.vectors import VectorsRef
from tasks.errors import ContractError, StoreError
from tasks.store import durable, objects

pytestmark = pytest.mark.usefixtures("home")
VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4)


@dataclass(frozen=True, slots=True)
class Row:
    """A row with a field of every type a stored table may have."""

    name: str
    number: int
    share: float
    seen: bool
    kind: Literal["a", "b"]
    title: str | None
    words: tuple[str, ...]
    rows: tuple[int, ...]
    weights: tuple[float, ...]
    meta: dict[str, str] = field(default_factory=dict)


ROWS = [
    Row("x", 1, 0.5, True, "a", None, ("p", "q"), (1, 2), (0.5,), {"b": "1", "a": "2"}),
    Row("ÿ\0\n", -(2**63), -1e308, False, "b", "t", (), (), (), {}),
]


def folder_of(home: Path, kind: str) -> Path:
    """Return the folder of the one object of a kind."""
    (folder,) = (home / "objects" / kind).iterdir()
    return folder


def flip(path: Path, position: int = -1) -> None:
    """Flip a bit of a file."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_rows_of_every_type_read_back() -> None:
    ref = objects.save_rows(PassagesRef, Row, ROWS)
    assert objects.load_rows(ref, Row) == ROWS
    assert (ref.kind, ref.rows, ref.shape) == ("passages", 2, (2, 10))


def test_no_rows_read_back_with_their_columns() -> None:
    ref = objects.save_rows(PassagesRef, Row, [])
    assert objects.load_rows(ref, Row) == []
    assert ref.rows == 0
    assert objects.load_table(ref).column_names[0] == "name"


def test_some_columns_of_a_table_are_read_alone() -> None:
    ref = objects.save_rows(PassagesRef, Row, ROWS)
    assert objects.load_table(ref, ["number", "name"]).to_pydict() == {"number": [1, -(2**63)], "name": ["x", "ÿ\0\n"]}


def test_rows_are_read_by_number_each_once_and_none_for_no_numbers() -> None:
    ref = objects.save_rows(PassagesRef, Row, ROWS)
    assert objects.rows_at(ref, Row, [1, 1]) == {1: ROWS[1]}
    assert objects.rows_at(ref, Row, []) == {}


def test_rows_that_come_one_by_one_are_stored_by_the_group_and_read_as_any_table() -> None:
    rows = [dataclasses.replace(ROWS[n % 2], number=n) for n in range(25)]
    before, taken = [], 0
    written = durable_groups(lambda: before.append(taken))

    def coming() -> Iterator[Row]:
        nonlocal taken
        for row in rows:
            taken += 1
            yield row

    with written:
        ref = objects.save_stream(PassagesRef, Row, coming(), group=10)
    assert before == [10, 20, 25]  # a group is written before the next is asked for
    assert (ref.rows, ref.shape) == (25, (25, 10))
    assert objects.load_rows(ref, Row) == rows
    assert objects.rows_at(ref, Row, [24, 3, 11, 3]) == {n: rows[n] for n in (3, 11, 24)}
    for start, stop in ((0, 25), (3, 4), (8, 12), (19, 25), (20, 40), (25, 30)):
        assert objects.load_slice(ref, start, stop, ["number"])["number"].to_pylist() == list(
            range(start, min(stop, 25))
        )
    assert objects.load_rows(objects.save_stream(PassagesRef, Row, iter([]), group=10), Row) == []


def durable_groups(tell: Callable[[], None]) -> AbstractContextManager[object]:
    """Return a context in which it is told whenever a group of rows is turned into a table."""
    make = objects.table_of

    def telling(row_type: type[Any], rows: Any) -> pa.Table:
        made = make(row_type, rows)
        if made.num_rows:
            tell()
        return made

    return mock.patch.object(objects, "table_of", telling)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(hnp.arrays(hnp.integer_dtypes() | hnp.boolean_dtypes(), hnp.array_shapes(min_side=0, max_side=4)))
def test_any_array_reads_back_read_only(array: npt.NDArray[Any]) -> None:
    ref = objects.save_array(LabelsRef, array)
    loaded = objects.load_array(ref)
    np.testing.assert_array_equal(loaded, array)
    assert (ref.rows, ref.shape, ref.dtype) == (len(array), array.shape, str(array.dtype))
    assert loaded.dtype == array.dtype
    assert not loaded.flags.writeable


@pytest.mark.parametrize(
    "same",
    [
        np.asfortranarray(VECTORS),
        np.repeat(VECTORS, 2, axis=0)[::2],
        np.frombuffer(VECTORS.tobytes(), np.float32).reshape(3, 4),
    ],
    ids=["column-wise", "strided", "read-only"],
)
def test_equal_arrays_are_one_object_however_they_lie_in_memory(home: Path, same: npt.NDArray[np.float32]) -> None:
    assert objects.save_array(VectorsRef, same) == objects.save_array(VectorsRef, VECTORS)
    assert len(list((home / "objects" / "vectors").iterdir())) == 1


def test_equal_bytes_of_another_shape_or_type_are_another_object() -> None:
    made = [VECTORS, VECTORS.reshape(4, 3), VECTORS.view(np.int32)]
    assert len({objects.save_array(VectorsRef, array).digest for array in made}) == 3


def test_a_small_value_reads_back_with_its_count() -> None:
    ref = objects.save_json(AnswersRef, {"answers": ["é", 1.5, None]}, rows=3)
    assert objects.load_json(ref) == {"answers": ["é", 1.5, None]}
    assert ref.rows == 3


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_an_array_with_a_value_that_is_not_finite_is_refused(home: Path, bad: float, dtype: type) -> None:
    array = np.zeros((2, 2), dtype=dtype)
    array[1, 0] = bad
    with pytest.raises(ContractError, match="the array for VectorsRef holds NaN or infinity; reject those rows"):
        objects.save_array(VectorsRef, array)
    assert not home.exists()


@pytest.mark.parametrize("dtype", [object, [("a", object)]], ids=["objects", "a field of objects"])
def test_an_array_of_objects_is_refused(home: Path, dtype: Any) -> None:
    with pytest.raises(ContractError, match="the array for VectorsRef holds Python objects; save numbers"):
        objects.save_array(VectorsRef, np.zeros(2, dtype=dtype))
    assert not home.exists()


def test_a_value_that_is_no_json_leaves_nothing(home: Path) -> None:
    with pytest.raises(ContractError, match="a value cannot be kept as JSON"):
        objects.save_json(AnswersRef, {"score": float("nan")})
    assert list((home / "objects" / "answers").iterdir()) == []


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.canary),)


def plant(home: Path, content: Callable[[Path], None]) -> VectorsRef:
    """Publish a folder with a true manifest around a false array."""

    def fill(folder: Path) -> durable.Info:
        content(folder / "array.npy")
        return {"kind": "vectors", "shape": [1], "dtype": "float32"}

    digest = durable.write_folder(home / "objects" / "vectors", fill)
    return VectorsRef(digest=digest, rows=1, shape=(1,), dtype="float32")


@pytest.mark.parametrize("form", ["array of objects", "bare pickle"])
def test_a_planted_pickle_is_never_run(home: Path, tmp_path: Path, form: str) -> None:
    evil = Evil(tmp_path / "canary")

    def content(path: Path) -> None:
        if form == "bare pickle":
            path.write_bytes(pickle.dumps(evil))
        else:
            np.save(path, np.array([evil], dtype=object), allow_pickle=True)

    ref = plant(home, content)
    with pytest.raises(StoreError, match=rf"the array of vectors {ref.digest[:12]} cannot be read \(.*\); delete it"):
        objects.load_array(ref)
    assert not (tmp_path / "canary").exists()


def test_the_canary_of_these_tests_does_sing(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Evil(tmp_path / "canary")))  # noqa: S301
    assert (tmp_path / "canary").exists()


@pytest.mark.parametrize("name", ["array.npy", "manifest.json"])
def test_a_flipped_bit_is_found_when_the_object_is_opened(home: Path, name: str) -> None:
    ref = objects.save_array(VectorsRef, VECTORS)
    flip(folder_of(home, "vectors") / name)
    with pytest.raises(StoreError, match=name):
        objects.load_array(ref)


def test_a_missing_object_is_said() -> None:
    with pytest.raises(
        StoreError, match=r"objects/vectors/none has no readable manifest \(No such file or directory\)"
    ):
        objects.load_array(VectorsRef(digest="none", rows=1))


def test_a_reference_that_says_something_else_than_the_object_is_refused() -> None:
    ref = objects.save_array(VectorsRef, VECTORS)
    with pytest.raises(StoreError, match=r"holds .*\[3, 4\].* but the reference says .*rows=3, shape=\(9, 9\)"):
        objects.load_array(ref.model_copy(update={"shape": (9, 9)}))


def test_an_object_is_verified_once_a_process_and_again_after_it_was_forgotten(home: Path) -> None:
    ref = objects.save_array(VectorsRef, VECTORS)
    before = objects.path(ref)
    flip(before / "array.npy")
    assert objects.path(ref) == before  # as documented: once a process
    objects.forget(ref)
    assert not before.exists()
    with pytest.raises(StoreError, match="has no readable manifest"):
        objects.path(ref)


def test_an_object_that_has_gone_since_it_was_verified_is_missed() -> None:
    ref = objects.save_array(VectorsRef, VECTORS)
    durable.discard(objects.path(ref))
    with pytest.raises(StoreError, match="has no readable manifest"):
        objects.path(ref)


def test_a_full_disk_in_the_middle_of_an_array_is_said_and_leaves_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_: Any, **__: Any) -> None:
        path.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(StoreError, match="objects/vectors failed: the disk is full; no partial file was left"):
        objects.save_array(VectorsRef, VECTORS)
    assert list((home / "objects" / "vectors").iterdir()) == []


WRITES: dict[str, Callable[[], Any]] = {
    "array": lambda: objects.save_array(VectorsRef, np.arange(50_000)),
    "table": lambda: objects.save_table(VectorsRef, pa.table({"a": np.random.default_rng(0).random(50_000)})),
    "value": lambda: objects.save_json(VectorsRef, list(range(50_000))),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_a_file_the_system_cuts_short_is_said_and_leaves_nothing(home: Path, write: Callable[[], Any]) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(
            StoreError, match=r"objects/vectors failed: .*no partial file was left; run again to continue"
        ):
            write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list((home / "objects" / "vectors").iterdir()) == []


def test_threads_that_save_the_same_object_at_once_get_one_whole_object(home: Path) -> None:
    start, made, errors = threading.Barrier(4), [], []

    def save() -> None:
        start.wait()
        try:
            made.append([objects.save_array(VectorsRef, np.full((9, 9), i)) for i in range(20)])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=save) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert made == [made[0]] * 4
    assert [objects.load_array(ref)[8, 8] for ref in made[0]] == list(range(20))
    assert len(list((home / "objects" / "vectors").iterdir())) == 20


SAVER = """
import sys
import numpy as np
from tasks.data.vectors import VectorsRef
from tasks.store import objects
print("ready", flush=True)
sys.stdin.readline()
print(*[objects.save_array(VectorsRef, np.full((9, 9), i)).digest for i in range(60)])
"""


@pytest.mark.slow
def test_processes_that_save_the_same_object_at_once_get_one_whole_object(home: Path) -> None:
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen([sys.executable, "-c", SAVER], **pipes) for _ in range(2)]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    printed = [process.communicate()[0].split() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert printed[0] == printed[1]
    folders = list((home / "objects" / "vectors").iterdir())
    assert {folder.name for folder in folders} == set(printed[0])
    assert [durable.read_manifest(folder)["shape"] for folder in folders] == [[9, 9]] * 60


def test_the_manifest_of_a_table_names_its_file_kind_and_shape(home: Path) -> None:
    objects.save_rows(PassagesRef, Row, ROWS)
    manifest = json.loads((folder_of(home, "passages") / "manifest.json").read_bytes())
    assert list(manifest["files"]) == ["table.parquet"]
    assert manifest["info"] == {"kind": "passages", "shape": [2, 10], "dtype": ""}


def test_an_object_known_by_its_digest_alone_is_named_with_shape_and_type() -> None:
    made = objects.save_array(VectorsRef, VECTORS)
    assert objects.named(VectorsRef, made.digest) == made
    with pytest.raises(StoreError, match="has no readable manifest"):
        objects.named(VectorsRef, "0" * 64)
