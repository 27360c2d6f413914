"""Topics of pictures in words: the largest first, noise apart, and what is missing is said."""

from pathlib import Path

from tasks.data.documents import Document, DocumentsRef, Passage, PassagesRef, Rejected, RejectedRef
from tasks.data.pictures import IngestedPictures, Picture, PicturesRef
from tasks.data.topics import Topic
from tasks.report import picture_topics
from tasks.store import objects

TOPICS = [
    Topic(2, 5, "boat, sea", ("boat", "sea"), (1.0, 0.5), (3, 0)),
    Topic(0, 2, "topic 0", (), (), (1,)),
    Topic(-1, 9, "outliers", (), (), (2,)),
]


def pictures(count: int) -> IngestedPictures:
    documents = [Document(f"{n}.png", "", str(n), "in", f"{n}.png", 0, "picture") for n in range(count)]
    copies = [Picture(str(n), 9, 9, "png", 1, "", b"") for n in range(count)]
    none = objects.save_rows(RejectedRef, Rejected, [])
    return IngestedPictures(
        documents=objects.save_rows(DocumentsRef, Document, documents),
        passages=objects.save_rows(PassagesRef, Passage, []),
        pictures=objects.save_rows(PicturesRef, Picture, copies), rejected=none,
        rejected_rows=none, described=0, unknown=0,
    )  # fmt: skip


def test_topics_are_stated_by_their_pictures_and_what_is_missing_is_said(workspace: Path) -> None:
    read = pictures(16)
    assert picture_topics.sections(TOPICS) == [("boat, sea: 5", "boat, sea", [3, 0]), ("topic 0: 2", "", [1])]
    assert [t["pictures"] for t in picture_topics.stated(TOPICS, read)] == [["3.png", "0.png"], ["1.png"], ["2.png"]]
    outside, silent = picture_topics.remarks(TOPICS, read, 10)
    assert outside == "9 of 16 pictures are outside all topics"
    assert silent.startswith("1 topics have no words")
    assert picture_topics.remarks(TOPICS[2:], read, 10)[0].startswith("every picture is outside all topics")
    assert picture_topics.remarks([], read, 40) == [
        "there are 16 pictures and topics need 40 (topics.min_documents): none are made"
    ]
