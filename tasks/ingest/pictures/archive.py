"""Members of a zip archive as pictures of a folder: listed with their digests, and read within limits.

Nothing is unpacked to a disk. A name that leads out of the archive, a link and a second member of a name are rejected.
"""

import fnmatch
import stat
import zipfile
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath

from tasks.data.documents import Item, Rejected
from tasks.errors import DataError
from tasks.ingest.pictures.limits import PictureLimits
from tasks.ingest.pictures.read import Source, too_many_bytes

MAX_MEMBERS = 100_000
MAX_UNPACKED = 20 << 30  # bytes of all members of an archive


def opened(path: Path) -> zipfile.ZipFile:
    """Return an archive to read.

    Raises:
        DataError: It is not a whole zip archive.
    """
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(
            f"source.path {str(path)!r} is no folder, no whole zip archive and no parquet table; name one, copy it "
            "again, or read the pages of a PDF by source.pages={}"
        ) from error


def list_archive(path: Path, patterns: Sequence[str], limits: PictureLimits) -> tuple[list[Item], int]:
    """List what an archive holds.

    Args:
        path: The archive.
        patterns: Shell patterns of the names to read.
        limits: Bytes that a member may have.

    Returns:
        The matching members in their order, and how many others there were.

    Raises:
        DataError: It is not a whole zip archive.
    """
    items, others = [], 0
    with opened(path) as archive:
        for name, source in _members(archive, limits):
            if not _matches(name, patterns):
                others += 1
                continue
            found = source()
            if isinstance(found, Rejected):
                items.append(Item(name, 0, "", found.reason))
            else:
                items.append(Item(name, len(found), sha256(found).hexdigest()))
    return items, others


def count_other_members(path: Path, patterns: Sequence[str]) -> int:
    """Return how many members of an archive match no pattern; none is read."""
    with opened(path) as archive:
        return sum(not member.is_dir() and not _matches(member.filename, patterns) for member in archive.infolist())


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(PurePosixPath(name).name.lower(), pattern.lower()) for pattern in patterns)


def listed_members(
    archive: zipfile.ZipFile, items: Sequence[Item], limits: PictureLimits
) -> Iterator[tuple[str, Source]]:
    """Yield each listed member with what reads it; one that has changed since is not read."""
    members = _members(archive, limits)
    for item in items:
        source = next((read for name, read in members if name == item.name), None)
        yield item.name, _listed(item, source)


def _listed(item: Item, source: Source | None) -> Source:
    changed = Rejected(item.name, "changed", "has changed since it was listed; run again")

    def read() -> bytes | Rejected:
        found = changed if source is None else source()
        if isinstance(found, bytes) and sha256(found).hexdigest() != item.sha256:
            return changed
        return found

    return read


def _members(archive: zipfile.ZipFile, limits: PictureLimits) -> Iterator[tuple[str, Source]]:
    unpacked, seen = 0, set[str]()
    for number, member in enumerate(archive.infolist()):
        if member.is_dir():
            continue
        unpacked += min(member.file_size, limits.max_bytes)
        full = number >= MAX_MEMBERS or unpacked > MAX_UNPACKED
        yield member.filename, _member(archive, member, limits, full=full, again=member.filename in seen)
        seen.add(member.filename)


def _member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, limits: PictureLimits, *, full: bool, again: bool
) -> Source:
    name = member.filename

    def read() -> bytes | Rejected:
        place = PurePosixPath(name.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts or ":" in place.parts[0] or stat.S_ISLNK(_mode(member)):
            return Rejected(name, "link", "names a place outside the archive; pack it again under a plain name")
        if again:
            return Rejected(name, "repeated-id", "is the second member of that name; pack it again under another")
        if full:
            detail = f"comes after {MAX_MEMBERS:,} members or {MAX_UNPACKED:,} bytes unpacked; divide the archive"
            return Rejected(name, "too-large", detail)
        if member.file_size > limits.max_bytes:
            return too_many_bytes(name, member.file_size, limits)
        if member.flag_bits & 1:
            return Rejected(name, "encrypted", "needs a password; pack it without one")
        try:
            with archive.open(member) as file:
                return file.read(limits.max_bytes)
        except Exception as error:  # each way of packing has errors of its own
            detail = f"cannot be unpacked: {type(error).__name__}; pack it again"
            return Rejected(name, "unreadable", detail)

    return read


def _mode(member: zipfile.ZipInfo) -> int:
    return member.external_attr >> 16
