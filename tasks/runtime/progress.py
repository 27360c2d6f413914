"""Progress of long work: a bar in a terminal, a progress artifact in the Prefect UI."""

import contextvars
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tasks.runtime import records

UPDATE_EVERY_S = 2.0
LOG_EVERY_S = 10.0
QUIET_S = 5.0  # a step that takes less says nothing on the way

_within: ContextVar[Callable[[int], None] | None] = ContextVar("within", default=None)
_open: list[str] = []  # labels of what is shown by its amounts now, in whichever thread


@contextmanager
def progress(label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Show how far work has come; the function it lends is told the amount newly done.

    Args:
        label: What is being done, as `encode passages`.
        total: Amount in all.
        unit: What is counted, as `tokens`.
    """
    show = _Artifact(label, total, unit)
    with _bar(label, total, unit) as move:

        def within(amount: int) -> None:
            show.ahead += amount
            move(amount)
            show.advance(amount)

        def advance(amount: int) -> None:
            within(max(amount - show.ahead, 0))
            show.ahead = 0

        token = _within.set(within)
        _open.append(label)
        try:
            yield advance
        finally:
            _open.remove(label)
            _within.reset(token)
    show.finish()


def advance_within(amount: int) -> None:
    """Move the progress that is open here, from within a piece of work that will be told to be done as a whole.

    In another process, where none is open, it does nothing.
    """
    if (move := _within.get()) is not None:
        move(amount)


@contextmanager
def _bar(label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Lend what moves a bar in the terminal; where standard error is none, nothing is drawn."""
    if not sys.stderr.isatty():
        yield lambda amount: None
        return

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    said = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeRemainingColumn()
    with Progress(*said, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        yield lambda amount: bar.advance(task, amount)


@contextmanager
def watched(label: str, step: str, rows: int) -> Iterator[None]:
    """Say of a step that takes longer than some seconds how long it has run, and how long it may take.

    A library's single call does not say how far it is. What is left is guessed from the last run of the step here, in
    proportion to its rows; without one, or past the guess, only the time that has gone is said.

    Args:
        label: Name of the step, with its labels.
        step: Its name.
        rows: Of its largest input.
    """
    ended = threading.Event()
    context = contextvars.copy_context()  # the thread speaks for the flow run that waits
    thread = threading.Thread(target=context.run, args=(_watch, ended, label, step, rows), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _watch(ended: threading.Event, label: str, step: str, rows: int) -> None:
    started = time.monotonic()
    if ended.wait(QUIET_S) or _open:  # what it does is shown
        return
    expected = records.last_time(step, rows)
    total = int(expected or 0)
    show = _Artifact(label, total, "s")
    show.started = show.logged = started
    while not ended.wait(max(UPDATE_EVERY_S, 1e-3)):
        if _open:
            continue
        gone = time.monotonic() - started
        show.say(spent(label, rows, gone, expected), min(99.0, 100.0 * gone / expected) if expected else 0.0)
    show.logged = time.monotonic()  # that it has ended is said by the step itself
    show.say(f"{label}: {time.monotonic() - started:.0f} s", 100.0)


def spent(label: str, rows: int, gone: float, expected: float | None) -> str:
    """Return how long a step has run and may take, in words."""
    said = f"{label}: {rows:,} rows, {gone:.0f} s so far" if rows > 1 else f"{label}: {gone:.0f} s so far"
    if expected is None:
        return f"{said}; it never ran here before"
    if gone >= expected:
        return f"{said}, longer than the {expected:.0f} s by its last run"
    rate = f", {rows / expected:,.0f} rows a second" if rows > expected else ""
    return f"{said}, about {expected - gone:.0f} s left by its last run{rate}"


class _Artifact:
    """The progress artifact of the running flow, and a line of its log now and then; outside a flow, nothing."""

    def __init__(self, label: str, total: int, unit: str) -> None:
        from prefect.context import FlowRunContext

        self.label, self.total, self.unit = label, max(total, 1), unit
        self.done, self.started, self.updated, self.logged = 0, time.monotonic(), time.monotonic(), time.monotonic()
        self.ahead = 0  # reported from within, before the work that holds it was told to be done
        self.first: tuple[int, float] | None = None  # what was done, and when, once a model was loaded
        self.id = self._create() if FlowRunContext.get() is not None else None

    def advance(self, amount: int) -> None:
        self.done += amount
        self.first = self.first or (self.done, time.monotonic())
        if time.monotonic() - self.updated >= UPDATE_EVERY_S:
            self._update()

    def finish(self) -> None:
        self._update()

    def say(self, text: str, percent: float) -> None:
        """Show how far work is; every ten seconds the log says it, too."""
        self.updated = time.monotonic()
        if self.id is None:
            return
        from prefect.artifacts import update_progress_artifact
        from prefect.logging import get_run_logger

        if self.updated - self.logged >= LOG_EVERY_S:
            self.logged = self.updated
            get_run_logger().info(text)
        update_progress_artifact(self.id, percent, description=text)  # type: ignore[arg-type]

    def _create(self) -> object:
        from prefect.artifacts import create_progress_artifact

        key = re.sub(r"[^a-z0-9]+", "-", self.label.lower()).strip("-")
        return create_progress_artifact(progress=0.0, key=key, description=f"{self.label}: {self.total:,} {self.unit}")

    def _update(self) -> None:
        before, since = self.first or (0, self.started)
        if self.done == before:  # one report alone says how long loading took, too
            before, since = 0, self.started
        rate = (self.done - before) / max(time.monotonic() - since, 1e-3)
        left = max(self.total - self.done, 0) / max(rate, 1e-9)
        speed = f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
        done = f"{self.label}: {min(self.done, self.total):,} of {self.total:,} {self.unit}"
        text = f"{done}, {speed} a second, {left:.0f} s left"
        self.say(text, min(100.0, 100.0 * self.done / self.total))
