"""Sources, documents and passages: references and rows."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field

from tasks.data.base import Ref, Value
from tasks.data.reading import ReadingReport


class SnapshotRef(Ref):
    """The items of a source as they were when it was listed: name, size, sha256."""

    kind: Literal["snapshot"] = "snapshot"


class DocumentsRef(Ref):
    """A table of `Document` rows."""

    kind: Literal["documents"] = "documents"


class RejectedRef(Ref):
    """A table of `Rejected` rows."""

    kind: Literal["rejected"] = "rejected"


class PassagesRef(Ref):
    """A table of `Passage` rows, in the order of their documents."""

    kind: Literal["passages"] = "passages"


class CopiesRef(Ref):
    """A table of `Copy` rows: the documents that others repeat, or that repeat others."""

    kind: Literal["copies"] = "copies"


class Ingested(Value):
    """What came out of a source.

    Attributes:
        documents: What was read.
        rejected: What was not, and why.
        counts: What a reader has counted, by name: pages, headings, characters left out; `duplicates`: documents that
            repeat the text of an earlier one and stay.
        notes: What was found out of how files are written, in words.
        reading: Which languages they are in, and what the encoder reads of them; None where that was not looked at.
    """

    documents: DocumentsRef
    rejected: RejectedRef
    counts: dict[str, int] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    reading: ReadingReport | None = None


Reason = Literal[
    "empty",
    "binary",
    "not-decodable",
    "too-large",
    "lone-surrogate",
    "unreadable",
    "duplicate",
    "repeated-id",
    "contradiction",
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
    "bad-question",
    "unseen-label",
    "not-a-picture",
    "no-decoder",
    "truncated",
    "damaged",
    "too-small",
    "unsupported",
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


PLACED = ("pages", "rows", "boxes", "recognised", "line_shifts", "text_line", "repeats")  # said of places in a text


@dataclass(frozen=True, slots=True)
class Document:
    """One item of a source.

    Attributes:
        id: Stable name, independent of the content.
        text: What is read, searched and answered from.
        title: What a person would call it.
        source: The package, folder or table it belongs to.
        path: File inside the source.
        line: First line inside the file, or number of the row (csv, xlsx: header is 1); 0 where lines mean nothing.
        kind: What it is: class, function, method, row, or the ending of a file: txt, md, html, pdf, docx.
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

    def first_letter(self, position: int) -> int:
        """Return where the next letter stands: a sentence or passage that begins with a blank is seen after it."""
        rest = self.text[position:]
        return position + len(rest) - len(rest.lstrip()) if rest.strip() else position

    def path_of(self, position: int) -> str:
        """Return the file, and the page, place and row where it has these, on which a character of the text stands."""
        parts = [self.path, self.meta.get("place", "")]
        parts += [f"{name} {number}" for name in ("page", "row") if (number := self._number_at(f"{name}s", position))]
        return " ".join(filter(None, parts))

    def _number_at(self, name: str, position: int) -> str:
        """Return the page or row on which a character stands; each is stated with the first character on it."""
        starts = [part.split(":") for part in self.meta.get(name, "").split()]
        return next((number for start, number in reversed(starts) if int(start) <= position), "")

    def part(self, passage: Passage) -> "Document":
        """Return a passage as a document of its own, at its own line and page."""
        start = self.first_letter(passage.start)
        meta = {name: value for name, value in self.meta.items() if name not in PLACED}
        meta |= {name: f"0:{number}" for name in ("pages", "rows") if (number := self._number_at(name, start))}
        return replace(self, id=passage.id, text=passage.text, line=self.line_of(start), meta=meta)

    def line_of(self, position: int) -> int:
        """Return the line of the file on which a character of the text stands; 0 where lines mean nothing."""
        first = int(self.meta.get("text_line", self.line))
        if first == 0 or self.kind == "row":
            return first
        number = self.text.count("\n", 0, position)
        shifts = (shift.split(":") for shift in self.meta.get("line_shifts", "").split())
        return first + number + sum(int(by) for at, by in shifts if number >= int(at))


SHOWN_COPIES = 20  # other documents of the same text that are named; how many there are is said


@dataclass(frozen=True, slots=True)
class Copy:
    """One of several documents that are found by the same words: their text is equal, and what they are called.

    Attributes:
        row: Row of the document in its table.
        first: Row of the first of them.
    """

    row: int
    first: int


def copies_among(documents: Iterable[tuple[str, str, str]]) -> list[Copy]:
    """Return the documents that are found by the same words as others, in their order.

    Args:
        documents: Title, path and text of each. A title that is the name of the file is none: a copy of a file is the
            same document under another name.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for row, (title, path, text) in enumerate(documents):
        named = "" if title == PurePosixPath(path).stem else title
        groups.setdefault((named, version_of(text)), []).append(row)
    found = [Copy(row, rows[0]) for rows in groups.values() if len(rows) > 1 for row in rows]
    return sorted(found, key=lambda copy: copy.row)


def others_of(copies: Iterable[Copy]) -> dict[int, list[int]]:
    """Return for each document that has copies the rows of the others."""
    groups: dict[int, list[int]] = defaultdict(list)
    for copy in copies:
        groups[copy.first].append(copy.row)
    return {row: [other for other in rows if other != row] for rows in groups.values() for row in rows}


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


REPEATED = ("duplicate", "contradiction")  # rows whose text is there already: nothing of a source is lost with them


@dataclass(frozen=True, slots=True)
class Rejected:
    """An item that was rejected, and why."""

    item: str
    reason: Reason
    detail: str
