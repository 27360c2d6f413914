"""What a flow tells the Prefect server, so that automations can follow: events whose id is decided by what happened.

    llm-flows.collection.published   a generation that differs from the one before is live
    llm-flows.topics.found           the topics of a collection's live generation are found
    llm-flows.gate.refused           a generation or a trained model was refused by its gate

The same happening has the same id, whichever run tells it, and is stored once. Prefect's own way to emit, a websocket
in another thread, says nothing of what has arrived; and the server answers before it has written: where somebody
waits for the event, the run waits until it can be read back.
"""

import logging
import os
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.runtime import flow_run

from tasks.runtime import steps
from tasks.store import workspace

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

PREFIX = "llm-flows."
PUBLISHED, TOPICS_FOUND, REFUSED = f"{PREFIX}collection.published", f"{PREFIX}topics.found", f"{PREFIX}gate.refused"
PATIENCE_S = 180.0  # a server that was down for 90 s answers again after some 110
AGAIN_S = 10.0  # the server writes its events every five seconds at the latest
LOOK_S = 0.25
FAILURES = (httpx.HTTPError, PrefectHTTPStatusError, OSError)

log = logging.getLogger(__name__)


def awaited(event: str) -> bool:
    """Return whether an automation of the server waits for an event; True where the server does not answer.

    A temporary server is asked nothing and told nothing: it ends with the run, and nobody has set it up.
    """
    if not _told():
        return False
    try:
        with get_client(sync_client=True) as client:
            found = client.request("POST", "/automations/filter", json={"limit": 200}).json()
    except PrefectHTTPStatusError:  # a server without automations
        return False
    except FAILURES as error:
        log.debug("whether an automation waits for %s is not known: %s", event, error)
        return True
    return any(one["enabled"] and any(fnmatchcase(event, name) for name in _expected(one["trigger"])) for one in found)


def emit(event: str, resource: str, payload: dict[str, Any], *, identity: str, surely: bool) -> bool:
    """Tell the server that something has happened; telling it again changes nothing.

    Args:
        event: Its name.
        resource: What it happened to.
        payload: What is to be known of it, as JSON.
        identity: What tells this happening from every other of its name.
        surely: Whether to wait until the server has written it; else one attempt is made, and its failure is logged.

    Returns:
        Whether the server has it: written, or without `surely` taken.
    """
    if not _told():
        return False
    known_as = str(uuid5(NAMESPACE_URL, f"{event} {identity}"))
    one = {
        "id": known_as,
        "occurred": datetime.now(UTC).isoformat(),
        "event": event,
        "resource": {"prefect.resource.id": resource, "prefect.resource.name": resource.rpartition(".")[2]},
        "related": [{"prefect.resource.id": f"prefect.flow-run.{flow_run.id}", "prefect.resource.role": "flow-run"}],
        "payload": payload,
    }
    until = time.monotonic() + (PATIENCE_S if surely else 0)
    with get_client(sync_client=True) as client:
        while True:
            try:
                if _is_there(client, known_as, 0):
                    return True
                client.request("POST", "/events", json=[one])
                if not surely or _is_there(client, known_as, AGAIN_S):
                    return True
                failure = "it was taken and not written"
            except FAILURES as error:
                failure = str(error) or type(error).__name__
            if time.monotonic() > until:
                log.warning("the Prefect server was not told of %s of %s: %s", event, resource, failure)
                return False
            time.sleep(1)


def gate_refused(resource: str, why: str, **payload: Any) -> None:
    """Tell that a gate has refused what this run made, for a notification where somebody has set one up.

    Args:
        resource: What would have been replaced, as `collection.notes` or `tuned.notes`.
        why: What the gate found, in words.
        payload: What else is to be known.
    """
    surely = awaited(REFUSED)
    stated = {"why": why, "flow_run": str(flow_run.id or ""), **payload}
    emit(REFUSED, f"{PREFIX}{resource}", stated, identity=f"{resource} {flow_run.id}", surely=surely)


def _told() -> bool:
    """Return whether a server that stays is told: by a flow run, and not by a plan of one."""
    return steps.planning() is None and bool(flow_run.id) and workspace.NO_UI not in os.environ


def _is_there(client: "SyncPrefectClient", event: str, wait_s: float) -> bool:
    """Return whether the server has written an event, at once or within some seconds."""
    until = time.monotonic() + wait_s
    soon = (datetime.now(UTC) + timedelta(days=1)).isoformat()  # the clock of the server may be behind
    body = {"filter": {"id": {"id": [event]}, "occurred": {"until": soon}}, "limit": 1}
    while not (found := client.request("POST", "/events/filter", json=body).json()["total"]):
        if time.monotonic() > until:
            break
        time.sleep(LOOK_S)
    return bool(found)


def _expected(trigger: dict[str, Any]) -> Iterable[str]:
    """Yield the names, with wildcards, of the events that a trigger or one inside of it expects."""
    yield from trigger.get("expect", ())
    for inner in trigger.get("triggers", ()):
        yield from _expected(inner)
