"""Find the headings of Markdown by a CommonMark parser, and of plain text where they are plain.

The parser is `markdown-it-py`: it says where a block begins and ends, so that the text itself stays as it was written.
"""

import functools
import itertools
import re
from typing import Any

from tasks.ingest.sections import LINE_END, Heading

LONGEST = 1_000  # characters of a heading whose marks are read
SUSPECT = re.compile(r"^ {0,3}(?:#{1,6}(?:[ \t\r\n]|\Z)|=+[ \t]*\r?$|-+[ \t]*\r?$)", re.MULTILINE)
FRONT_MATTER = re.compile(r"(---|\+\+\+)[ \t]*\r?\n(?:(.*?)\r?\n)??\1[ \t]*(?:\r?\n|\Z)", re.DOTALL)
FRONT_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
PARAGRAPH = re.compile(r"(?<![^\n])[^\S\n]*\S[^\n]*(?:\n[^\S\n]*\S[^\n]*)*")
UNDERLINED = re.compile(r"(?!.*(?:\t|\S  +\S))\S[^\n]{0,99}\n(={3,}|-{3,})[ \t]*\r?\Z")
ORDINAL = r"(?:\d{1,3}|[IVXLC]{1,8}|one|two|three|four|five|six|seven|eight|nine|ten)"
NAMED = re.compile(
    r"(?P<name>part|book|teil|buch|partie|parte|chapter|appendix|kapitel|anhang|chapitre|cap\u00edtulo|capitolo"
    rf"|\u0433\u043b\u0430\u0432\u0430)[ \t]+(?:{ORDINAL}|[A-Z])(?=[ \t]*(?:[.:\n\u2013\u2014-]|\r|\Z))",
    re.IGNORECASE,
)
OUTER = ("part", "book", "teil", "buch", "partie", "parte")
NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,4})\.?[ \t]+[^\W\d_][^\n]{0,79}\Z")
LISTED = re.compile(r"(?:\.{2,}|[ \t]{2,})[ \t]*\d+[ \t]*\r?\Z", re.MULTILINE)  # a line of a table of contents
CLOSED = ".,;:!?"
TALLEST = 2  # lines of a heading
LONGEST_LINE = 100


def front_matter(text: str) -> tuple[str, int]:
    """Return the title that the front matter of a Markdown text states, and where the text after it begins."""
    found = FRONT_MATTER.match(text)
    if found is None:
        return "", 0
    stated = FRONT_TITLE.search(found[2] or "")
    title = stated[1] if stated is not None else ""
    quoted = len(title) >= 2 and title[0] == title[-1] and title[0] in "\"'"
    return (title[1:-1] if quoted else title).strip(), found.end()


def markdown_headings(text: str, start: int = 0) -> list[Heading]:
    """Return the headings of a Markdown text, none of those inside a quotation, a list or a block of code.

    Args:
        text: The text.
        start: Where to begin, after the front matter.
    """
    if SUSPECT.search(text, start) is None:
        return []
    body = text[start:]
    starts = [0, *(m.end() for m in LINE_END.finditer(body))]
    tokens = _blocks().parse(body)
    found = []
    for opened, inline in itertools.pairwise(tokens):
        if opened.type != "heading_open" or opened.level or opened.map is None:
            continue
        title = _plain(inline.content)
        first, past = opened.map
        end = starts[past] if past < len(starts) else len(body)
        if title:
            found.append(Heading(int(opened.tag[1]), title, start + starts[first], start + end))
    return found


def first_heading(text: str, start: int = 0) -> list[Heading]:
    """Return the first heading of a Markdown text alone, or none; what follows it is not parsed.

    What a line is follows from those before it, so that the text is parsed up to a line that looks like a heading,
    and further where it is none.
    """
    ends = [m.end() for m in SUSPECT.finditer(text, start)]
    tried = 0
    while tried < len(ends):
        tried = min(2 * tried + 1, len(ends))
        end = text.find("\n", ends[tried - 1] - 1) + 1 or len(text)
        if found := markdown_headings(text[:end], start):
            return found[:1]
    return []


def _plain(content: str) -> str:
    """Return the words of a heading without marks."""
    tokens = _inline().parseInline(content[:LONGEST])
    parts = (" " if t.type in ("softbreak", "hardbreak") else t.content for t in tokens[0].children or ())
    return " ".join(("".join(parts) + content[LONGEST:]).split())


@functools.cache
def _inline() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark")


@functools.cache
def _blocks() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").disable("inline")


def text_headings(text: str) -> list[Heading]:
    """Return the headings of a plain text that are plain: underlined, "Chapter 3", "2.1 Title" between blank lines.

    What kind of heading comes first is the outermost, as in reStructuredText. A single number is a heading where it
    goes on counting, beside numbers of several parts: else it may count the items of a list.
    """
    found: list[tuple[str, str, re.Match[str], int]] = []
    for paragraph in PARAGRAPH.finditer(text):
        lines = paragraph.group().split("\n", TALLEST)
        if (mark := _underline(lines)) is not None:
            found.append((mark, lines[0].strip(), paragraph, len(lines[0]) + 1 + len(lines[1])))
        elif len(lines) <= TALLEST and all(len(line) <= LONGEST_LINE for line in lines):
            block = paragraph.group()
            if kind := _kind(block.strip()):
                found.append((kind, " ".join(block.split()), paragraph, len(block)))
    dotted = any(kind == "number" and "." in _number(title) for kind, title, *_ in found)
    ranks: dict[str, int] = {}
    headings, major = [], 0
    for kind, title, paragraph, length in found:
        number = _number(title) if kind == "number" else ""
        if number and "." not in number and (not dotted or int(number) != major + 1):
            continue
        major = int(number.partition(".")[0]) if number else major
        level = 10 * ranks.setdefault(kind, len(ranks)) + number.count(".") + 1
        headings.append(Heading(level, title, paragraph.start(), paragraph.start() + length))
    return headings


def _underline(lines: list[str]) -> str | None:
    """Return the sign by which the first line of a paragraph is underlined as a heading is; None where it is not."""
    if len(lines) < TALLEST:
        return None
    title = lines[0].strip()
    mark = UNDERLINED.match(f"{title}\n{lines[1].strip()}")
    return None if mark is None or len(mark[1]) * 2 < len(title) else mark[1][0]


def _kind(block: str) -> str:
    """Return what kind of heading a short paragraph is; empty for none."""
    if LISTED.search(block):
        return ""
    if (named := NAMED.match(block)) is not None:
        return "part" if named["name"].lower() in OUTER else "chapter"
    return "number" if NUMBERED.match(block) and block[-1] not in CLOSED else ""


def _number(title: str) -> str:
    found = NUMBERED.match(title)
    return found[1] if found is not None else ""
