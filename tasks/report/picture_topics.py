"""Topics of pictures as a page and a result show them: words where pictures are described, and typical pictures."""

from collections.abc import Sequence
from typing import Any

from tasks.data.pictures import IngestedPictures
from tasks.data.topics import Topic, TopicMap
from tasks.store import objects

SHOWN_TOPICS = 60


def topics_of(topics: TopicMap | None) -> list[Topic]:
    """Return topics, the largest first; those of noise last."""
    rows = objects.load_rows(topics.topics, Topic) if topics is not None else []
    return sorted(rows, key=lambda topic: (topic.topic < 0, -topic.size))


def sections(topics: Sequence[Topic]) -> list[tuple[str, str, list[int]]]:
    """Return of the largest topics the heading, the words, and the rows of the pictures nearest to the centre."""
    return [
        (f"{topic.label}: {topic.size:,}", ", ".join(topic.words), list(topic.documents))
        for topic in topics[:SHOWN_TOPICS]
        if topic.topic >= 0
    ]


def stated(topics: Sequence[Topic], read: IngestedPictures) -> list[dict[str, Any]]:
    """Return topics as the caller of a flow gets them."""
    names = objects.load_table(read.documents, ["id"])["id"].to_pylist()
    return [
        {"topic": t.topic, "label": t.label, "size": t.size, "words": list(t.words),
         "pictures": [names[row] for row in t.documents]}
        for t in topics
    ]  # fmt: skip


def remarks(topics: Sequence[Topic], read: IngestedPictures, least: int) -> list[str]:
    """Say what a person should know of topics that were asked for."""
    if not topics:
        return [
            f"there are {read.pictures.rows} pictures and topics need {least} (topics.min_documents): none are made"
        ]
    told, named = [], [topic for topic in topics if topic.topic >= 0]
    if not named:
        told.append("every picture is outside all topics; lower topics.scale, or give it more pictures")
    elif outside := sum(topic.size for topic in topics if topic.topic < 0):
        told.append(f"{outside} of {read.pictures.rows} pictures are outside all topics")
    if silent := sum(not topic.words for topic in named):
        told.append(f"{silent} topics have no words, for too few of their pictures are described; pictures show them")
    if len(named) > SHOWN_TOPICS:
        told.append(f"of {len(named)} topics the page shows the {SHOWN_TOPICS} largest; `result` has all")
    return told
