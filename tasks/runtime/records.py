"""What the store knows of finished steps: a record a key, read back only where all it names verifies.

steps/<name>/<key>.json    value, inputs, code, libraries, metrics
"""

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.data.base import Value
from tasks.data.base import refs_in as refs_in
from tasks.errors import StoreError
from tasks.store import durable, objects, workspace

Inputs = dict[str, Any]
Metrics = dict[str, float]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Record:
    """What the store knows of one finished step."""

    value: Value
    inputs: Inputs
    code: str
    libraries: dict[str, str]
    metrics: Metrics
    seconds: float = 0.0  # what it took, over so many rows; 0 in the records of older versions
    rows: int = 0


def find(name: str, key: str) -> Record | None:
    """Return the record of a finished step if it and every object it names verify.

    What is damaged is said, deleted and so computed again.
    """
    path = workspace.folder("steps", name) / f"{key}.json"
    if not path.exists():
        return None
    try:
        found = read(path)
    except StoreError as error:
        log.warning("the record of %s is damaged and will be computed again: %s", name, error)
        path.unlink(missing_ok=True)
        return None
    for ref in refs_in(found.value):
        try:
            objects.path(ref)
        except StoreError as error:
            log.warning("a result of %s is missing or damaged and will be computed again: %s", name, error)
            objects.forget(ref)
            path.unlink(missing_ok=True)
            return None
    return found


def recorded(pattern: str) -> Iterator[Record]:
    """Yield the records of finished steps whose name fits a pattern, newest first; what is damaged is left out."""
    paths = workspace.folder("steps").glob(f"{pattern}/*.json")
    for path in sorted(paths, key=lambda p: (p.stat().st_mtime_ns, p.name), reverse=True):
        try:
            yield read(path)
        except StoreError as error:
            log.warning("the record %s is left out: %s", path.name, error)


def last_time(name: str, rows: int) -> float | None:
    """Return the seconds a step should take by its last run, in proportion to its rows; None if it never ran here."""
    folder = workspace.folder("steps", name)
    for path in sorted(folder.glob("*.json"), key=lambda p: p.stat().st_mtime_ns, reverse=True)[:3]:
        with suppress(StoreError):
            before = read(path)
            if before.seconds > 0:
                return before.seconds * max(rows, 1) / max(before.rows, 1)
    return None


def rows_of(inputs: Any) -> int:
    """Return the rows of the largest object among the inputs of a step."""
    return max((ref.rows for ref in refs_in(inputs)), default=0)


def write(name: str, key: str, made: Record) -> None:
    """Write the record of a finished step."""
    value = {"type": type(made.value).__name__, "fields": made.value.model_dump(mode="json")}
    content = {"inputs": made.inputs, "code": made.code, "libraries": made.libraries, "metrics": made.metrics,
               "seconds": made.seconds, "rows": made.rows}  # fmt: skip
    durable.write_json(workspace.folder("steps", name) / f"{key}.json", {"value": value, **content})


def read(path: Path) -> Record:
    """Read a record.

    Raises:
        StoreError: It is damaged, or its value is of a type that this version does not have.
    """
    content = durable.read_json(path)
    try:
        stated = content["value"]
        value = Value.registry[stated["type"]].model_validate(stated["fields"])
        took = float(content.get("seconds", 0.0)), int(content.get("rows", 0))
        return Record(value, content["inputs"], content["code"], content["libraries"], content["metrics"], *took)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{path} was written by another version ({type(error).__name__})") from error
