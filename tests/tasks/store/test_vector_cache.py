import logging
import os
import pickle
import subprocess
import sys
import uuid
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data.models import Encoder, Fingerprint, Numerics
from tasks.errors import ContractError, StoreError
from tasks.store import durable, vector_cache
from tasks.store import workspace as store_workspace

WIDTH = 3
KEYS = vector_cache.keys_of(["a", "b", "c", "d", "e"])
VECTORS = np.arange(5 * WIDTH, dtype=np.float32).reshape(5, WIDTH)


@pytest.fixture(scope="module", autouse=True)
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give all tests of this module one workspace; each uses a fingerprint of its own."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("items")
        patch.setenv("LLM_FLOWS_HOME", str(home))
        yield home


@pytest.fixture
def cache() -> vector_cache.Items:
    return fresh()


def fresh() -> vector_cache.Items:
    """Return an empty cache."""
    return vector_cache.Items(fingerprint(uuid.uuid4().hex))


def fingerprint(weights: str) -> Fingerprint:
    sizes: dict[str, Any] = {"pooling": "mean", "normalize": True, "max_tokens": 8, "width": WIDTH}
    encoder = Encoder(model="m", revision="r", weights=weights, tokenizer="t", **sizes)
    return Fingerprint(encoder=encoder, numerics=Numerics(precision="fp32", engine="torch-cpu"))


def again(cache: vector_cache.Items) -> vector_cache.Items:
    """Return the same cache as another process would open it."""
    made = fresh()
    made.folder = cache.folder
    return made


def segments(cache: vector_cache.Items) -> list[Path]:
    return sorted(p for p in cache.folder.iterdir() if not p.name.startswith("."))


def vector_of(number: int) -> npt.NDArray[np.float32]:
    return np.array([number, number + 0.5, -number], dtype=np.float32)


def test_the_key_of_a_text_is_its_sha256() -> None:
    texts = ["", "a", "é\n", "a" * 10_000]
    assert [row.astype(">u8").tobytes() for row in vector_cache.keys_of(texts)] == [
        sha256(t.encode()).digest() for t in texts
    ]


def test_no_texts_have_no_keys(cache: vector_cache.Items) -> None:
    none = vector_cache.keys_of([])
    assert none.shape == (0, 4)
    assert cache.missing(none).tolist() == []
    vectors, found = cache.read(none)
    assert (vectors.shape, found.shape) == ((0, WIDTH), (0,))


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["add", "missing", "read", "reopen"]), st.lists(st.integers(0, 25), max_size=8)),
    max_size=25,
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(OPERATIONS)
def test_the_cache_behaves_as_a_mapping_whatever_is_done_to_it(operations: list[tuple[str, list[int]]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vector_cache, "MAX_SEGMENTS", 3)
        cache, model = fresh(), dict[int, npt.NDArray[np.float32]]()
        for operation, numbers in operations:
            keys = vector_cache.keys_of(map(str, numbers))
            if operation == "add":
                cache.add(keys, np.array([vector_of(n) for n in numbers], dtype=np.float32).reshape(-1, WIDTH))
                model |= {n: vector_of(n) for n in numbers}
            elif operation == "missing":
                expected = [i for i, n in enumerate(numbers) if n not in model and n not in numbers[:i]]
                assert cache.missing(keys).tolist() == expected
            elif operation == "read":
                vectors, found = cache.read(keys)
                assert found.tolist() == [n in model for n in numbers]
                expected_rows = [model.get(n, np.zeros(WIDTH)) for n in numbers]
                np.testing.assert_array_equal(vectors, np.array(expected_rows).reshape(-1, WIDTH))
            else:
                cache = again(cache)
            assert len(segments(cache)) <= 5


def test_many_small_additions_are_merged_and_none_is_lost(cache: vector_cache.Items) -> None:
    cache.add(vector_cache.keys_of(["large"] + [f"l{i}" for i in range(40)]), np.zeros((41, WIDTH), dtype=np.float32))
    (large,) = segments(cache)
    numbers = list(range(vector_cache.MAX_SEGMENTS + 3))
    for number in numbers:
        cache.add(vector_cache.keys_of([str(number)]), vector_of(number)[None])
    assert len(segments(cache)) < vector_cache.MAX_SEGMENTS
    assert large in segments(cache)
    for opened in (cache, again(cache)):
        vectors, found = opened.read(vector_cache.keys_of(map(str, numbers)))
        assert found.all()
        np.testing.assert_array_equal(vectors, np.array([vector_of(n) for n in numbers]))


def test_caches_of_two_fingerprints_do_not_mix(cache: vector_cache.Items) -> None:
    cache.add(KEYS, VECTORS)
    assert fresh().missing(KEYS).tolist() == [0, 1, 2, 3, 4]


def test_an_addition_is_seen_by_a_cache_that_is_already_open(cache: vector_cache.Items) -> None:
    assert cache.missing(KEYS[:1]).tolist() == [0]
    again(cache).add(KEYS[:1], VECTORS[:1])
    assert cache.missing(KEYS[:1]).tolist() == []


def test_a_reader_that_has_opened_a_segment_keeps_it_while_another_merges(
    cache: vector_cache.Items, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_cache, "MAX_SEGMENTS", 2)
    other = again(cache)
    for i in range(2):
        cache.add(KEYS[i : i + 1], VECTORS[i : i + 1])
    reader = again(cache)
    assert reader.read(KEYS[:2])[1].all()
    for i in range(2, 5):
        other.add(KEYS[i : i + 1], VECTORS[i : i + 1])
    vectors, found = reader.read(KEYS)
    assert found.all()
    np.testing.assert_array_equal(vectors, VECTORS)


def test_a_reader_finds_everything_when_segments_are_merged_while_it_opens_them(
    cache: vector_cache.Items, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(3):
        cache.add(KEYS[i : i + 1], VECTORS[i : i + 1])
    real, merged = durable.read_manifest, []

    def merge_first(folder: Path, deferred: tuple[str, ...] = ()) -> durable.Info:
        if not merged:
            merged.append(folder)
            monkeypatch.setattr(vector_cache, "MAX_SEGMENTS", 2)
            cache.add(KEYS[3:], VECTORS[3:])
        return real(folder, deferred)

    reader = again(cache)
    monkeypatch.setattr(durable, "read_manifest", merge_first)
    vectors, found = reader.read(KEYS[:3])
    assert found.tolist() == [True, True, True]
    np.testing.assert_array_equal(vectors, VECTORS[:3])


def test_segments_that_another_process_has_just_merged_are_not_merged_again(
    cache: vector_cache.Items, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_cache, "MAX_SEGMENTS", 3)
    for i in range(3):
        cache.add(KEYS[i : i + 1], VECTORS[i : i + 1])
    real, merged = store_workspace.lock, list[list[Path]]()

    def another_is_first(name: str) -> Any:
        monkeypatch.setattr(store_workspace, "lock", real)
        again(cache)._merge()
        merged.append(segments(cache))
        return real(name)

    monkeypatch.setattr(store_workspace, "lock", another_is_first)
    cache.add(KEYS[3:], VECTORS[3:])
    assert segments(cache) == merged[0]
    assert len(merged[0]) == 2
    np.testing.assert_array_equal(cache.read(KEYS)[0], VECTORS)


def test_the_first_of_two_vectors_for_one_text_is_kept(cache: vector_cache.Items) -> None:
    cache.add(KEYS[[0, 0]], VECTORS[:2])
    np.testing.assert_array_equal(cache.read(KEYS[:1])[0], VECTORS[:1])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_is_refused(cache: vector_cache.Items, bad: float) -> None:
    vectors = VECTORS.copy()
    vectors[2, 1] = bad
    with pytest.raises(ContractError, match="a vector holds NaN or infinity; reject its text"):
        cache.add(KEYS, vectors)
    assert segments(cache) == []


@pytest.mark.parametrize("shape", [(5, 2), (4, 3), (15,)], ids=str)
def test_vectors_of_another_shape_are_refused_with_both(cache: vector_cache.Items, shape: tuple[int, ...]) -> None:
    with pytest.raises(ContractError, match=r"vectors have shape \(.*\) but \(5, 3\) was needed"):
        cache.add(KEYS, np.zeros(shape, dtype=np.float32))


def test_a_damaged_vector_is_dropped_and_said_and_its_text_is_missing_again(
    cache: vector_cache.Items, caplog: pytest.LogCaptureFixture
) -> None:
    cache.add(KEYS[:3], VECTORS[:3])
    cache.add(KEYS[3:], VECTORS[3:])
    damage_of(cache, KEYS[0])
    opened = again(cache)
    with caplog.at_level(logging.WARNING):
        vectors, found = opened.read(KEYS)
    assert found.tolist() == [False, False, False, True, True]
    np.testing.assert_array_equal(vectors[3:], VECTORS[3:])
    assert not vectors[:3].any()
    assert "cached vectors are damaged and will be encoded again" in caplog.text
    assert "vectors.npy is damaged at row" in caplog.text
    assert opened.missing(KEYS).tolist() == [0, 1, 2]


def damage_of(cache: vector_cache.Items, key: npt.NDArray[np.uint64]) -> Path:
    """Flip a bit in every vector of the segment that holds a key; return the segment."""
    folder = next(s for s in segments(cache) if (np.load(s / "keys.npy") == key).all(axis=1).any())
    vectors = np.load(folder / "vectors.npy")
    vectors.view(np.uint32)[:] ^= 1
    np.save(folder / "vectors.npy", vectors)
    return folder


def test_a_damaged_vector_counts_as_missing(cache: vector_cache.Items, caplog: pytest.LogCaptureFixture) -> None:
    cache.add(KEYS, VECTORS)
    damage_of(cache, KEYS[0])
    with caplog.at_level(logging.WARNING):
        assert again(cache).missing(KEYS).tolist() == [0, 1, 2, 3, 4]
    assert "vectors.npy is damaged at row" in caplog.text


@pytest.mark.parametrize("name", ["keys.npy", "sums.npy", "manifest.json"])
def test_a_segment_with_a_flipped_bit_is_dropped_and_said(
    cache: vector_cache.Items, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    cache.add(KEYS, VECTORS)
    path = segments(cache)[0] / name
    path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))
    with caplog.at_level(logging.WARNING):
        assert again(cache).missing(KEYS).tolist() == [0, 1, 2, 3, 4]
    assert "cached vectors are damaged and will be encoded again" in caplog.text
    assert segments(cache) == []


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.canary),)


def test_a_planted_pickle_is_dropped_and_never_run(
    cache: vector_cache.Items, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fill(folder: Path) -> durable.Info:
        for name in ("keys", "sums", "vectors"):
            (folder / f"{name}.npy").write_bytes(pickle.dumps(Evil(tmp_path / "canary")))
        return {"rows": 1, "width": WIDTH}

    durable.write_folder(cache.folder, fill)
    with caplog.at_level(logging.WARNING):
        assert cache.missing(KEYS[:1]).tolist() == [0]
    assert "cached vectors are damaged" in caplog.text
    assert not (tmp_path / "canary").exists()


def test_a_damaged_vector_is_found_before_it_is_merged(
    cache: vector_cache.Items, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for i in range(3):
        cache.add(KEYS[i : i + 1], VECTORS[i : i + 1])
    cache.add(vector_cache.keys_of(["x", "y"]), VECTORS[:2])  # the largest, which is not merged
    damage_of(cache, KEYS[1])
    monkeypatch.setattr(vector_cache, "MAX_SEGMENTS", 2)
    with caplog.at_level(logging.WARNING):
        again(cache).add(KEYS[3:4], VECTORS[3:4])
    assert "cached vectors are not merged" in caplog.text
    _, found = again(cache).read(KEYS[:4])
    assert found.tolist() == [True, False, True, True]


def test_a_full_disk_leaves_the_cache_as_it_was(cache: vector_cache.Items, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.add(KEYS[:2], VECTORS[:2])
    before = segments(cache)
    monkeypatch.setattr(np, "save", full)
    with pytest.raises(StoreError, match="failed: the disk is full; no partial file was left; run again to continue"):
        cache.add(KEYS[2:], VECTORS[2:])
    assert segments(cache) == before
    assert list(cache.folder.glob(".tmp-*")) == []


def full(*_: Any) -> None:
    raise OSError(28, "No space left on device")


WRITER = """
import sys
import numpy as np
from tasks.data.models import Fingerprint
from tasks.store import vector_cache
vector_cache.MAX_SEGMENTS = 4
cache = vector_cache.Items(Fingerprint.model_validate_json(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for i in range(int(sys.argv[2]), int(sys.argv[2]) + 60, 3):
    keys = vector_cache.keys_of(map(str, range(i, i + 5)))
    cache.add(keys, np.arange(i, i + 5, dtype=np.float32)[:, None].repeat(3, 1))
"""


@pytest.mark.slow
def test_processes_that_add_and_merge_at_once_lose_nothing() -> None:
    mark = fingerprint(uuid.uuid4().hex)
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", WRITER, mark.model_dump_json()]
    running = [subprocess.Popen([*command, str(first)], **pipes) for first in (0, 30)]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        process.communicate()
    assert [process.returncode for process in running] == [0, 0]
    vectors, found = vector_cache.Items(mark).read(vector_cache.keys_of(map(str, range(92))))
    assert found.all()
    np.testing.assert_array_equal(vectors, np.arange(92)[:, None].repeat(3, 1))
