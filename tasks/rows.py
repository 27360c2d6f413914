"""The rows of stored tables."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

Reason = Literal[
    "empty",
    "binary",
    "not-decodable",
    "too-large",
    "lone-surrogate",
    "unreadable",
    "duplicate",
    "not-text",
    "bad-row",
    "link",
    "not-a-number",
    "changed",
    "timeout",
    "encrypted",
    "hidden",
    "no-label",
    "rare-label",
    "unseen-label",
]


def indexed(heading: str, text: str) -> str:
    """Return what is encoded and searched of a passage: heading and text."""
    return f"{heading}\n{text.strip()}" if heading else text.strip()


def version_of(text: str) -> str:
    """Return the version of a document: the sha256 of its text."""
    return sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document, the unit that is encoded and retrieved.

    Attributes:
        id: Document id, `#`, number of the passage in its document.
        document: Id of the document.
        row: Row of the document in its table.
        start: First character in the document's text.
        end: One past the last character.
        heading: Put before the text when it is encoded and indexed; empty for none.
        text: The characters from `start` to `end`.
        tokens: Encoder tokens of heading and text, without special ones.
    """

    id: str
    document: str
    row: int
    start: int
    end: int
    heading: str
    text: str
    tokens: int

    @property
    def indexed(self) -> str:
        """What is encoded and searched: heading and text."""
        return indexed(self.heading, self.text)


@dataclass(frozen=True, slots=True)
class Document:
    """One item of a source.

    Attributes:
        id: Stable name, independent of the content.
        text: What is read, searched and answered from.
        title: What a person would call it.
        source: The package, folder or table it belongs to.
        path: File inside the source.
        line: First line inside the file, or number of the row, from 1; 0 where lines mean nothing.
        kind: What it is: class, function, method, txt, md, html, pdf, row.
        licence: As the source states it; empty if it does not.
        meta: Whatever else is known, as text.
    """

    id: str
    text: str
    title: str
    source: str
    path: str
    line: int = 0
    kind: str = ""
    licence: str = ""
    meta: dict[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """What tells one state of the document from another: the sha256 of its text."""
        return version_of(self.text)

    def path_of(self, position: int) -> str:
        """Return the file, and its page where it has pages, on which a character of the text stands."""
        starts = [part.split(":") for part in self.meta.get("pages", "").split()]
        pages = [page for start, page in starts if int(start) <= position]
        return f"{self.path} page {pages[-1]}" if pages else self.path

    def line_of(self, position: int) -> int:
        """Return the line of the file on which a character of the text stands; 0 where lines mean nothing."""
        first = int(self.meta.get("text_line", self.line))
        if first == 0 or self.kind == "row":
            return first
        number = self.text.count("\n", 0, position)
        shifts = (shift.split(":") for shift in self.meta.get("line_shifts", "").split())
        return first + number + sum(int(by) for at, by in shifts if number >= int(at))


@dataclass(frozen=True, slots=True)
class Topic:
    """A cluster of documents, put into words.

    Attributes:
        topic: Number of the cluster; -1 is noise.
        size: Documents in it.
        label: Short name made of its own words.
        words: Its words, weightiest first.
        weights: Their weights.
        documents: Rows of documents that stand for it, nearest to its centre first.
        held: Share of members, none of which was used to make the label, whose text bears it out; 0 for none.
        general: Share of the documents of other topics whose text bears the label out as well.
    """

    topic: int
    size: int
    label: str
    words: tuple[str, ...]
    weights: tuple[float, ...]
    documents: tuple[int, ...]
    held: float = 0.0
    general: float = 0.0


@dataclass(frozen=True, slots=True)
class Wording:
    """A topic put into words one way.

    Attributes:
        topic: Number of the cluster.
        way: c-tf-idf, keybert, mmr or part-of-speech.
        words: Best first.
        weights: Their weights; ways differ in what they weigh.
    """

    topic: int
    way: str
    words: tuple[str, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Merge:
    """Two topics, or groups of topics, that are joined at a level of the hierarchy.

    Attributes:
        parent: Name of the joined group.
        left: A topic's number, or the name of a group made before.
        right: The other.
        topics: Numbers of all topics in it.
        distance: How far the two are apart.
        words: Words of the joined group, weightiest first.
    """

    parent: str
    left: str
    right: str
    topics: tuple[int, ...]
    distance: float
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a slice of the documents a topic has, and what it says there.

    Attributes:
        slice: A time, or a class.
        topic: Number of the topic.
        documents: Documents of the topic in the slice.
        share: The same over all documents of the slice.
        words: Words of the topic in the slice.
    """

    slice: str
    topic: int
    documents: int
    share: float
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a topic since the last run.

    Attributes:
        topic: Its number; one that died keeps the number it had.
        fate: kept, born, died, merged (into `other`), split (from `other`).
        other: The topic it was merged into or split from; -1 for none.
        before: Documents it had.
        now: Documents it has.
        shared: Documents it had and has.
        drift: One minus the cosine of its centre then and now; 0 where there is only one.
    """

    topic: int
    fate: str
    other: int
    before: int
    now: int
    shared: int
    drift: float


@dataclass(frozen=True, slots=True)
class Remark:
    """A document that is worth a look.

    Attributes:
        what: outlier, near-duplicate, or mislabelled.
        row: Row of the document.
        other: Row of the document it nearly equals; -1 for none.
        score: What the list is ordered by.
        detail: The reason, in words.
    """

    what: str
    row: int
    other: int
    score: float
    detail: str


@dataclass(frozen=True, slots=True)
class Place:
    """A topic that a text belongs to.

    Attributes:
        query: Number of the text.
        topic: Number of the topic; never noise.
        score: Mean cosine of the text and the topic's documents nearest to it.
    """

    query: int
    topic: int
    score: float


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with its interval, and what it was measured on."""

    name: str
    what: str
    value: float
    low: float
    high: float
    n: int

    def stated(self) -> dict[str, float]:
        """Return value, interval and n, as the caller of a flow gets them."""
        return {"value": round(self.value, 4), "low": round(self.low, 4), "high": round(self.high, 4), "n": self.n}


@dataclass(frozen=True, slots=True)
class Scored:
    """How well one question was served.

    Attributes:
        question: Id of the question.
        way: Name of the ranking.
        metric: What was measured, as `ndcg@10`.
        value: From 0 to 1.
    """

    question: str
    way: str
    metric: str
    value: float


@dataclass(frozen=True, slots=True)
class Query:
    """A question put to a collection."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question whose answer is known.

    Attributes:
        id: Its name.
        question: What is asked.
        answers: Ids of the documents that answer it; none where nothing in the collection does.
        split: development or test; empty for neither.
        spans: Texts, each of which answers it in few words; none where that is not known.
    """

    id: str
    question: str
    answers: tuple[str, ...]
    split: str
    spans: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found for a query.

    Attributes:
        query: Row of the query.
        passage: Row of the passage.
        rank: From 1.
        score: What the list is ordered by.
        dense: Cosine of query and passage; NaN where it is not known: the dense search did not return it.
        sparse: BM25 score; NaN where it is not known: the sparse search did not return it.
    """

    query: int
    passage: int
    rank: int
    score: float
    dense: float
    sparse: float


@dataclass(frozen=True, slots=True)
class Item:
    """One file of a source as it was found.

    Attributes:
        name: Path inside the source, with forward slashes.
        size: Bytes.
        sha256: Digest of the content; empty where it was not read.
        reason: Why it was not read; empty where it was.
        reader: Library and version that reads it, where not only Python does: another may read it otherwise.
    """

    name: str
    size: int
    sha256: str
    reason: str = ""
    reader: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """An item that was put aside, and why."""

    item: str
    reason: Reason
    detail: str
