import re
from pathlib import Path

import pytest

from tasks.errors import ContractError, StoreError
from tasks.store import export


def test_a_file_that_can_be_written_is_given_its_full_path_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert export.checked("v.parquet") == tmp_path / "v.parquet"
    assert export.checked("~/v.parquet") == tmp_path / "v.parquet"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "is a folder but a file was needed; add a name, as vectors.parquet"),
        (".", "is a folder but a file was needed; add a name, as vectors.parquet"),
        ("gone/v.parquet", "is to lie in .*gone but there is no such folder; make it first"),
        ("file/v.parquet", "is to lie in .*file but there is no such folder; make it first"),
        ("/proc/v.parquet", "cannot be written .* but a folder of yours was needed; choose another"),
    ],
    ids=["nothing", "a folder", "no folder", "a file as folder", "a folder that takes nothing"],
)
def test_an_output_that_cannot_be_written_is_refused_with_the_way_out(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ContractError, match=f"output '{re.escape(name)}' {message}"):
        export.checked(name)


def test_a_delivered_file_replaces_the_old_one_and_leaves_no_draft(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"new" * 1_000_000)
    target.write_bytes(b"old")
    assert export.deliver(source, target) == target
    assert target.read_bytes() == source.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["source", "target"]


def test_a_copy_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"old")
    with pytest.raises(StoreError, match="failed: No such file or directory; no partial file was left; run again"):
        export.deliver(tmp_path / "gone", target)
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["target"]
