"""The only place that writes to the workspace: folders and small files that are whole and verified, or not there.

A folder is filled under a temporary name, every file is synced to disk, `manifest.json` with the sha256 of each file
is written last, and one rename publishes it under the digest of that manifest. So a kill at any moment leaves either
the whole folder or nothing visible, and a flipped bit, a truncated file or two swapped files are found on reading.
"""

import contextlib
import errno
import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tasks.errors import ContractError, StoreError, disk_refusal

FORMAT = 1
MANIFEST = "manifest.json"
BLOCK = 1 << 20
Info = dict[str, Any]

log = logging.getLogger(__name__)


def canonical(value: Any) -> bytes:
    """Return the one JSON text of a value: keys sorted, no spaces, no NaN.

    Raises:
        ContractError: The value is not JSON: NaN, infinity, half a character, or an object.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise ContractError(f"a value cannot be kept as JSON ({error}); use finite numbers and whole text") from error


def digest_of(value: Any) -> str:
    """Return the sha256 of a JSON value, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def file_digest(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            sha.update(block)
    return sha.hexdigest()


def write_folder(parent: Path, fill: Callable[[Path], Info]) -> str:
    """Publish a folder below `parent` under the digest of its content.

    Args:
        parent: Folder of folders, made if it is not there yet.
        fill: Writes files and folders into the empty folder it is given; returns what the manifest shall say beside
            their sums.

    Returns:
        The digest, which is the folder's name. Equal content is one folder, however often it is written.

    Raises:
        StoreError: The disk is full or refuses; nothing is left behind.
    """
    with _writing(parent) as temporary:
        info = fill(temporary)
        files = {}
        for path in sorted(temporary.rglob("*")):
            _sync(path)
            if not path.is_dir():
                name = path.relative_to(temporary).as_posix()
                files[name] = {"sha256": file_digest(path), "bytes": path.stat().st_size}
        manifest = {"format": FORMAT, "info": info, "files": files}
        digest = digest_of(manifest)
        (temporary / MANIFEST).write_bytes(canonical(manifest))
        _sync(temporary / MANIFEST)
        _sync(temporary)
        _publish(temporary, parent / digest)
        _sync(parent)
        return digest


def read_manifest(folder: Path, deferred: tuple[str, ...] = ()) -> Info:
    """Verify every file of a folder and return what its manifest says beside their sums.

    Args:
        folder: What `write_folder` made.
        deferred: Files of which only the size is checked, because their reader verifies each part as it is read.

    Raises:
        StoreError: The folder is missing, damaged or of another format; the message names the file.
    """
    info, files = _manifest(folder)
    for name, expected in files.items():
        path = folder / name
        try:
            size = path.stat().st_size
            actual = expected["sha256"] if name in deferred else file_digest(path)
        except OSError as error:
            raise StoreError(f"{path} cannot be read ({error.strerror}); it will be made again") from error
        if size != expected["bytes"]:
            raise StoreError(f"{path} has {size} bytes but its manifest says {expected['bytes']}")
        if actual != expected["sha256"]:
            raise StoreError(f"{path} has sha256 {actual[:12]} but its manifest says {expected['sha256'][:12]}")
    return info


def _manifest(folder: Path) -> tuple[Info, dict[str, Info]]:
    try:
        text = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise StoreError(f"{folder} has no readable manifest ({error.strerror})") from error
    if hashlib.sha256(text).hexdigest() != folder.name:
        raise StoreError(f"{folder / MANIFEST} is damaged: its sha256 is not the folder's name")
    manifest = json.loads(text)
    if manifest["format"] != FORMAT:
        raise StoreError(
            f"{folder} has format {manifest['format']} but this version reads {FORMAT}; upgrade llm-flows"
        )
    return manifest["info"], manifest["files"]


def write_json(path: Path, value: Any) -> None:
    """Replace a small file at once by a value and its sum.

    Raises:
        StoreError: The disk is full or refuses; the old file stays.
    """
    text = canonical({"format": FORMAT, "sha256": digest_of(value), "value": value})
    with _writing(path.parent) as temporary:
        draft = temporary / path.name
        draft.write_bytes(text)
        _sync(draft)
        draft.replace(path)
        _sync(path.parent)


def read_json(path: Path) -> Any:
    """Read what `write_json` wrote.

    Raises:
        StoreError: The file is missing, damaged or of another format.
    """
    try:
        content = json.loads(path.read_bytes())
        actual = digest_of(content.get("value")) if isinstance(content, dict) else ""
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{path} cannot be read ({error})") from error
    if not isinstance(content, dict) or set(content) != {"format", "sha256", "value"}:
        raise StoreError(f"{path} is not a file of this store")
    if content["format"] != FORMAT:
        raise StoreError(f"{path} has format {content['format']} but this version reads {FORMAT}; upgrade llm-flows")
    if actual != content["sha256"]:
        raise StoreError(f"{path} is damaged: its content does not have the sum it states")
    return content["value"]


def loads(text: bytes) -> Any:
    """Return the JSON value of a text that somebody else may have written.

    Raises:
        ValueError: It is no JSON, or nested so deep that no value of ours is.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("its JSON is nested too deep") from error


def read_foreign(folder: Path) -> Info:
    """Do as `read_manifest` in a folder that somebody else may have filled.

    Raises:
        StoreError: It is damaged, or holds other files than its manifest names.
    """
    what = f"{folder.name[:12]} of {folder.parent.name}"
    try:
        _, files = _manifest(folder)
        held = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
        if held != {*files, MANIFEST}:  # before a name of the manifest is opened
            raise StoreError(f"{what} does not hold the files that its manifest names")
        return read_manifest(folder)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise StoreError(f"{what} is not an object of this store") from error


def adopt(folder: Path, parent: Path) -> None:
    """Move a folder that came from elsewhere, and that `read_foreign` has verified, to where it is found."""
    for path in [*folder.rglob("*"), folder]:
        _sync(path)
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _publish(folder, parent / folder.name)
    _sync(parent)


def discard(path: Path) -> None:
    """Delete a folder so that nobody ever sees half of it."""
    grave = path.with_name(f".tmp-{uuid.uuid4().hex}")
    with contextlib.suppress(FileNotFoundError):
        path.rename(grave)
        shutil.rmtree(grave, ignore_errors=True)


@contextlib.contextmanager
def _writing(parent: Path) -> Iterator[Path]:
    """Lend an empty temporary folder; delete it afterwards, and turn a full or refusing disk into one clear error."""
    temporary = parent / f".tmp-{uuid.uuid4().hex}"
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.mkdir(mode=0o700)
        yield temporary
    except Exception as error:  # libraries that write files raise errors of their own
        if not (what := disk_refusal(error)):
            raise
        raise StoreError(
            f"writing below {parent} failed: {what}; no partial file was left; run again to continue"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(temporary: Path, final: Path) -> None:
    """Rename into place; if an equal folder is there already keep it, if a damaged one is there replace it."""
    for _ in range(10):
        try:
            temporary.rename(final)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        else:
            return
        try:
            read_manifest(final)
        except StoreError as error:
            log.warning("a damaged folder is replaced: %s", error)
            discard(final)
        else:
            with contextlib.suppress(OSError):
                os.utime(final)  # it is needed now, however old: `store prune` goes by the time
            return
    raise StoreError(f"{final} is written again and again by another process; run one at a time")
