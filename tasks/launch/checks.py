"""What `store check` looks at: every object and record, what records refer to, and the databases of the two servers.

SQLite's own check: https://www.sqlite.org/pragma.html#pragma_integrity_check
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.errors import StoreError
from tasks.launch.walk import entries, files
from tasks.store import durable, workspace

KEPT = ("collections", "topics", "classifiers", "conversations", "tuned")  # kept under a name, and refer to objects
CACHED = ("items", "replies")  # what was paid for, and would be again
PAGES = "recognised"  # text of scanned pages, a file each
REF = {"kind", "digest", "rows", "shape", "dtype"}
DATABASES = (("mlflow", "mlflow.db"), ("prefect", "prefect.db"))
AGAIN = {
    "steps": "run the flow again, the step computes it anew",
    "collections": "run knowledge-base, or image-search, again for it, or collections rollback NAME",
    "topics": "run topic-model again; it numbers its topics anew",
    "classifiers": "run text-classifier again for it",
    "conversations": "begin a new conversation; its turns are lost",
    "tuned": "train it again, or models use another number",
}  # fmt: skip


class StoreCheck:
    """What a check found.

    Attributes:
        objects: Folders that were verified.
        records: Records that were read.
        databases: Databases that were verified.
        damaged: What is wrong, a line each.
    """

    def __init__(self) -> None:
        self.objects, self.records, self.databases = 0, 0, 0
        self.damaged: list[str] = []


def check(links: list[Path]) -> StoreCheck:
    """Verify the workspace.

    Args:
        links: Takes the links that were met; nothing behind one is looked at.

    Returns:
        What was verified, and what is wrong.
    """
    found = StoreCheck()
    for name in ("objects", *CACHED):
        with _locked_told(found):
            _objects(name, found, links)
    for room in ("steps", PAGES, *KEPT):
        with _locked_told(found):
            _records(room, found, links)
    for name, file in DATABASES:
        if (path := workspace.home() / name / file).is_file():
            found.databases += 1
            found.damaged += _database(path)
    return found


@contextlib.contextmanager
def _locked_told(found: StoreCheck) -> Iterator[None]:
    """Say what may not be read, and go on with the next room."""
    try:
        yield
    except PermissionError as error:
        found.damaged.append(
            f"{error.filename} may not be read, and what stands behind it was not checked; chmod u+rX"
        )


def _objects(name: str, found: StoreCheck, links: list[Path]) -> None:
    for folder in stored(name, links=links):
        found.objects += 1
        inner: list[Path] = []
        for _ in files(folder, inner):
            pass
        if inner:
            links += inner
            found.damaged.append(f"{inner[0]} is a link, which is not followed; remove it and run the flow again")
            continue
        try:
            durable.read_manifest(folder)
        except StoreError as error:
            found.damaged.append(f"{error}; run the flow again that uses it: it is made again before use")


def stored(*names: str, links: list[Path]) -> Iterator[Path]:
    """Yield the stored folders of some kinds: objects, or segments of a cache."""
    for name in names:
        for kind in entries(workspace.folder(name), links):
            if kind.is_dir() and not kind.name.startswith("."):
                yield from (p for p in entries(kind, links) if p.is_dir() and not p.name.startswith("."))


def _records(room: str, found: StoreCheck, links: list[Path]) -> None:
    """Read the records and pointers of a room, and look for what they refer to."""
    for path in files(workspace.folder(room), links):
        if path.suffix != ".json" and path.name != "live":
            continue
        found.records += 1
        try:
            value = durable.read_json(path)
        except StoreError as error:
            found.damaged.append(str(error))
            continue
        for kind, digest in refs_of(value):
            if not (workspace.home() / "objects" / kind / digest).is_dir():
                what = f"{path} refers to {kind} {digest[:12]}, which is not there"
                found.damaged.append(f"{what}; {AGAIN.get(room, 'run the flow again')}")


def refs_of(value: Any) -> Iterator[tuple[str, str]]:
    """Yield kind and digest of the objects that a JSON value refers to, wherever in it they stand."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            kind, digest = part.get("kind"), part.get("digest")
            if part.keys() >= REF and isinstance(kind, str) and isinstance(digest, str):
                yield os.path.basename(kind), os.path.basename(digest)  # a damaged record names no other folder
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _database(path: Path) -> list[str]:
    """Return what SQLite finds wrong with a database; it is opened to read alone."""
    way = f"; stop the servers, keep a copy, and try `sqlite3 {path.name} .recover`, or remove it: its runs are lost"
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)) as database:
            said = [str(row[0]) for row in database.execute("PRAGMA integrity_check(3)")]
    except sqlite3.Error as error:
        said = [str(error)]
    return [] if said == ["ok"] else [f"{path} is damaged ({' '.join(' '.join(said).split())[:200]}){way}"]
