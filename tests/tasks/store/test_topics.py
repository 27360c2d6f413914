import logging
from pathlib import Path

import numpy as np
import pytest

from tasks.data.documents import Document, DocumentsRef
from tasks.data.topics import LabelsRef, TopicRecord
from tasks.data.vectors import VectorsRef
from tasks.errors import ContractError
from tasks.store import objects
from tasks.store import topics as topic_records


def record(labels: list[int], previous: int = 0) -> TopicRecord:
    found = objects.save_array(LabelsRef, np.array(labels))
    documents = [Document(f"d{row}", "text", "", "s", "p") for row in range(len(labels))]
    return TopicRecord(
        name="notes",
        previous=previous,
        documents=objects.save_rows(DocumentsRef, Document, documents),
        found=found,
        labels=found,
        centres=objects.save_array(VectorsRef, np.eye(2, dtype=np.float32)),
        highest=max(labels),
    )


def test_a_name_without_topics_has_none(home: Path) -> None:
    made = record([0, 1])
    assert topic_records.live("notes") is None
    assert topic_records.previous("notes", made.documents, made.found) is None


def test_other_clusters_are_matched_with_the_newest_record(home: Path) -> None:
    first = topic_records.commit(record([0, 1]))
    other = record([0, 1, 1])
    assert topic_records.previous("notes", other.documents, other.found) == first
    assert first.number == 1


def test_a_repeated_run_is_matched_with_what_it_was_matched_with_before(home: Path) -> None:
    first = topic_records.commit(record([0, 1]))
    second = topic_records.commit(record([0, 1, 1], previous=1))
    assert topic_records.previous("notes", second.documents, second.found) == first
    assert topic_records.commit(record([0, 1, 1], previous=1)) == second
    assert topic_records.live("notes") == second


def test_a_record_that_cannot_be_read_is_said_and_counts_as_none(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = topic_records.commit(record([0, 1]))
    objects.forget(made.centres)
    with caplog.at_level(logging.WARNING):
        assert topic_records.live("notes") is None
    assert "the earlier topics of notes cannot be read" in caplog.text
    (home / "topics" / "notes" / "live").write_text("{}")
    assert topic_records.live("notes") is None


def test_a_name_that_leaves_the_folder_is_refused(home: Path) -> None:
    with pytest.raises(ContractError, match=r"'\.\./x' is not a name"):
        topic_records.live("../x")
