"""What runs in a process of its own: a PDF comes in on standard input, its sections go out as one JSON object.

A line of JSON comes first: lines that were recognised on pages, by the number of the page.

The process may be killed at any moment. It limits its own memory and processor time before it reads a byte, opens no
file of the user and knows nothing of the environment.
"""

import dataclasses
import json
import logging
import resource
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tasks.ingest.pdf.recognised import Placed, boxes_of, glyphs_of

FEW_LETTERS = 200  # on a page that is a picture: a stamp, not its text
MOSTLY_PICTURE = 0.5  # of the page
MAX_CHARACTERS = 20_000_000
MAX_UNKNOWN = 0.3  # share of letters that the file does not map to Unicode
END_WITHIN = 1_024  # bytes in which the start and the end of a PDF must show


def load(_: bytes) -> None:
    """Load the library that reads PDF files."""
    from tasks.ingest.pdf import glyphs  # noqa: F401


def main(max_pages: int, seconds: int, memory: int) -> None:
    """Read one PDF from standard input; write what it holds, or the reason why it cannot be read."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)
    try:
        recognised = json.loads(sys.stdin.buffer.readline())
        found = parsed(sys.stdin.buffer.read(), max_pages, {int(page): lines for page, lines in recognised.items()})
    except (MemoryError, RecursionError) as error:
        found = refused("too-large", f"needs more than {memory >> 20:,} MB or nests too deep: {type(error).__name__}")
    sys.stdout.write(json.dumps(found))


def refused(reason: str, detail: str) -> dict[str, Any]:
    """Return why a file is rejected."""
    return {"reason": reason, "detail": detail}


def parsed(
    content: bytes, max_pages: int, recognised: Mapping[int, Sequence[Placed]] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the title, sections and counts of a PDF, or the reason why it is rejected.

    Args:
        content: The file.
        max_pages: More are too many.
        recognised: Lines of pages, by number, to be taken where a page shows no text.
    """
    from pdfminer.pdfdocument import PDFEncryptionError
    from pdfminer.psparser import PSException

    from tasks.ingest.pdf.glyphs import TooManyPages

    if b"%PDF-" not in content[:END_WITHIN]:
        return refused("unreadable", "is not a PDF: it does not begin with %PDF-")
    if b"%%EOF" not in content[-END_WITHIN:]:
        return refused("unreadable", "is cut short: it does not end with %%EOF")
    try:
        return _sections(content, max_pages, recognised)
    except TooManyPages:
        return refused("too-large", f"has over {max_pages:,} pages; raise source.max_pages")
    except PDFEncryptionError:
        return refused("encrypted", "needs a password; save it without one")
    except (PSException, ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, OSError,
            ArithmeticError, StopIteration, NotImplementedError) as error:  # fmt: skip
        return refused("unreadable", f"is not whole: {type(error).__name__} {str(error)[:120]}".strip())


def is_scan(turns: Sequence[Sequence[Any]], pictured: float) -> bool:
    """Return whether a page shows no text, or little beside a picture that fills it: a stamp, the number of a page."""
    letters = sum(len(line.text) for lines in turns for line in lines)
    return not letters or (letters < FEW_LETTERS and pictured >= MOSTLY_PICTURE)


def _sections(content: bytes, max_pages: int, recognised: Mapping[int, Sequence[Placed]]) -> dict[str, Any]:
    from tasks.ingest.pdf import sections as pdf_sections
    from tasks.ingest.pdf.glyphs import read_pages
    from tasks.ingest.pdf.lines import lines_of

    counts: Counter[str] = Counter()
    pages, letters, blank = [], 0, []
    for number, page in enumerate(read_pages(content, max_pages), start=1):
        turns = [lines_of(turn, counts) for turn in page.turns]
        scanned = is_scan(turns, page.pictured)
        if scanned:
            blank.append(number)
            turns = [lines_of(glyphs_of(recognised.get(number, ())), counts), *([] if number in recognised else turns)]
        lines = [
            dataclasses.replace(line, page=number, y=line.y - pdf_sections.BELOW * turn)
            for turn, found in enumerate(turns)
            for line in found
        ]
        letters += sum(len(line.text) for line in lines)
        if letters > MAX_CHARACTERS:
            return refused("too-large", f"holds over {MAX_CHARACTERS:,} characters")
        pages.append(lines)
        counts.update(pages=1, hidden=page.hidden, slanted=page.slanted, pages_without_text=not lines)
        counts["pictured"] += scanned and bool(lines) and number not in recognised
    if not letters:
        said = f"has no text on {counts['pages']:,} pages"
        if counts["hidden"]:
            said = f"shows no text; {counts['hidden']:,} characters of it cannot be seen"
        return refused("hidden" if counts["hidden"] else "empty", said) | {"blank": blank}
    unknown = sum(line.text.count("\ufffd") for lines in pages for line in lines)
    if unknown > MAX_UNKNOWN * letters:
        return refused("unreadable", f"does not say what {unknown:,} of its {letters:,} letters are")
    title, sections = pdf_sections.split(pages, counts)
    known = pdf_sections.words_of(pages)
    texts, boxes = [], []
    for section in sections:
        text, stands, starts = pdf_sections.text_of(section.lines, known, counts)
        texts.append((section.heading, text, stands))
        boxes.append(boxes_of(section.lines, starts, recognised))
    return {"title": title, "sections": texts, "counts": counts, "blank": blank, "boxes": boxes}
