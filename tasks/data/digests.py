"""The sha256 of files that are read in: each is computed once a run, for as long as the file stays as it was.

What a file holds is looked up by its device, inode, size and the times of its last change; the second time no program
can set back. A file that changed just before it was hashed is not remembered: a clock has ticks, and a second change
within one would leave no trace. The memory is that of a process, and a run empties it when it ends. Files of the store
are never looked up here: they are hashed to find damage, which leaves no trace either. Source: the index of Git, whose
"racily clean" files are the same case.
"""

import hashlib
import os
import time
from io import BufferedReader
from pathlib import Path

SETTLED_NS = 2_000_000_000  # the coarsest clock of a file system, that of FAT, ticks every two seconds

Stamp = tuple[int, int, int, int, int]
_known: dict[Stamp, str] = {}


def of_file(file: BufferedReader) -> str:
    """Return the sha256 of a file that has just been opened, in hexadecimal; looked up if known."""
    before = _stamp(file)
    if before in _known:
        return _known[before]
    now = time.time_ns()
    found = hashlib.file_digest(file, "sha256").hexdigest()
    if _stamp(file) == before and max(before[3:]) < now - SETTLED_NS:
        _known[before] = found
    return found


def of_path(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal; looked up if known."""
    with path.open("rb") as file:
        return of_file(file)


def read(path: Path) -> tuple[bytes, str]:
    """Return what a file holds, and the sha256 of just that; a known one is looked up."""
    with path.open("rb") as file:
        content = file.read()
        known = _known.get(_stamp(file))  # looked at after reading: a change before the end would show
    return content, known or hashlib.sha256(content).hexdigest()


def forget() -> None:
    """Forget all, so that the next run reads for itself."""
    _known.clear()


def _stamp(file: BufferedReader) -> Stamp:
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
