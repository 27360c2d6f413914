import hashlib

import pytest

from tasks.data.answers import Answer, Citation
from tasks.data.documents import Document, Item, Passage
from tasks.data.lineage import Trail
from tasks.errors import DataError
from tasks.lineage.core import follow

CATS = Document("cats", "Cats purr. Cats sleep.", "Cats", "shelf", "pets/cats.txt", 1)
ITEM = Item("pets/cats.txt", 22, "feed")
SENTENCES = [Passage("cats#3.0", "cats", 0, 0, 10, "", "Cats purr.", 0)]


def cite(document: str, start: int, end: int) -> Citation:
    return Citation(sentence="Cats purr.", document=document, title="", path="", line=1, start=start, end=end, score=1)


def answer(*citations: Citation) -> Answer:
    return Answer(question="Who purrs?", text="", citations=citations, abstained="", score=0.5, threshold=0.3)


def test_a_citation_leads_to_passage_version_and_file() -> None:
    (trail,) = follow([answer(), answer(cite("cats", 0, 10))], SENTENCES, {"cats": CATS}, {ITEM.name: ITEM})
    assert trail == Trail(
        answer=1,
        question="Who purrs?",
        sentence="Cats purr.",
        passage="cats#3",
        document="cats",
        version=hashlib.sha256(b"Cats purr. Cats sleep.").hexdigest(),
        item="pets/cats.txt",
        item_sha256="feed",
    )


def test_what_is_not_known_any_more_is_left_empty() -> None:
    (trail,) = follow([answer(cite("cats", 5, 9))], SENTENCES, {"cats": CATS}, {})
    assert (trail.passage, trail.item, trail.item_sha256) == ("", "", "")


def test_a_citation_of_a_document_that_was_not_searched_is_refused() -> None:
    with pytest.raises(
        DataError, match="document 'dogs' is cited but not among the 1 that were searched; the records"
    ):
        list(follow([answer(cite("dogs", 0, 1))], SENTENCES, {"cats": CATS}, {}))
