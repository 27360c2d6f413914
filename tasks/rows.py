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
    """

    topic: int
    size: int
    label: str
    words: tuple[str, ...]
    weights: tuple[float, ...]
    documents: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with its interval, and what it was measured on."""

    name: str
    what: str
    value: float
    low: float
    high: float
    n: int


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
