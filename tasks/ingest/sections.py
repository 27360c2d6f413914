"""Part a text at its headings: a long file becomes one document a section, so that a hit names its chapter.

Source: ours.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.data.documents import Document, Item, Rejected
from tasks.text.sentences import unfit

MAX_TITLE_LENGTH = 512
LONG_FILE = 4_000  # characters, some five passages: a shorter file is found whole
LEAST_HEADINGS = 2
SHOWN = 5  # repeated sections that are named
LEFT_OUT = {
    "navigation": "characters of navigation",
    "banners": "characters of consent banners",
    "unseen": "characters that are not shown",
    "scripts": "scripts and styles",
}
LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it.

    Attributes:
        headings: Titles from the outermost down; empty before the first.
        text: What stands under it.
        line: First line in the file, from 1; 0 where lines mean nothing.
        place: Where it is, as "slide 3" or "sheet Prices"; empty where the line says it.
        rows: First character and number of each of its rows, as "0:1 57:2"; empty where it has none.
    """

    headings: tuple[str, ...]
    text: str
    line: int = 0
    place: str = ""
    rows: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading and where it stands in a text.

    Attributes:
        level: 1 is the outermost.
        title: Its words.
        start: Its first character.
        end: One past its last, marks and underline included.
    """

    level: int
    title: str
    start: int
    end: int


def is_long(text: str, headings: Sequence[Heading]) -> bool:
    """Return whether a file is to be parted: longer than `LONG_FILE`, with two headings or more."""
    return len(text) > LONG_FILE and len(headings) >= LEAST_HEADINGS


def split_text(text: str, headings: Sequence[Heading], *, lines: bool) -> list[Section]:
    """Part a text at its headings; nothing but the headings' marks and blank lines is left out.

    A heading with nothing under it is in the titles of those below it, or else a section of its own words.

    Args:
        text: The text.
        headings: In order.
        lines: Whether its lines are those of the file.
    """
    return list(_sections(text, headings, lines))


def _sections(text: str, headings: Sequence[Heading], lines: bool) -> Iterator[Section]:
    line, seen = 1, 0
    path: list[Heading] = []
    ends = [h.start for h in headings] + [len(text)]
    for number, past in enumerate(ends):
        start = headings[number - 1].end if number else 0
        body = text[start:past]
        first = start + len(body) - len(body.lstrip())
        line, seen = line + len(LINE_END.findall(text, seen, first)), first
        indent = text.rfind("\n", start, first) + 1  # blanks before the first word belong to it: a code block
        body = text[max(start, indent) : past].rstrip()
        if number:
            current = headings[number - 1]
            path = [h for h in path if h.level < current.level] + [current]
            deeper = number < len(headings) and headings[number].level > current.level
            body = body if body.strip() or deeper else current.title
        if body.strip():
            yield Section(tuple(h.title for h in path), body, line if lines else 0)


def title_of(headings: Sequence[Heading], default: str) -> str:
    """Return what a file of several sections is called: its only outermost heading, where it comes first.

    Args:
        headings: In order.
        default: What it is called where there is no such heading.
    """
    first = headings[0] if headings else None
    alone = first is not None and all(h.level > first.level for h in headings[1:])
    return first.title if first is not None and alone else default


def documents_of(item: Item, title: str, sections: Sequence[Section], kind: str) -> list[Document | Rejected]:
    """Return a document for each section, or why it is rejected.

    Args:
        item: The file, as it was listed.
        title: Of the whole file; its name is taken where it is empty. A first heading that says the same is left out.
        sections: In order. One without headings that is alone is the whole file, and keeps the name of the file.
        kind: Of the file: md, html, docx.
    """
    title = title or Path(item.name).stem
    whole = len(sections) == 1 and not sections[0].headings
    rows: list[Document | Rejected] = []
    for number, section in enumerate(sections, start=1):
        stands = {name: said for name in ("place", "rows") if (said := getattr(section, name))}
        identity = item.name if whole else f"{item.name}#section-{number}"
        if (bad := unfit(section.text)) is not None:
            rows.append(Rejected(identity, *bad))
            continue
        headings = section.headings[section.headings[:1] == (title,) :]
        named = " > ".join(part for part in (title, *headings) if part)
        rows.append(
            Document(
                id=identity, text=section.text, title=named[:MAX_TITLE_LENGTH], source="files", path=item.name,
                line=section.line, kind=kind,
                meta={"sha256": item.sha256} | stands,
            )
        )  # fmt: skip
    return rows


def mark_repeated(rows: Sequence[Document | Rejected]) -> int:
    """Note at each section that repeats the text of an earlier one which that is, and return how many do."""
    first: dict[str, str] = {}
    repeated = 0
    for row in rows:
        if isinstance(row, Document) and first.setdefault(row.text, row.id) != row.id:
            row.meta["repeats"] = first[row.text]
            repeated += 1
    return repeated


def section_notes(rows: Sequence[Document | Rejected], counts: Mapping[str, int]) -> list[str]:
    """Say how many files were read by section, which sections repeat another, and what was left out of pages."""
    notes = []
    if files := counts.get("split_files", 0):
        many = f"{files:,} long files are" if files > 1 else "1 long file is"
        notes.append(f"{many} read as {counts['sections']:,} sections, a document each (source.sections)")
    documents = {row.id: row for row in rows if isinstance(row, Document)}
    repeats = [(row, documents[row.meta["repeats"]]) for row in documents.values() if "repeats" in row.meta]
    if repeats:
        shown = "; ".join(f"{row.title!r} has the text of {first.title!r}" for row, first in repeats[:SHOWN])
        more = f"; and {len(repeats) - SHOWN:,} more" if len(repeats) > SHOWN else ""
        many = (
            f"{len(repeats):,} sections repeat another of their"
            if len(repeats) > 1
            else "1 section repeats another of its"
        )
        notes.append(f"{many} file: {shown}{more}")
    left_out = [f"{counts[name]:,} {what}" for name, what in LEFT_OUT.items() if counts.get(name)]
    if left_out:
        notes.append(f"left out of html pages: {', '.join(left_out)}")
    return notes


def unread_notes(unread: Mapping[str, str]) -> list[str]:
    """Say what of files was not read, by their names; the first are named."""
    if not unread:
        return []
    shown = "; ".join(f"{name}: {said}" for name, said in list(unread.items())[:SHOWN])
    more = f"; and of {len(unread) - SHOWN:,} more files" if len(unread) > SHOWN else ""
    return [f"not read: {shown}{more}"]
