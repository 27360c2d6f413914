"""Who may publish under a name: every run that builds takes a token, and of runs that build at once the last one may.

    <room>/<name>/lease.json    the last token, the runs that have begun and not ended, and who published

The token is a fencing token (https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html): it grows
with each run, and is looked at where the live pointer moves. So a run that was given up, and wakes when another has
taken its place, publishes nothing over it. A run that is killed is known to be dead on its own machine; of a run on
another machine nothing is known but that it has not ended.
"""

import logging
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from tasks.data.leases import Builder, Lease, Publication
from tasks.environment import is_alive, whereabouts
from tasks.errors import StoreError, SupersededError
from tasks.store import durable, workspace

FILE = "lease.json"
PATIENCE_S = (
    120.0  # two runs that began together end within seconds of each other; longer waits hold memory for nothing
)
LOOK_S = 0.5
UNKNOWN = -1  # number of what was published, where that was damaged

log = logging.getLogger(__name__)


@dataclass
class HeldToken:
    """A token of this process.

    Attributes:
        builder: What the others see of it.
        lock: Name of the lock of what is built.
        announce: Whether somebody waits to hear what it publishes.
        published: Number of the record it has put live, 0 for none.
    """

    builder: Builder
    lock: str
    announce: bool = False
    published: int = 0


_held: ContextVar[dict[Path, HeldToken] | None] = ContextVar("held", default=None)


@contextmanager
def holding() -> Iterator[None]:
    """Give up, at the end of the context, every token that was taken in it, however it ends."""
    token = _held.set({})
    try:
        yield
    finally:
        for folder, one in (_held.get() or {}).items():
            _end(folder, one)
        _held.reset(token)


def begin(folder: Path, lock: str, run: str, *, announce: bool = False) -> tuple[Builder, ...]:
    """Take a token for a run that begins to build; return the other runs that still work on the same.

    Args:
        folder: Of what is built.
        lock: Name of its lock.
        run: Id of the flow run.
        announce: Whether somebody waits to hear what it publishes.
    """
    with workspace.lock(lock):
        lease = read(folder)
        here = whereabouts()
        mine = Builder(
            token=lease.token + 1,
            run=run,
            host=here["llm_flows.host"],
            process=here["llm_flows.process"],
            began=time.time(),
        )
        others = tuple(one for one in lease.builders if works(one) and not (run and one.run == run))
        _write(folder, lease.model_copy(update={"token": mine.token, "builders": (*others, mine)}))
    if (held := _held.get()) is not None:
        held[folder] = HeldToken(mine, lock, announce)
    return others


def held(folder: Path) -> HeldToken | None:
    """Return the token that this run has taken; None where it has taken none."""
    return (_held.get() or {}).get(folder)


def read(folder: Path) -> Lease:
    """Return what is known of the runs of a name; one that is damaged is said, and begun anew."""
    fresh = Lease(place=uuid.uuid4().hex)
    if not (folder / FILE).exists():
        return fresh
    try:
        return Lease.model_validate(durable.read_json(folder / FILE))
    except (StoreError, ValidationError) as error:
        log.warning("%s; it is written again, and runs that began before publish nothing", error)
        now = int(time.time())  # more than any token that was given before
        return fresh.model_copy(update={"token": now, "published": Publication(token=now, number=UNKNOWN, by="")})


def works(builder: Builder) -> bool:
    """Return whether a run may still publish: of one of this machine whether its process lives; else it may."""
    here = whereabouts()
    return builder.host != here["llm_flows.host"] or is_alive(builder.process)


def words(builder: Builder) -> str:
    """Return a run as a message names it."""
    began = datetime.fromtimestamp(builder.began, UTC)
    where = f"process {builder.process.partition(' ')[0]} on {builder.host}"
    return f"run {builder.run or 'of no flow'} (began {began:%H:%M:%S} UTC, {where})"


class Turn:
    """Whether the time of a run to publish has come.

    Args:
        folder: Of what it publishes.
        what: What that is, as messages name it.
    """

    def __init__(self, folder: Path, what: str) -> None:
        self._folder, self._what = folder, what
        self._until = 0.0
        self._later: tuple[Builder, ...] = ()

    def has_come(self, pointed: int) -> bool:
        """Return whether no run that began later still works. The caller holds the lock.

        Args:
            pointed: Number of the live record.

        Raises:
            SupersededError: One that began later has published.
        """
        if (mine := held(self._folder)) is None:
            return True
        lease = read(self._folder)
        last = lease.published
        if last is not None and last.token > mine.builder.token and last.number == UNKNOWN:
            raise SupersededError(
                f"{self._folder / FILE} was damaged while this run worked, so that who publishes {self._what} is not "
                "known; this run publishes nothing; run again, stored steps are not computed again"
            )
        # The number is noted before the pointer moves: a kill between the two has published nothing.
        if last is not None and last.token > mine.builder.token and last.number == pointed:
            raise SupersededError(
                f"{self._what} is now what {last.by} published as number {last.number}, after this run had begun; "
                "this run publishes nothing over it; run again to build anew, stored steps are not computed again"
            )
        self._later = tuple(one for one in lease.builders if one.token > mine.builder.token and works(one))
        return not self._later

    def wait(self) -> None:
        """Wait a moment for the runs that began later. The caller holds no lock.

        Raises:
            SupersededError: They work for too long.
        """
        named = "; ".join(map(words, self._later))
        if not self._until:
            self._until = time.monotonic() + PATIENCE_S
            log.warning(
                "%s: %s began after this run; it goes first, for at most %.0f s", self._what, named, PATIENCE_S
            )
        if time.monotonic() > self._until:
            raise SupersededError(
                f"{self._what} is being built by {named}, which began after this run and publishes in its place; "
                "this run publishes nothing; if the other is stuck, end it and run again, stored steps are not "
                "computed again"
            )
        time.sleep(LOOK_S)


def publish(folder: Path, number: int, by: str) -> None:
    """Note who puts a record live, before the pointer moves. The caller holds the lock.

    Args:
        folder: Of what is published.
        number: Of the record.
        by: Who does it, in words, where no run does.
    """
    lease, mine = read(folder), held(folder)
    token = lease.token + 1 if mine is None else mine.builder.token
    by = by if mine is None else words(mine.builder)
    unannounced = 0
    if mine is not None:
        mine.published = number
        unannounced = number if mine.announce else 0
    _write(
        folder,
        lease.model_copy(
            update={
                "token": max(token, lease.token),
                "builders": tuple(one for one in lease.builders if one.token > token),  # earlier ones may no longer
                "published": Publication(token=token, number=number, by=by),
                "unannounced": unannounced,
            }
        ),
    )


def announced(folder: Path, lock: str, number: int) -> None:
    """Note that whoever waits to hear of a record has."""
    with workspace.lock(lock):
        lease = read(folder)
        if lease.unannounced == number:
            _write(folder, lease.model_copy(update={"unannounced": 0}))


def _end(folder: Path, one: HeldToken) -> None:
    """Take a run from those that work; where that cannot be written, its process is seen to be dead later."""
    try:
        with workspace.lock(one.lock):
            lease = read(folder)
            kept = tuple(other for other in lease.builders if other.token != one.builder.token)
            if kept != lease.builders:
                _write(folder, lease.model_copy(update={"builders": kept}))
    except (StoreError, OSError) as error:
        log.warning("that this run has ended cannot be noted (%s)", error)


def _write(folder: Path, lease: Lease) -> None:
    durable.write_json(folder / FILE, lease.model_dump(mode="json"))
