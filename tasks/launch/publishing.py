"""What surrounds the publishing of a generation: a token before it is built, and word of it once it is live."""

import logging

from tasks.data.search import Generation
from tasks.launch import events
from tasks.runtime import steps, tracking
from tasks.store import collections, durable, leases

log = logging.getLogger(__name__)


def begin_collection(name: str) -> None:
    """Take the token of a run that will publish a collection; say which other runs work on it.

    Args:
        name: The collection.
    """
    if steps.planning() is not None:
        return
    run = tracking.current()
    awaited = events.awaited(events.PUBLISHED)
    others = [leases.words(one) for one in collections.begin(name, run.flow_run_id, announce=awaited)]
    if others:
        said = f"{'; '.join(others)} works on collection {name} too; what began last publishes, the others are refused"
        log.warning("%s", said)
        run.remarks["also_building"] = {"runs": others, "said": said}


def announce_collection(name: str) -> None:
    """Tell the Prefect server of the generation that this run has put live, or that an earlier one could not tell.

    Where an automation waits for it, the run waits until the server has it; what could not be told is told by the next
    run over the collection.

    Args:
        name: The collection.
    """
    if steps.planning() is not None:
        return
    number, place = collections.unannounced(name)
    due = number or collections.published(name)
    if not due or (live := collections.live(name)).number != due:  # another has been put live meanwhile
        return
    if _tell(events.PUBLISHED, live, place, surely=bool(number)) and number:
        collections.announced(name, number)


def announce_topics(live: Generation) -> None:
    """Tell the Prefect server that the topics of a generation of a collection are found; once for each generation.

    Args:
        live: The generation.
    """
    if steps.planning() is None:
        surely = events.awaited(events.TOPICS_FOUND)
        _tell(events.TOPICS_FOUND, live, collections.unannounced(live.collection)[1], surely=surely)


def _tell(event: str, live: Generation, place: str, *, surely: bool) -> bool:
    """Tell of a generation; return whether the server has it."""
    digest = durable.digest_of(live.cache_key())
    payload = {
        "collection": live.collection,
        "generation": live.number,
        "digest": digest,
        "documents": live.documents.rows,
        "passages": live.passages.rows,
        "changes": live.delta or {},
    }
    identity = f"{place} {live.collection} {live.number} {digest}"
    resource = f"{events.PREFIX}collection.{live.collection}"
    return events.emit(event, resource, payload, identity=identity, surely=surely)
