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
from tasks.store import collections, objects, versions, workspace
from tasks.store.versions import Versions

log = logging.getLogger(__name__)


def live(name: str) -> TopicRecord | None:
    """Return the newest record of a name, None where there is none or it cannot be read, which is said."""
    records = _records(collections.checked_name(name))
    return _read(name, records.pointed()) if name in versions.names("topics") else None


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
        return _records(made.name).commit(made, same=versions.same_but("number"))


def _records(name: str) -> Versions[TopicRecord]:
    return Versions("topics", name, TopicRecord)


def _read(name: str, number: int) -> TopicRecord | None:
    try:
        found = _records(name).read(number)
        for ref in (found.documents, found.labels, found.centres):
            objects.path(ref)
    except StoreError as error:
        log.warning("the earlier topics of %s cannot be read (%s); all topics count as new", name, error)
        return None
    return found
