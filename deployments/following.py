"""Automations that follow events of ours, on a server that may be killed: each is followed, and once.

Prefect 3.8.8 hands an event to its automations in memory, and keys the run that follows by a number drawn at random.
So a server that is killed between writing an event and acting on it never acts, and one that acts again starts a
second run. Here the key is made of the event, and every half minute what was written and not acted on is acted on.
Prefect also counts its own absence as silence of the runs that it watches: here a server that starts gives each its
full time.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from prefect.logging import get_logger
from prefect.server.database import provide_database_interface
from prefect.server.events import triggers
from prefect.server.events.filters import (
    EventFilter,
    EventNameFilter,
    EventOccurredFilter,
    EventOrder,
    EventRelatedFilter,
    EventResourceFilter,
)
from prefect.server.events.schemas.automations import (
    Automation,
    EventTrigger,
    Firing,
    Posture,
    TriggeredAction,
    TriggerState,
)
from prefect.server.events.schemas.events import ReceivedEvent
from prefect.server.events.storage import database
from prefect.server.events.storage.database import read_events
from prefect.server.schemas.states import TERMINAL_STATES
from prefect.server.utilities.messaging import MessageHandler
from sqlalchemy.ext.asyncio import AsyncSession

OURS = "llm-flows."
HEARTBEAT = "prefect.flow-run.heartbeat"
BACK = timedelta(days=1)  # a server that is away for longer does not act on what was written before
USUAL = timedelta(seconds=20)  # in which an event is acted on where nothing was killed
EVERY_S = 30.0
ATTEMPTS = 3  # of one event and automation; an action that fails, as of a deployment that is gone, fails again
MOST = 500

Missed = tuple[ReceivedEvent, EventTrigger, Automation]

log = get_logger("llm_flows.following")
_theirs = triggers.consumer
_their_key = TriggeredAction.idempotency_key
_their_writer: Any = database._write_sqlite_events
_attempts: Counter[tuple[str, str]] = Counter()


def mend() -> None:
    """Make the server of this process follow events of ours as said above."""
    TriggeredAction.idempotency_key = key_of_action  # type: ignore[method-assign,assignment]
    triggers.consumer = consumer
    database._write_sqlite_events = write_new_events


async def write_new_events(session: AsyncSession, events: list[ReceivedEvent]) -> None:
    """Do as Prefect's writer to SQLite, with the events alone that are not there.

    A run that finds its server again sends once more what it is not sure of. Of a batch of repeats alone Prefect's
    writer makes an insert without values, which fails, and after five tries drops all that waits beside it.
    """
    db = provide_database_interface()
    wanted = [event.id for event in events]
    there: set[Any] = set()
    for start in range(0, len(wanted), MOST):
        some = wanted[start : start + MOST]
        there |= set((await session.scalars(sa.select(db.Event.id).where(db.Event.id.in_(some)))).all())
    new = {event.id: event for event in events if event.id not in there}
    if new:
        await _their_writer(session=session, events=list(new.values()))


def key_of_action(action: TriggeredAction) -> str:
    """Return what a run that an action starts is known by: the event, where that is one of ours."""
    if (event := action.triggering_event) is None or not event.event.startswith(OURS):
        return _their_key(action)
    return _key(action.automation, action.action_index, event)


def _key(automation: Automation, index: int, event: ReceivedEvent) -> str:
    return f"automation {automation.id}, action {index}, event {event.id}"


@asynccontextmanager
async def consumer(*args: Any, **kwargs: Any) -> AsyncGenerator[MessageHandler, None]:
    """Do as Prefect's consumer of events, after the watched have got their time, and follow up what was missed."""
    await give_time()
    async with _theirs(*args, **kwargs) as handler:
        following = asyncio.create_task(_follow_up())
        try:
            yield handler
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def give_time() -> None:
    """Give every run that is watched by its heartbeats the full time from now on: those of the outage are lost."""
    db = provide_database_interface()
    now = datetime.now(UTC)
    async with db.session_context(begin_transaction=True) as session:
        for row in (await session.execute(sa.select(db.Automation))).scalars().all():
            automation = Automation.model_validate(row, from_attributes=True)
            for trigger in automation.triggers_of_type(EventTrigger):
                if trigger.posture == Posture.Proactive and HEARTBEAT in trigger.after:
                    bucket, end = db.AutomationBucket, now + trigger.within
                    late = sa.and_(bucket.trigger_id == trigger.id, bucket.end < end)
                    await session.execute(sa.update(bucket).where(late).values(end=end))


async def forget_ended() -> int:
    """Stop watching runs that have ended; return how many. That one ended while the server started is not heard of."""
    db = provide_database_interface()
    watched = [t for t in triggers.triggers.values() if t.posture == Posture.Proactive and HEARTBEAT in t.after]
    async with db.session_context(begin_transaction=True) as session:
        bucket, gone = db.AutomationBucket, []
        mine = sa.select(bucket).where(bucket.trigger_id.in_([trigger.id for trigger in watched]))
        buckets = {
            UUID(key.rpartition(".")[2]): row for row in (await session.scalars(mine)) for key in row.bucketing_key
        }
        states = sa.select(db.FlowRun.id, db.FlowRun.state_type).where(db.FlowRun.id.in_(buckets))
        for run, state in (await session.execute(states)).all():
            if state in TERMINAL_STATES:
                gone.append(buckets[run].id)
        await session.execute(sa.delete(bucket).where(bucket.id.in_(gone)))
    return len(gone)


async def _follow_up() -> None:
    while True:
        try:
            await forget_ended()
            await follow_missed()
        except Exception:
            log.exception("what was missed could not be looked for")
        await asyncio.sleep(EVERY_S)


async def follow_missed() -> int:
    """Act on events of ours that were written and that no automation has acted on; return how many were.

    An automation that was changed or switched on since is left out: it was not meant to follow them.
    """
    now, acted = datetime.now(UTC), 0
    async with provide_database_interface().session_context() as session:
        missed = [found async for found in _missed(session, now)]
    for event, trigger, automation in missed:  # which the trigger refers to weakly
        log.warning("%s of %s was not acted on by %r; it is now", event.event, event.resource.id, automation.name)
        labels = dict(zip(sorted(trigger.for_each), trigger.bucketing_key(event), strict=True))
        await triggers.act(
            Firing(
                trigger=trigger, trigger_states={TriggerState.Triggered}, triggered=now,
                triggering_labels=labels, triggering_event=event,
            )
        )  # fmt: skip
        acted += 1
    return acted


async def _missed(session: AsyncSession, now: datetime) -> AsyncGenerator[Missed, None]:
    """Yield events of ours with the triggers that should have fired at once."""
    wanted = EventFilter(
        event=EventNameFilter(prefix=[OURS]),
        occurred=EventOccurredFilter(since=now - BACK, until=now),
        order=EventOrder.DESC,
    )
    rows: Sequence[Any] = await read_events(session, wanted, limit=MOST)  # type: ignore[attr-defined]
    for row in reversed(rows):
        event = ReceivedEvent.model_validate(row, from_attributes=True)
        if event.received > now - USUAL:
            continue
        for trigger in _at_once(triggers.find_interested_triggers(event), event):
            pair = (str(event.id), str(trigger.id))
            if _attempts[pair] < ATTEMPTS and not await _acted(session, event, trigger.automation):
                _attempts[pair] += 1
                yield event, trigger, trigger.automation


def _at_once(found: Iterable[EventTrigger], event: ReceivedEvent) -> Iterable[EventTrigger]:
    """Yield the triggers that one event fires and that were there when it came, if they start runs."""
    for trigger in found:
        automation = trigger.automation
        changed = automation.updated or automation.created
        starts = any(action.type == "run-deployment" for action in automation.actions)
        alone = trigger.immediate and trigger.threshold == 1 and isinstance(trigger.parent, Automation)
        if alone and starts and (changed is None or changed <= event.received):
            yield trigger


async def _acted(session: AsyncSession, event: ReceivedEvent, automation: Automation) -> bool:
    """Return whether every run that an automation starts after an event is there, or was before it was deleted."""
    db = provide_database_interface()
    keys = {
        _key(automation, index, event)
        for index, action in enumerate(automation.actions)
        if action.type == "run-deployment"
    }
    there = await session.scalars(sa.select(db.FlowRun.idempotency_key).where(db.FlowRun.idempotency_key.in_(keys)))
    if set(there.all()) == keys:
        return True
    done = EventFilter(
        event=EventNameFilter(name=["prefect.automation.action.executed"]),
        resource=EventResourceFilter(id=[f"prefect.automation.{automation.id}"]),
        related=EventRelatedFilter(id=[f"prefect.event.{event.id}"]),
    )
    rows: Sequence[Any] = await read_events(session, done, limit=len(keys))  # type: ignore[attr-defined]
    return len(rows) == len(keys)
