"""What a reader of Office files, books, mails and csv files gives.

Source: ours.
"""

from collections import Counter
from dataclasses import dataclass, field

from tasks.data.documents import Reason
from tasks.ingest.sections import Heading, Section

MAX_CHARACTERS = 20_000_000


class FileRefused(Exception):
    """A file that cannot be read, and what to do."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


@dataclass(slots=True)
class OfficeContents:
    """What stands in a file: one text with headings, to be parted where it is long, or sections.

    Attributes:
        title: Of the whole; empty where it states none.
        text: Of a file that is one text.
        headings: Where they stand in `text`.
        sections: Of a file that has parts of its own: slides, sheets, chapters.
        counts: What was counted, by name.
        unread: What of it was not read, in words.
        meta: What was found of how it is written.
    """

    title: str = ""
    text: str = ""
    headings: list[Heading] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    unread: list[str] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)

    def add(self, section: Section) -> None:
        """Add a section, if something stands in it."""
        if section.text.strip():
            self.sections.append(section)
            self.counts["characters"] += len(section.text)
            if self.counts["characters"] > MAX_CHARACTERS:
                raise FileRefused("too-large", f"holds over {MAX_CHARACTERS:,} characters; divide it")

    def leave(self, counted: str, count: int, one: str, more: str = "") -> None:
        """Count what was not read, and say so.

        Args:
            counted: Name of the count.
            count: How many.
            one: What one of them is called.
            more: What is said after it.
        """
        if count:
            self.counts[counted] += count
            self.unread.append(f"{count:,} {one}{'' if count == 1 else 's'}{more}")
