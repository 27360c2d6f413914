"""One file that holds others: written whole or not at all, and read as if a stranger had made it.

A zip file without compression, so that what comes out is never larger than what was read: `files/<name>` each, and
`manifest.json` last, with the sha256, size and time of each. Compression would gain little: tables and weights have
their own. Nothing is a link, and a name leads nowhere else.

Source: APPNOTE.TXT 6.3.10, https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT.
"""

import contextlib
import errno
import hashlib
import io
import os
import shutil
import stat
import struct
import uuid
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from tasks.errors import StoreError, disk_refusal
from tasks.store import durable

FORMAT = 1
MANIFEST, FILES = "manifest.json", "files/"
READ_AT_MOST = 1 << 28  # bytes of the manifest, or of the list of files, that memory takes
NAME_AT_MOST = 1_024
BROKEN = (zipfile.BadZipFile, ValueError, struct.error, RuntimeError, OverflowError, EOFError, KeyError, OSError)
Kind = Literal["collection", "workspace"]


class ArchivedFile(BaseModel):
    """What is stated of a file: its sum, its bytes, and when it was written, in seconds of the epoch."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)
    modified: int = Field(ge=0, lt=1 << 40)


Stated = TypeAdapter(dict[str, ArchivedFile])


@dataclass(frozen=True)
class Archive:
    """An archive that has been opened, its list of files checked; their content is checked as they come out.

    Attributes:
        path: Where it lies.
        info: What its writer said of it.
        files: What is in it, by name.
    """

    path: Path
    info: dict[str, Any]
    files: dict[str, ArchivedFile]
    zipped: zipfile.ZipFile

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files.values())

    def unpack(self, into: Path) -> None:
        """Write every file below an empty folder, each checked against its sum.

        Raises:
            StoreError: A file is damaged, or the disk has no room; what was written so far is the caller's to remove.
        """
        if (free := shutil.disk_usage(into).free) < self.bytes:
            raise StoreError(
                f"{self.path} holds {self.bytes / 1e6:,.1f} MB but {into.parent} has {free / 1e6:,.1f} MB free"
            )
        folders: dict[Path, int] = {}
        with _refusing(self.path):
            for name, stated in self.files.items():
                target = into / name
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._write(name, stated, target)
                os.utime(target, (stated.modified, stated.modified))
                folders[target.parent] = max(stated.modified, folders.get(target.parent, 0))
            for folder, modified in folders.items():  # `store prune` goes by the age of folders
                os.utime(folder, (modified, modified))

    def _write(self, name: str, stated: ArchivedFile, target: Path) -> None:
        sha, left = hashlib.sha256(), stated.bytes
        with self.zipped.open(FILES + name) as source, target.open("xb") as written:
            while block := source.read(durable.BLOCK):
                left -= len(block)
                if left < 0:
                    break
                sha.update(block)
                written.write(block)
        if left or sha.hexdigest() != stated.sha256:
            raise ValueError(f"{name[:200]!r} does not have the bytes and the sha256 that are stated")


def write(
    target: Path, kind: Kind, info: dict[str, Any], members: Iterable[tuple[str, Path]], gone: list[str] | None = None
) -> Path:
    """Write a new archive, for its owner alone to read.

    Args:
        target: Where; nothing may be there.
        kind: What is in it.
        info: What else is to be known of it.
        members: Name in the archive, and the file, which is no link.
        gone: Takes the names of files that went meanwhile; left out, that is an error.

    Raises:
        StoreError: A file went or cannot be read, or the disk is full; nothing is left behind.
    """
    draft = target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex[:8]}.tmp")
    files: dict[str, dict[str, Any]] = {}
    try:
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w+b") as raw:
            with zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED) as zipped:
                for name, path in members:
                    try:
                        files[name] = _add(zipped, name, path)
                    except FileNotFoundError:
                        if gone is None:
                            raise
                        gone.append(name)
                value = {"format": FORMAT, "kind": kind, "info": info, "files": files}
                zipped.writestr(MANIFEST, durable.canonical({"sha256": durable.digest_of(value), "value": value}))
            raw.flush()
            os.fsync(raw.fileno())
        draft.replace(target)
    except OSError as error:
        raise StoreError(
            f"{target} was not written ({error.filename or draft.parent}: {disk_refusal(error)}); no partial file was "
            "left; run again"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return target


def _add(zipped: zipfile.ZipFile, name: str, path: Path) -> dict[str, Any]:
    """Copy one file into an archive; return what is to be stated of it."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as source:
        modified = max(0, int(os.fstat(descriptor).st_mtime))
        sha, count = hashlib.sha256(), 0
        member = zipfile.ZipInfo(FILES + name)
        member.external_attr = (stat.S_IFREG | 0o600) << 16
        with zipped.open(member, "w", force_zip64=True) as written:
            while block := source.read(durable.BLOCK):
                sha.update(block)
                count += len(block)
                written.write(block)
    return {"sha256": sha.hexdigest(), "bytes": count, "modified": modified}


def fits(name: str) -> bool:
    """Return whether a file of this name can go into an archive and come out of it inside the folder it is put in."""
    if not 0 < len(name) <= NAME_AT_MOST or not name.isprintable():
        return False
    other = "\\:" if os.name == "nt" else ""
    return all(part not in ("", ".", "..") and not any(c in part for c in other) for part in name.split("/"))


@contextlib.contextmanager
def opened(path: Path, kind: Kind) -> Iterator[Archive]:
    """Open an archive after checking what it says it holds; no content has been read then.

    Raises:
        StoreError: It is not whole, not of this kind, or holds what it should not; the message is one line.
    """
    with contextlib.ExitStack() as stack:
        with _refusing(path):
            raw = stack.enter_context(_Bounded(path))
            zipped = stack.enter_context(zipfile.ZipFile(raw))
            info, files = _checked(zipped, kind, path.stat().st_size)
        yield Archive(path, info, files, zipped)


def _checked(zipped: zipfile.ZipFile, kind: Kind, size: int) -> tuple[dict[str, Any], dict[str, ArchivedFile]]:
    members = zipped.infolist()
    names = [member.filename for member in members]
    if len(set(names)) != len(names):
        raise ValueError("it names a file twice")
    if any(member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1 for member in members):
        raise ValueError("a file in it is compressed or encrypted, and none of ours is")
    if any(stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG) for member in members):
        raise ValueError("it holds a link or a device")
    if sum(member.file_size for member in members) > size:
        raise ValueError("its files are larger than itself")
    value = _manifest(zipped, kind)
    files = Stated.validate_python(value["files"])
    if sorted(names) != sorted([MANIFEST, *(FILES + name for name in files)]):
        raise ValueError("it does not hold the files that its manifest names")
    if refused := next((name for name in files if not fits(name)), None):
        raise ValueError(f"{refused[:100]!r} is no name of a file below a folder")
    if any(zipped.getinfo(FILES + name).file_size != stated.bytes for name, stated in files.items()):
        raise ValueError("a file in it does not have the bytes that its manifest states")
    return dict(value["info"]), files


def _manifest(zipped: zipfile.ZipFile, kind: Kind) -> dict[str, Any]:
    if zipped.getinfo(MANIFEST).file_size > READ_AT_MOST:
        raise ValueError("its manifest is too large")
    content = durable.loads(zipped.read(MANIFEST))
    value = content["value"]
    if durable.digest_of(value) != content["sha256"]:
        raise ValueError("its manifest is damaged")
    if value["format"] != FORMAT:
        raise ValueError(
            f"it has format {str(value['format'])[:20]} but this version reads {FORMAT}; upgrade llm-flows"
        )
    if value["kind"] != kind:
        raise ValueError(f"it holds a {str(value['kind'])[:20]} but a {kind} was needed")
    return dict(value)


class _Bounded(io.FileIO):
    """A file of which no more than `READ_AT_MOST` bytes are read at once: the list of files is as long as it says."""

    def read(self, size: int | None = -1) -> bytes:
        """Read some bytes, or the rest where that is short."""
        if size is None or size < 0:
            size = max(0, os.fstat(self.fileno()).st_size - self.tell())
        if size > READ_AT_MOST:
            raise ValueError("its list of files is too long")
        return super().read(size) or b""


@contextlib.contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn whatever a broken archive makes of its reader into one line."""
    try:
        yield
    except StoreError:
        raise
    except (*BROKEN, TypeError, AttributeError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise StoreError(f"{path} was not unpacked: the disk is full; make room and run again") from error
        said = disk_refusal(error) or (f"it has no {error}" if isinstance(error, KeyError) else str(error))
        reason = " ".join((said or type(error).__name__).split())[:200]
        raise StoreError(
            f"{path} cannot be used as an archive of llm-flows ({reason}); nothing was taken from it: copy or make it "
            "again"
        ) from error
