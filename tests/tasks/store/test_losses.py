"""What a run did not take of its sources as it stands is counted from its steps and said in one line."""

from dataclasses import dataclass, field

import pytest

from tasks.data.base import Value
from tasks.data.documents import Document, DocumentsRef, Ingested, Rejected, RejectedRef
from tasks.store import losses, objects

pytestmark = pytest.mark.usefixtures("home")


@dataclass
class Kept:
    value: Value
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass
class Done:
    name: str
    record: Kept | None


def read(*rejected: Rejected, duplicates: int = 0, notes: tuple[str, ...] = ()) -> Done:
    made = Ingested(
        documents=objects.save_rows(DocumentsRef, Document, [Document("a", "text", "", "tables", "a")]),
        rejected=objects.save_rows(RejectedRef, Rejected, rejected),
        counts={"duplicates": duplicates},
        notes=notes,
    )
    return Done("ingest-documents", Kept(made))


def test_losses_are_said_in_one_line_each_kind_once() -> None:
    bad = [Rejected("a#1", "bad-row", "x"), Rejected("a#2", "bad-row", "y"), Rejected("a#3", "empty", "z")]
    step = read(*bad, Rejected("a#4", "duplicate", "of a"), duplicates=2, notes=("t.csv is read as cp1252",))
    cut = Done("tokenize-whole", Kept(step.record.value if step.record else Value(), {"truncated": 3.0}))
    found = losses.of_steps([step, step, cut, Done("embed", None)])
    assert found is not None
    assert found.stated() == {
        "said": "3 rejected (2 bad-row, 1 empty): a#1, a#2, a#3; 2 texts repeat an earlier one (kept); 1 text repeats "
        "an earlier one (dropped); 3 of the texts cut at the encoder's limit; t.csv is read as cp1252",
        "rejected": {"bad-row": 2, "empty": 1},
        "rejected_items": ["a#1: bad-row, x", "a#2: bad-row, y", "a#3: empty, z"],
        "duplicates_kept": 2,
        "duplicates_dropped": 1,
        "truncated": 3,
        "notes": ["t.csv is read as cp1252"],
    }
    assert [row.item for row in losses.rejected_in([step, cut])] == ["a#1", "a#2", "a#3", "a#4"]


def test_a_run_that_read_all_has_none_and_one_that_read_nothing_says_nothing() -> None:
    assert losses.of_steps([Done("retrieve", Kept(Value()))]) is None
    found = losses.of_steps([read()])
    assert found is not None
    assert found.stated()["said"] == "none"
