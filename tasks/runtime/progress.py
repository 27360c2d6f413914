"""Progress of long work: a bar in a terminal, a progress artifact in the Prefect UI."""

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

UPDATE_EVERY_S = 2.0


@contextmanager
def progress(label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Show how far work has come; the function it lends is told the amount newly done.

    Args:
        label: What is being done, as `encode passages`.
        total: Amount in all.
        unit: What is counted, as `tokens`.
    """
    show = _Artifact(label, total, unit)
    if not sys.stderr.isatty():
        yield show.advance
        show.finish()
        return

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)

        def advance(amount: int) -> None:
            bar.advance(task, amount)
            show.advance(amount)

        yield advance
    show.finish()


class _Artifact:
    """The progress artifact of the running flow; outside a flow it does nothing."""

    def __init__(self, label: str, total: int, unit: str) -> None:
        from prefect.context import FlowRunContext

        self.label, self.total, self.unit = label, max(total, 1), unit
        self.done, self.started, self.updated = 0, time.monotonic(), time.monotonic()
        self.id = self._create() if FlowRunContext.get() is not None else None

    def advance(self, amount: int) -> None:
        self.done += amount
        if time.monotonic() - self.updated >= UPDATE_EVERY_S:
            self._update()

    def finish(self) -> None:
        self._update()

    def _create(self) -> object:
        from prefect.artifacts import create_progress_artifact

        key = re.sub(r"[^a-z0-9]+", "-", self.label.lower()).strip("-")
        return create_progress_artifact(progress=0.0, key=key, description=f"{self.label}: {self.total:,} {self.unit}")

    def _update(self) -> None:
        self.updated = time.monotonic()
        if self.id is None:
            return
        from prefect.artifacts import update_progress_artifact

        seconds = max(time.monotonic() - self.started, 1e-3)
        rate, left = self.done / seconds, (self.total - self.done) * seconds / max(self.done, 1)
        text = f"{self.label}: {self.done:,} of {self.total:,} {self.unit}, {rate:,.0f} a second, {left:.0f} s left"
        update_progress_artifact(self.id, min(100.0, 100.0 * self.done / self.total), description=text)  # type: ignore[arg-type]
