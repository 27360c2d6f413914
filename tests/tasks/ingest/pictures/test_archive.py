"""Pictures of a zip archive: listed and read within limits; what leads out of it is not followed."""

import stat
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.data.documents import Item, Rejected
from tasks.errors import DataError
from tasks.ingest.pictures.archive import count_other_members, list_archive, listed_members, opened
from tasks.ingest.pictures.limits import PictureLimits
from tasks.ingest.pictures.read import Decoded, decode_from
from tests.tasks.ingest.pictures.picture_files import LIMITS, apart, saved, tiles

ALL = ("*",)


def archived(path: Path) -> Path:
    """Write an archive of a good member and of bad ones."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("of")
        archive.writestr("of/good.png", saved(tiles(), "PNG"))
        archive.writestr("../above.png", saved(tiles(), "PNG"))
        archive.writestr("/root.png", saved(tiles(), "PNG"))
        archive.writestr("C:\\windows.png", saved(tiles(), "PNG"))
        archive.writestr("large.png", bytes(90_000))
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/hostname")
        archive.writestr("words.txt", "Some words.")
        archive.writestr("zz.png", saved(tiles(), "PNG"))
    content = bytearray(path.read_bytes())
    last = content.rindex(b"zz.png")
    content[last - 46 + 8] |= 1  # says in the list of members that the last one is encrypted
    path.write_bytes(content)
    return path


def decoded(path: Path, items: list[Item], limits: PictureLimits = LIMITS) -> Iterator[Decoded | Rejected]:
    with opened(path) as archive:
        yield from decode_from(listed_members(archive, items, limits), limits, 1)


def reasons(path: Path, limits: PictureLimits = LIMITS) -> list[str]:
    rows = decoded(path, list_archive(path, ALL, limits)[0], limits)
    return [f"{row.reason}: {row.detail}" for row in rows if isinstance(row, Rejected)]


def test_members_of_an_archive_are_decoded_within_limits(tmp_path: Path) -> None:
    path = archived(tmp_path / "all.zip")
    limits = replace(LIMITS, max_bytes=50_000)
    items, others = list_archive(path, ("*.png",), limits)
    assert others == count_other_members(path, ("*.png",)) == 1
    rows = list(decoded(path, items, limits))
    assert [(row.item, row.reason) for row in rows if isinstance(row, Rejected)] == [
        ("../above.png", "link"), ("/root.png", "link"), ("C:\\windows.png", "link"), ("large.png", "too-large"),
        ("link.png", "link"), ("zz.png", "encrypted"),
    ]  # fmt: skip
    assert [(item.name, item.reason) for item in items if item.reason] == [
        (row.item, row.reason) for row in rows if isinstance(row, Rejected)
    ]
    (good,) = (row for row in rows if isinstance(row, Decoded))
    assert (good.name, apart(good.rgb, tiles())) == ("of/good.png", 0)


def test_an_archive_with_too_many_members_or_bytes_is_read_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in "abc":
            archive.writestr(name, "words")
    monkeypatch.setattr("tasks.ingest.pictures.archive.MAX_MEMBERS", 2)
    assert [reason.partition(":")[0] for reason in reasons(tmp_path / "a.zip")] == [
        "not-a-picture", "not-a-picture", "too-large",
    ]  # fmt: skip
    monkeypatch.setattr("tasks.ingest.pictures.archive.MAX_UNPACKED", 7)
    assert reasons(tmp_path / "a.zip")[1:] == [
        "too-large: comes after 2 members or 7 bytes unpacked; divide the archive"
    ] * 2  # fmt: skip


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_second_member_of_a_name_and_a_broken_member_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", saved(tiles(), "PNG"))
        archive.writestr("a.png", saved(tiles(), "PNG"))
    assert reasons(path) == ["repeated-id: is the second member of that name; pack it again under another"]
    path.write_bytes(path.read_bytes().replace(b"IEND", b"IENX"))
    assert reasons(path)[0] == "unreadable: cannot be unpacked: BadZipFile; pack it again"


def test_a_member_that_changed_since_it_was_listed_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", saved(tiles(), "PNG"))
    items, _ = list_archive(path, ALL, LIMITS)
    (row,) = decoded(path, [replace(items[0], sha256="0" * 64)])
    assert isinstance(row, Rejected)
    assert row.reason == "changed"
    (gone,) = decoded(path, [replace(items[0], name="b.png")])
    assert isinstance(gone, Rejected)
    assert gone.reason == "changed"


def test_what_is_no_archive_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DataError, match=r"a\.zip' is no folder, no whole zip archive and no parquet table"):
        list_archive(path, ALL, LIMITS)
