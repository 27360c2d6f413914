"""What a run did not take of its sources as it stands: rejected, repeated, cut, guessed; found in the steps it ran.

A flow does not hand it on: whatever step reads or cuts is counted, stored steps included. What is found when a source
is listed, which no step does, is noted in the run, and decides no key.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from tasks.data.base import Value, refs_in
from tasks.data.cells import ReadCells
from tasks.data.documents import REPEATED, Ingested, Rejected, RejectedRef
from tasks.store import objects, rejections

NAMED, STATED = 5, 50  # rejected items that the console names, and that the result holds
log = logging.getLogger(__name__)
_noted: ContextVar[dict[str, None] | None] = ContextVar("noted", default=None)
_warned: set[str] = set()
READS, CUTS = "ingest-", "tokenize-whole"


class RecordKept(Protocol):
    """What is known of a finished step: what it gave, and what it counted."""

    @property
    def value(self) -> Value: ...  # noqa: D102
    @property
    def metrics(self) -> dict[str, float]: ...  # noqa: D102


class StepDone(Protocol):
    """A step as the flow saw it end."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def record(self) -> RecordKept | None: ...  # noqa: D102


@dataclass
class Losses:
    """What a run did not take as it stands.

    Attributes:
        rejected: Items by reason, the most frequent first, those that repeat a text apart.
        kept: Documents that repeat the text of an earlier one and stay.
        dropped: Those that were rejected for it.
        truncated: Texts that are longer than the encoder reads.
        notes: What was found out of how files are written.
        items: What was rejected, those that repeat a text apart.
    """

    rejected: dict[str, int] = field(default_factory=dict)
    kept: int = 0
    dropped: int = 0
    truncated: int = 0
    notes: list[str] = field(default_factory=list)
    items: list[Rejected] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Say each of them; empty where nothing was lost."""
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.rejected.items())
        names = list(dict.fromkeys(row.item for row in self.items))
        more = ", ..." if len(names) > NAMED else ""
        named = f": {', '.join(names[:NAMED])}{more}" if names else ""
        said = [f"{sum(self.rejected.values()):,} rejected ({reasons}){named}"] if self.rejected else []
        for count, what in ((self.kept, "kept"), (self.dropped, "dropped")):
            if count:
                said.append(f"{count:,} {'text repeats' if count == 1 else 'texts repeat'} an earlier one ({what})")
        if self.truncated:
            said.append(f"{self.truncated:,} of the texts cut at the encoder's limit")
        return [*said, *self.notes]

    def stated(self) -> dict[str, Any]:
        """Return the same for a caller, in words and in numbers."""
        numbers = {"duplicates_kept": self.kept, "duplicates_dropped": self.dropped, "truncated": self.truncated}
        said = "; ".join(self.lines()) or "none"
        items = [f"{row.item}: {row.reason}, {row.detail}" for row in self.items[:STATED]]
        return {
            "said": said, "rejected": dict(self.rejected), "rejected_items": items, **numbers,
            "notes": list(self.notes),
        }  # fmt: skip


@contextmanager
def noting() -> Iterator[None]:
    """Keep what `note` is told from here to the end of the context; a run inside a run has notes of its own."""
    token = _noted.set({})
    try:
        yield
    finally:
        _noted.reset(token)


def note(said: str) -> None:
    """Say on the console, page and in the result of the run what a source holds beside what is read; '' is nothing.

    A source is listed more than once: the console says it once in a process, a run holds it once.
    """
    if not said:
        return
    if (kept := _noted.get()) is not None:
        kept[said] = None
    if said not in _warned:
        _warned.add(said)
        log.warning(said)


def of_steps(finished: Sequence[StepDone]) -> Losses | None:
    """Return what the steps of a run have not taken as it stands; None where none has read a source."""
    made = [step for step in finished if step.record is not None]
    if not any(step.name.startswith(READS) for step in made):
        return None
    values = [step.record.value for step in made if step.record is not None]
    reasons = rejections.by_reason(ref for value in values for ref in refs_in(value))
    read = {value.documents.digest: value for value in values if isinstance(value, Ingested)}.values()
    return Losses(
        rejected={reason: count for reason, count in reasons.items() if reason not in REPEATED},
        kept=sum(value.counts.get("duplicates", 0) for value in read),
        dropped=sum(count for reason, count in reasons.items() if reason in REPEATED),
        truncated=int(
            sum(step.record.metrics.get("truncated", 0) for step in made if step.record and step.name == CUTS)
        ),
        notes=list(
            dict.fromkeys(
                [*(_noted.get() or ()), *(n for v in values if isinstance(v, Ingested | ReadCells) for n in v.notes)]
            )
        ),
        items=[row for row in rejected_in(made) if row.reason not in REPEATED],
    )


def rejected_in(finished: Iterable[StepDone]) -> list[Rejected]:
    """Return what the steps of a run have rejected, each item once for a reason."""
    refs = (ref for step in finished if step.record for ref in refs_in(step.record.value))
    tables = {ref.digest: ref for ref in refs if isinstance(ref, RejectedRef) and ref.rows}
    rows = {(row.item, row.reason): row for ref in tables.values() for row in objects.load_rows(ref, Rejected)}
    return list(rows.values())
