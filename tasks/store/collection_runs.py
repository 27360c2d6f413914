"""The runs of each collection, beside its generations: a small file a run, of which the newest are kept.

    collections/<name>/runs/<milliseconds>-<run>.json

A run is written when it begins and replaced by what it came to when it ends. Meanwhile it holds a lock, which the
system frees when its process dies: so one that was killed is known, on whatever machine. No identity and no key of a
step counts what stands here.
"""

import contextlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.data.collection_runs import CollectionRun
from tasks.errors import StoreError
from tasks.store import durable, workspace

KEPT = 500  # runs of a collection; the oldest go
KILLED = "its process ended without a word"
log = logging.getLogger(__name__)


def folder(name: str) -> Path:
    """Return where the runs of a collection are kept."""
    return workspace.folder("collections", name, "runs")


def page(name: str) -> Path:
    """Return where the page about the runs of a collection stands, whether it is there or not."""
    return workspace.folder("reports", f"collection-{name}") / "index.html"


@contextlib.contextmanager
def begun(name: str, run: CollectionRun) -> Iterator[None]:
    """Keep a run that has begun; while the context is open, it is known to be alive."""
    lock = _lock(run)
    lock.acquire(timeout=60)
    try:
        put(name, run)
        yield
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def put(name: str, run: CollectionRun) -> None:
    """Write a run, in place of what was written of it before; of more than `KEPT` the oldest go."""
    durable.write_json(folder(name) / f"{_key(run)}.json", run.model_dump(mode="json"))
    for old in sorted(folder(name).glob("*.json"))[:-KEPT]:
        old.unlink(missing_ok=True)


def read(name: str) -> list[CollectionRun]:
    """List the runs that are kept, oldest first; one that cannot be read is said and left out."""
    found = []
    for path in sorted(folder(name).glob("*.json")):
        try:
            run = CollectionRun.model_validate(durable.read_json(path))
        except (StoreError, ValueError) as error:
            log.warning("the run %s of collection %s is left out: %s", path.stem, name, str(error).partition("\n")[0])
            continue
        found.append(run if run.state != "running" or _alive(run) else _killed(run))
    return found


def _killed(run: CollectionRun) -> CollectionRun:
    return run.model_copy(update={"state": "killed", "reason": KILLED})


def _alive(run: CollectionRun) -> bool:
    lock = _lock(run)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    Path(lock.lock_file).unlink(missing_ok=True)
    return False


def _lock(run: CollectionRun) -> FileLock:
    return workspace.lock(f"run-{_key(run)}")


def _key(run: CollectionRun) -> str:
    """Return the name of a run's file: they sort by when they began."""
    return f"{int(run.started * 1_000):014d}-{re.sub(r'[^0-9a-z]', '', run.run.lower())[:12]}"
