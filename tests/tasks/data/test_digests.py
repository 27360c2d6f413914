import hashlib
import os
from pathlib import Path

import pytest

from tasks.data import digests

OLD, NEW = b"as it was", b"as it is!"


@pytest.fixture(autouse=True)
def emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start without a memory, and let files count as settled at once."""
    monkeypatch.setattr(digests, "SETTLED_NS", -1_000_000_000)
    digests.forget()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file."""
    path = tmp_path / "file"
    path.write_bytes(OLD)
    return path


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of files that are hashed from now on."""
    found: list[str] = []
    plain = hashlib.file_digest

    def counting(file: object, name: str) -> object:
        found.append(file.name)  # type: ignore[attr-defined]
        return plain(file, name)  # type: ignore[arg-type]

    monkeypatch.setattr(hashlib, "file_digest", counting)
    return found


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_file_that_stays_as_it_was_is_hashed_once(path: Path, hashed: list[str]) -> None:
    assert [digests.of_path(path) for _ in range(3)] == [sha(OLD)] * 3
    assert digests.read(path) == (OLD, sha(OLD))
    assert len(hashed) == 1


def test_a_change_of_the_same_length_with_the_old_time_put_back_is_seen(path: Path) -> None:
    digests.of_path(path)
    before = path.stat()
    path.write_bytes(NEW)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digests.of_path(path) == sha(NEW)
    assert digests.read(path) == (NEW, sha(NEW))


def test_another_file_put_in_its_place_is_seen(path: Path, tmp_path: Path) -> None:
    digests.of_path(path)
    (tmp_path / "other").write_bytes(NEW)
    (tmp_path / "other").replace(path)
    assert digests.read(path) == (NEW, sha(NEW))


def test_a_file_that_has_just_changed_is_not_remembered(
    path: Path, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "SETTLED_NS", 60_000_000_000)
    assert digests.of_path(path) == digests.of_path(path) == sha(OLD)
    assert len(hashed) == 2


def test_what_is_forgotten_is_hashed_again(path: Path, hashed: list[str]) -> None:
    digests.of_path(path)
    digests.forget()
    digests.of_path(path)
    assert len(hashed) == 2
