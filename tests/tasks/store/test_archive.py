import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import StoreError
from tasks.store import archive, durable


def made(folder: Path, files: dict[str, bytes]) -> Path:
    """Write an archive of some files."""
    sources = []
    for number, (name, content) in enumerate(files.items()):
        source = folder / f"source-{number}"
        source.write_bytes(content)
        os.utime(source, (1_000_000, 1_000_000))
        sources.append((name, source))
    return archive.write(folder / "some.archive", "collection", {"said": 1}, sources)


def unpacked(path: Path, into: Path) -> dict[str, bytes]:
    into.mkdir()
    with archive.opened(path, "collection") as opened:
        opened.unpack(into)
    return {p.relative_to(into).as_posix(): p.read_bytes() for p in into.rglob("*") if p.is_file()}


FILES = {"a/one.txt": b"lamp" * 30, "a/b/two": b"", "three": bytes(range(200))}


def test_what_goes_in_comes_out_with_its_time_and_for_the_owner_alone(tmp_path: Path) -> None:
    path = made(tmp_path, FILES)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert unpacked(path, tmp_path / "out") == FILES
    assert (tmp_path / "out" / "a" / "one.txt").stat().st_mtime == 1_000_000
    assert (tmp_path / "out" / "a").stat().st_mtime == 1_000_000
    assert [p.name for p in tmp_path.glob(".*")] == []


def test_every_byte_that_is_changed_or_cut_is_found_or_means_nothing(tmp_path: Path) -> None:
    whole = made(tmp_path, FILES).read_bytes()
    path, refused = tmp_path / "broken", list[str]()
    for number in range(0, 2 * len(whole), 3):
        at = number // 2
        changed = bytes([whole[at] ^ 0x41]) + whole[at + 1 :] if number % 2 else b""
        path.write_bytes(whole[:at] + changed)
        out = tmp_path / f"out-{number}"
        try:
            assert unpacked(path, out) == FILES  # times and versions inside a zip file decide nothing
        except StoreError as error:
            refused.append(str(error))
    assert len(refused) > len(whole) * 2 / 3 * 0.7
    assert {len(said.splitlines()) for said in refused} == {1}


def forged(path: Path, names: list[str], change: Any = lambda member: None, method: int = zipfile.ZIP_STORED) -> Path:
    """Write what this project never would, with a manifest that agrees with it."""
    files: dict[str, Any] = {}
    with zipfile.ZipFile(path, "w", method) as zipped:
        for name in names:
            member = zipfile.ZipInfo("files/" + name)
            member.compress_type = method
            change(member)
            zipped.writestr(member, b"x")
            sum_ = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
            files[name] = {"sha256": sum_, "bytes": 1, "modified": 0}
        value = {"format": 1, "kind": "collection", "info": {}, "files": files}
        zipped.writestr("manifest.json", durable.canonical({"sha256": durable.digest_of(value), "value": value}))
    return path


def link(member: zipfile.ZipInfo) -> None:
    member.external_attr = (stat.S_IFLNK | 0o777) << 16


@pytest.mark.parametrize("name", ["../out", "a/../../out", "/etc/out", "a//b", "./a", "a/", "a\nb", "x" * 1_025])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match=r"cannot be used .*; nothing was taken"):
        unpacked(forged(tmp_path / "f", [name]), tmp_path / "in")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["f", "in"]


def test_links_compressed_and_equal_names_are_refused(tmp_path: Path) -> None:
    assert unpacked(forged(tmp_path / "good", ["a"]), tmp_path / "good-out") == {"a": b"x"}
    with pytest.raises(StoreError, match="it holds a link"):
        unpacked(forged(tmp_path / "link", ["a"], link), tmp_path / "1")
    with pytest.raises(StoreError, match="is compressed"):
        unpacked(forged(tmp_path / "bomb", ["a"], method=zipfile.ZIP_DEFLATED), tmp_path / "2")
    with pytest.warns(UserWarning, match="Duplicate"), pytest.raises(StoreError, match="names a file twice"):
        unpacked(forged(tmp_path / "twice", ["a", "a"]), tmp_path / "3")
    with pytest.raises(StoreError, match="cannot be used"):
        unpacked(forged(tmp_path / "below", ["a", "a/b"]), tmp_path / "4")


def test_a_list_of_files_that_claims_gigabytes_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path, FILES)
    monkeypatch.setattr(archive, "READ_AT_MOST", 100)
    with pytest.raises(StoreError, match="its list of files is too long"):
        unpacked(path, tmp_path / "out")


def test_an_archive_of_another_kind_or_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path, FILES)
    with (
        pytest.raises(StoreError, match="holds a collection but a workspace was needed"),
        archive.opened(path, "workspace"),
    ):
        pass
    monkeypatch.setattr(archive, "FORMAT", 2)
    with pytest.raises(StoreError, match="format 1 but this version reads 2; upgrade"):
        unpacked(path, tmp_path / "out")


def test_a_source_that_is_a_link_is_not_followed_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("theirs")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(StoreError, match="no partial file was left"):
        archive.write(tmp_path / "x", "collection", {}, [("a", tmp_path / "link")])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "secret"]


def test_a_disk_without_room_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path, FILES)
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda folder: _Disk())
    with pytest.raises(StoreError, match="MB free"):
        unpacked(path, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


class _Disk:
    free = 5
