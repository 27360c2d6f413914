"""Files that a person asked for at a path of their own, outside the workspace: whole and synced, or not there."""

import os
import shutil
import tempfile
from pathlib import Path

from tasks.errors import ContractError, StoreError, disk_refusal


def checked(output: str) -> Path:
    """Return the full path of a file to write, after making sure that it can be written; nothing is left behind.

    Raises:
        ContractError: It is a folder, its folder is not there, or nothing can be written there.
    """
    try:
        path = Path(os.path.expanduser(output)).absolute()
    except RuntimeError as error:
        raise ContractError(f"output {output!r} names no folder ({error}); give a path") from error
    if not output or path.is_dir():
        raise ContractError(f"output {output!r} is a folder but a file was needed; add a name, as vectors.parquet")
    if not path.parent.is_dir():
        raise ContractError(f"output {output!r} is to lie in {path.parent} but there is no such folder; make it first")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            return path
    except OSError as error:
        raise ContractError(
            f"output {output!r} cannot be written ({error.strerror}) but a folder of yours was needed; choose another"
        ) from error


def deliver(source: Path, target: Path) -> Path:
    """Copy a file to a path, replacing at once what is there; a reader sees the old file or the whole new one.

    Raises:
        StoreError: The disk is full or refuses; the old file stays.
    """
    draft = target.with_name(f".{target.name[:100]}.{os.getpid()}.tmp")
    try:
        with source.open("rb") as read, draft.open("wb") as written:
            shutil.copyfileobj(read, written, 1 << 20)
            written.flush()
            os.fsync(written.fileno())
        draft.replace(target)
    except OSError as error:
        raise StoreError(
            f"writing {target} failed: {disk_refusal(error)}; no partial file was left; run again to continue"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return target
