"""Where things live: the folder `LLM_FLOWS_HOME`, by default `~/.llm-flows`.

It is made readable by its owner alone; one that exists keeps its mode.
"""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from tasks.errors import StoreError

NO_UI = "LLM_FLOWS_NO_UI"  # set in the environment of a run whose Prefect server is temporary, and shows no pages
DRAFT = ".tmp-"  # begins the name of what is being written
DATABASES = "databases.json"  # where `make ui` notes which databases lay on another server when it last ran
SERVERS = "server.json"  # where `make ui` notes the addresses of its servers


def home() -> Path:
    """Return the workspace, made if it is not there yet.

    Raises:
        StoreError: The folder cannot be made or written.
    """
    try:
        path = Path(os.environ.get("LLM_FLOWS_HOME") or Path.home() / ".llm-flows").expanduser().absolute()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        raise StoreError(f"the workspace cannot be made ({error}); set LLM_FLOWS_HOME to a folder you own") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise StoreError(f"the workspace {path} cannot be written; set LLM_FLOWS_HOME to a folder you own")
    return path


def folder(*parts: str) -> Path:
    """Return a folder of the workspace, made if it is not there yet."""
    path = home().joinpath(*parts)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path} cannot be made ({error.strerror}); free space or set LLM_FLOWS_HOME") from error
    return path


@contextlib.contextmanager
def drafts(parent: Path) -> Iterator[Path]:
    """Lend an empty folder below another; what a kill leaves of it in a workspace, `store prune` removes."""
    path = parent / f"{DRAFT}{uuid.uuid4().hex}"
    try:
        path.mkdir(mode=0o700)
    except OSError as error:
        raise StoreError(f"{path} cannot be made ({error.strerror}); free space, or use a folder you own") from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def lock(name: str) -> FileLock:
    """Return a lock between processes; the system frees it when its holder dies."""
    return FileLock(folder("locks") / f"{name}.lock")
