import errno
import hashlib
import json
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import ContractError, StoreError, disk_refusal
from tasks.store import durable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
VALUE = {"questions": ["how?", "wo?"], "score": 0.25, "rows": 17}


def fill(folder: Path) -> durable.Info:
    """Write two files of equal size."""
    (folder / "one.bin").write_bytes(b"0123456789")
    (folder / "two.bin").write_bytes(b"abcdefghij")
    return {"rows": 2}


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return tmp_path / durable.write_folder(tmp_path, fill)


def drafts(folder: Path) -> list[Path]:
    return list(folder.rglob(".tmp-*"))


def flips(path: Path) -> Iterator[str]:
    """Flip each bit of a file in turn; leave the file as it was."""
    whole = path.read_bytes()
    for position in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            yield f"bit {bit} of byte {position} of {path.name}"
    path.write_bytes(whole)


@pytest.mark.slow
@given(JSON)
def test_the_canonical_text_reads_back_and_agrees_with_jsons_own_digest(value: Any) -> None:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert json.loads(durable.canonical(value)) == value
    assert durable.digest_of(value) == hashlib.sha256(text.encode()).hexdigest()


def test_the_order_of_keys_does_not_count() -> None:
    assert durable.digest_of({"a": 1, "b": [2, 3]}) == durable.digest_of({"b": [2, 3], "a": 1})
    assert durable.digest_of({"a": [1, 2]}) != durable.digest_of({"a": [2, 1]})


@pytest.mark.parametrize(
    "value", [float("nan"), [float("inf")], "\ud800", {1, 2}], ids=["NaN", "infinity", "lone surrogate", "set"]
)
def test_a_value_that_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises(ContractError, match="a value cannot be kept as JSON"):
        durable.canonical(value)


def test_a_file_longer_than_a_block_has_the_digest_of_its_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "BLOCK", 7)
    (tmp_path / "long").write_bytes(bytes(range(256)))
    assert durable.file_digest(tmp_path / "long") == hashlib.sha256(bytes(range(256))).hexdigest()


def test_a_folder_reads_back_what_its_manifest_says(published: Path) -> None:
    assert durable.read_manifest(published) == {"rows": 2}
    assert sorted(p.name for p in published.iterdir()) == ["manifest.json", "one.bin", "two.bin"]


def test_equal_content_is_one_folder(published: Path) -> None:
    assert durable.write_folder(published.parent, fill) == published.name
    assert list(published.parent.iterdir()) == [published]


def test_other_content_is_another_folder(published: Path) -> None:
    def other(folder: Path) -> durable.Info:
        return {**fill(folder), "rows": 3}

    assert durable.write_folder(published.parent, other) != published.name


@pytest.mark.slow
def test_every_flipped_bit_of_every_file_is_found(published: Path) -> None:
    unseen = []
    for path in sorted(published.iterdir()):
        for what in flips(path):
            try:
                durable.read_manifest(published)
            except StoreError:
                continue
            unseen.append(what)
    assert unseen == []
    assert durable.read_manifest(published) == {"rows": 2}


@pytest.mark.parametrize("name", ["one.bin", "two.bin", "manifest.json"])
def test_a_file_cut_anywhere_is_found(published: Path, name: str) -> None:
    whole = (published / name).read_bytes()
    for length in range(len(whole)):
        (published / name).write_bytes(whole[:length])
        with pytest.raises(StoreError, match=name):
            durable.read_manifest(published)


def test_a_longer_file_is_found_with_both_sizes(published: Path) -> None:
    (published / "one.bin").write_bytes(b"0123456789x")
    with pytest.raises(StoreError, match=r"one.bin has 11 bytes but its manifest says 10"):
        durable.read_manifest(published, deferred=("one.bin",))


def test_two_swapped_files_are_found(published: Path) -> None:
    (published / "one.bin").rename(published / "x")
    (published / "two.bin").rename(published / "one.bin")
    (published / "x").rename(published / "two.bin")
    with pytest.raises(StoreError, match=r"one.bin has sha256 72399361da6a but its manifest says 84d89877f0d4"):
        durable.read_manifest(published)


def test_a_deferred_file_is_left_to_its_reader(published: Path) -> None:
    (published / "one.bin").write_bytes(b"9876543210")
    assert durable.read_manifest(published, deferred=("one.bin",)) == {"rows": 2}


@pytest.mark.parametrize("name", ["one.bin", "manifest.json"])
def test_a_missing_file_is_found(published: Path, name: str) -> None:
    (published / name).unlink()
    with pytest.raises(StoreError, match="No such file or directory"):
        durable.read_manifest(published)


def test_a_folder_of_a_later_format_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "FORMAT", 2)
    folder = tmp_path / durable.write_folder(tmp_path, fill)
    monkeypatch.undo()
    with pytest.raises(StoreError, match=rf"{folder} has format 2 but this version reads 1; upgrade llm-flows"):
        durable.read_manifest(folder)


def test_nothing_is_left_of_a_folder_whose_filling_fails(tmp_path: Path) -> None:
    def failing(folder: Path) -> durable.Info:
        fill(folder)
        raise KeyError("column")

    with pytest.raises(KeyError, match="column"):
        durable.write_folder(tmp_path, failing)
    assert list(tmp_path.iterdir()) == []


FAULTS = [("os.fsync", n) for n in (1, 2, 3, 4, 5)] + [("pathlib.Path.rename", 1), ("pathlib.Path.write_bytes", 1),
          ("pathlib.Path.write_bytes", 3), ("pathlib.Path.mkdir", 1), ("os.open", 2)]  # fmt: skip
CODES = {errno.ENOSPC: "the disk is full", errno.EIO: "Input/output error", errno.EACCES: "Permission denied"}


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
@pytest.mark.parametrize(("operation", "nth"), FAULTS, ids=[f"{name} {nth}" for name, nth in FAULTS])
def test_a_disk_that_refuses_is_said_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str, nth: int, code: int
) -> None:
    fail_at(monkeypatch, operation, nth, code)
    with pytest.raises(StoreError, match=rf"writing below {tmp_path} failed: {CODES[code]}; no partial file was left"):
        durable.write_folder(tmp_path, fill)
    monkeypatch.undo()
    for visible in tmp_path.iterdir():
        assert durable.read_manifest(visible) == {"rows": 2}
    assert drafts(tmp_path) == []
    assert durable.read_manifest(tmp_path / durable.write_folder(tmp_path, fill)) == {"rows": 2}


def fail_at(monkeypatch: pytest.MonkeyPatch, operation: str, nth: int, code: int) -> None:
    """Make the nth call of a function of the system fail."""
    owner, _, name = operation.rpartition(".")
    real = getattr(Path if owner == "pathlib.Path" else os, name)
    calls: list[int] = []

    def failing(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == nth:
            raise OSError(code, os.strerror(code))
        return real(*args, **kwargs)

    monkeypatch.setattr(operation, failing)


def test_a_file_the_system_cuts_short_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5, limits[1]))
    try:
        with pytest.raises(
            StoreError, match="failed: File too large; no partial file was left; run again to continue"
        ):
            durable.write_folder(tmp_path, fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_folder_is_replaced_by_a_whole_one(published: Path) -> None:
    (published / "one.bin").write_bytes(b"damaged")
    assert durable.write_folder(published.parent, fill) == published.name
    assert durable.read_manifest(published) == {"rows": 2}
    assert drafts(published.parent) == []


def test_a_folder_that_never_becomes_whole_is_given_up(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (published / "one.bin").write_bytes(b"damaged")
    monkeypatch.setattr(durable, "discard", lambda path: None)  # as if another process put it back each time
    with pytest.raises(StoreError, match="is written again and again by another process; run one at a time"):
        durable.write_folder(published.parent, fill)


@pytest.mark.slow
@given(JSON)
def test_a_small_file_reads_back(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "small" / "value.json"
    durable.write_json(path, value)
    assert durable.read_json(path) == value


@pytest.mark.slow
def test_a_flipped_bit_of_a_small_file_never_changes_its_value(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    durable.write_json(path, VALUE)
    changed = []
    for what in flips(path):
        try:
            value = durable.read_json(path)
        except StoreError:
            continue
        if value != VALUE:
            changed.append(what)
    assert changed == []


BROKEN = {
    "no JSON": ("{", "value.json cannot be read"),
    "deep": ("[" * 100_000, "value.json cannot be read"),
    "no mapping": ("[]", "value.json is not a file of this store"),
    "other keys": ('{"format":1,"value":1}', "value.json is not a file of this store"),
    "later format": ('{"format":7,"sha256":"","value":1}', "has format 7 but this version reads 1; upgrade llm-flows"),
    "other sum": ('{"format":1,"sha256":"00","value":1}', "is damaged: its content does not have the sum it states"),
    "NaN": ('{"format":1,"sha256":"00","value":NaN}', "value.json cannot be read"),
    "lone surrogate": ('{"format":1,"sha256":"00","value":"\\ud800"}', "value.json cannot be read"),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_small_file_that_is_not_whole_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "value.json"
    path.write_text(text)
    with pytest.raises(StoreError, match=message):
        durable.read_json(path)


def test_a_small_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone.json cannot be read \(.*No such file"):
        durable.read_json(tmp_path / "gone.json")


SMALL_FAULTS = [("os.fsync", 1), ("os.fsync", 2), ("pathlib.Path.replace", 1), ("pathlib.Path.write_bytes", 1)]


@pytest.mark.parametrize(("operation", "nth"), SMALL_FAULTS, ids=[f"{name} {nth}" for name, nth in SMALL_FAULTS])
def test_a_small_file_is_the_old_or_the_new_one_when_the_disk_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str, nth: int
) -> None:
    path = tmp_path / "value.json"
    durable.write_json(path, "old")
    fail_at(monkeypatch, operation, nth, errno.ENOSPC)
    with pytest.raises(StoreError, match="failed: the disk is full"):
        durable.write_json(path, "new")
    assert durable.read_json(path) in ("old", "new")
    assert [p.name for p in tmp_path.iterdir()] == ["value.json"]


def test_a_discarded_folder_is_gone_and_discarding_it_again_does_nothing(published: Path) -> None:
    durable.discard(published)
    durable.discard(published)
    assert list(published.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.EFBIG, "File too large"), "File too large"),
        (ValueError("Error while serializing: I/O error: No space left on device (os error 28)"), "the disk is full"),
        (ValueError("I/O error: Read-only file system (os error 30)"), "Read-only file system"),
        (RuntimeError("[enforce fail] PytorchStreamWriter failed writing file data/0: file write failed"), None),
        (RuntimeError("CUDA out of memory"), ""),
        (ValueError("3 is not 4"), ""),
    ],
)
def test_why_a_disk_refused_is_read_from_the_errors_of_python_rust_and_torch(
    error: Exception, said: str | None
) -> None:
    found = disk_refusal(error)
    assert "PytorchStreamWriter" in found if said is None else found == said


def test_a_library_that_fills_the_disk_with_an_error_of_its_own_is_one_sentence(tmp_path: Path) -> None:
    def fill(folder: Path) -> dict[str, Any]:
        raise ValueError("Error while serializing: I/O error: No space left on device (os error 28)")

    with pytest.raises(StoreError, match="failed: the disk is full; no partial file was left; run again to continue"):
        durable.write_folder(tmp_path / "objects", fill)
    assert not list((tmp_path / "objects").iterdir())
