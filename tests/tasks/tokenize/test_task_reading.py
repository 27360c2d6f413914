import pytest

from configs.embed import Readable
from configs.models import EMBEDDED
from tasks.data.documents import Passage, PassagesRef
from tasks.data.search import Generation, Hit, HitsRef, QueriesRef, Query
from tasks.models import files as model_files
from tasks.store import objects
from tasks.tokenize import check_reading, find_unread

CHINESE = "屋顶的预算已经在会议上决定了，电梯下个月修理。"
NAN = float("nan")


@pytest.fixture
def read(shelf: Generation) -> Generation:
    """Return the shelf, its second passage in Chinese, under the embedded encoder."""
    rows = objects.load_rows(shelf.passages, Passage)
    rows[1] = Passage(rows[1].id, rows[1].document, 1, 0, len(CHINESE), "", CHINESE, 12)
    encoder = model_files.describe(EMBEDDED)
    return shelf.model_copy(
        update={
            "passages": objects.save_rows(PassagesRef, Passage, rows),
            "fingerprint": shelf.fingerprint.model_copy(update={"encoder": encoder}),
        }
    )


def why(live: Generation, question: str, *found: int, most: float = 0.5) -> str:
    queries = objects.save_rows(QueriesRef, Query, [Query("0", question)])
    hits = [Hit(0, row, rank, 1.0, 1.0, NAN) for rank, row in enumerate(found, start=1)]
    (reason,) = find_unread(live, queries, objects.save_rows(HitsRef, Hit, hits), Readable(most_unread=most))
    return reason


def test_a_question_in_a_script_the_encoder_lacks_has_a_reason(read: Generation) -> None:
    assert "tokens of the question (zh)" in why(read, "屋顶的预算是多少", 0, 1)


def test_a_question_all_of_whose_closest_passages_cannot_be_read_has_a_reason(read: Generation) -> None:
    assert "tokens of the closest passage" in why(read, "What does the new roof cost?", 1)
    assert why(read, "What does the new roof cost?", 1, 0) == ""


def test_a_question_that_finds_nothing_needs_no_other_reason(read: Generation) -> None:
    assert why(read, "What does the new roof cost?") == ""


def test_nothing_is_unread_where_that_is_allowed(read: Generation) -> None:
    assert why(read, "屋顶的预算是多少", 1, most=1.0) == ""


def test_a_server_is_not_judged_by_the_tokens_of_another_model(read: Generation) -> None:
    remote = read.fingerprint.encoder.model_copy(update={"architecture": "remote"})
    live = read.model_copy(update={"fingerprint": read.fingerprint.model_copy(update={"encoder": remote})})
    assert why(live, "屋顶的预算是多少", 1) == ""


def test_passages_are_counted_by_what_the_encoder_reads(read: Generation) -> None:
    found = check_reading.fn(read.documents, read.passages, read.fingerprint.encoder, ["en"], Readable())
    assert (found.passages, sum(found.unread.values())) == (3, 1)
    assert found.documents == {"en": 3}
