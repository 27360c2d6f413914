import logging
from pathlib import Path

import numpy as np
import pytest

from tasks.data import DocumentsRef, LabelsRef, VectorsRef
from tasks.errors import ContractError
from tasks.rows import Document
from tasks.runtime import store, topic_records
from tasks.topic_data import TopicRecord


def record(labels: list[int], previous: int = 0) -> TopicRecord:
    found = store.save_array(LabelsRef, np.array(labels))
    documents = [Document(f"d{row}", "text", "", "s", "p") for row in range(len(labels))]
    return TopicRecord(
        name="notes",
        previous=previous,
        documents=store.save_rows(DocumentsRef, Document, documents),
        found=found,
        labels=found,
        centres=store.save_array(VectorsRef, np.eye(2, dtype=np.float32)),
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
    store.forget(made.centres)
    with caplog.at_level(logging.WARNING):
        assert topic_records.live("notes") is None
    assert "the earlier topics of notes cannot be read" in caplog.text
    (home / "topics" / "notes" / "live").write_text("{}")
    assert topic_records.live("notes") is None


def test_a_name_that_leaves_the_folder_is_refused(home: Path) -> None:
    with pytest.raises(ContractError, match=r"'\.\./x' is not a name"):
        topic_records.live("../x")
