"""What is kept of the topics of a collection or a source, so that the next run recognises them.

    topics/<name>/records/0001.json    references of one run
    topics/<name>/live                 number of the newest

A record is written once and never changed. The same documents in the same clusters make no new record, and are
matched with the record they were matched with before: a repeated run gives the same numbers.
"""

import logging

from tasks.data.documents import DocumentsRef
from tasks.data.topics import LabelsRef, TopicRecord
from tasks.errors import StoreError
from tasks.store import collections, durable, objects, workspace

log = logging.getLogger(__name__)


def live(name: str) -> TopicRecord | None:
    """Return the newest record of a name, None where there is none or it cannot be read, which is said."""
    pointer = workspace.folder("topics", collections.checked_name(name)) / "live"
    return _read(name, int(_number(pointer))) if pointer.exists() else None


def previous(name: str, documents: DocumentsRef, found: LabelsRef) -> TopicRecord | None:
    """Return the record that documents in clusters are to be matched with, None for none.

    It is the newest; or, if that is of these same documents in these same clusters, the one it was matched with.
    """
    newest = live(name)
    if newest is not None and (newest.documents, newest.found) == (documents, found):
        return _read(name, newest.previous) if newest.previous else None
    return newest


def commit(made: TopicRecord) -> TopicRecord:
    """Keep a record as the newest of its name; one that equals the newest changes nothing.

    Args:
        made: The record; its number is given here.

    Returns:
        The newest record now.
    """
    with workspace.lock(f"topics-{collections.checked_name(made.name)}"):
        folder = workspace.folder("topics", made.name, "records")
        newest = live(made.name)
        if newest is not None and newest.model_copy(update={"number": 0}) == made.model_copy(update={"number": 0}):
            return newest
        number = max((int(path.stem) for path in folder.glob("*.json")), default=0) + 1
        numbered = made.model_copy(update={"number": number})
        durable.write_json(folder / f"{number:04d}.json", numbered.model_dump(mode="json"))
        durable.write_json(folder.parent / "live", {"record": number})
        return numbered


def _number(pointer: object) -> int:
    try:
        return int(durable.read_json(pointer)["record"])  # type: ignore[arg-type]
    except (StoreError, KeyError, TypeError, ValueError):
        return 0


def _read(name: str, number: int) -> TopicRecord | None:
    path = workspace.folder("topics", name, "records") / f"{number:04d}.json"
    try:
        found = TopicRecord.model_validate(durable.read_json(path))
        for ref in (found.documents, found.labels, found.centres):
            objects.path(ref)
    except (StoreError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        log.warning("the earlier topics of %s cannot be read (%s); all topics count as new", name, reason)
        return None
    return found
