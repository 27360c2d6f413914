"""Walk through the workspace without ever following a link: what lies behind one belongs to somebody else."""

from collections.abc import Iterator
from pathlib import Path


def entries(folder: Path, links: list[Path]) -> Iterator[Path]:
    """Yield what a folder holds, in order of the names; links are left alone.

    Args:
        folder: If it is a link itself, nothing is yielded.
        links: Takes the links that were met, each once.
    """
    if folder.is_symlink():
        _note(folder, links)
        return
    try:
        found = sorted(folder.iterdir())
    except FileNotFoundError:  # removed in the meantime
        return
    for path in found:
        if path.is_symlink():
            _note(path, links)
        else:
            yield path


def files(folder: Path, links: list[Path]) -> Iterator[Path]:
    """Yield the files below a folder; links are left alone.

    Args:
        folder: If it is a link itself, nothing is yielded.
        links: Takes the links that were met, each once.
    """
    for path in entries(folder, links):
        if path.is_dir():
            yield from files(path, links)
        else:
            yield path


def older(path: Path, moment: float) -> bool:
    """Return whether a file or folder was last written before a moment, in seconds of the epoch; one gone was not."""
    try:
        return path.stat().st_mtime < moment
    except FileNotFoundError:  # removed in the meantime, by a run beside this one
        return False


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; what is gone has none."""
    total = 0
    for file in files(path, []) if path.is_dir() else [path]:
        try:
            total += file.stat().st_size
        except FileNotFoundError:
            continue
    return total


def _note(path: Path, links: list[Path]) -> None:
    if path not in links:
        links.append(path)
