"""Text of pictures and of PDF pages that show none: pages are rendered in a process of its own, then recognised.

Who recognises, and keeps what was recognised, is handed in: a page is read once, whatever else changes in its folder.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from configs.ingest import Files, Ocr
from tasks.data.recognised import ReadLine, ReadPage
from tasks.ingest.pdf.recognised import Placed, placed
from tasks.ingest.pdf.rendered import RenderLimits, render_pages

AT_ONCE = 8  # pages rendered by one process
WIDEST = 3.0  # heights of a line that a letter may take


class PageReader(Protocol):
    """Who recognises text, and keeps what was recognised."""

    def kept(self, key: str) -> ReadPage | None:
        """Return the page that was read under this key; None where none was."""

    def read(self, key: str, rgb: NDArray[np.uint8], points: float) -> ReadPage:
        """Read a page, and keep it under this key."""


@dataclass(slots=True)
class Recognised:
    """What was recognised of a file.

    Attributes:
        pages: The lines of each page that could be rendered, by its number.
        lost: Numbers of pages that could not.
        counts: `recognised` pages, `turned` ones, and lines that were too `unsure`.
    """

    pages: dict[int, list[Placed]] = field(default_factory=dict)
    lost: list[int] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def recognise_pages(
    content: bytes, sha: str, pages: Sequence[int], source: Files, ocr: Ocr, reader: PageReader
) -> Recognised:
    """Return the text of some pages of a PDF.

    Args:
        content: The file.
        sha: Its digest.
        pages: Numbers from 1.
        source: Seconds of processor time that eight pages may take to be rendered.
        ocr: How to recognise.
        reader: Who does.
    """
    found, limits = Recognised(), RenderLimits(ocr.dpi, source.timeout_s)
    keys = {number: f"{sha}-{number}" for number in pages}
    read = {number: reader.kept(key) for number, key in keys.items()}
    missing = [number for number in pages if read[number] is None]
    at_once = [missing[start : start + AT_ONCE] for start in range(0, len(missing), AT_ONCE)]
    for asked in [*at_once, *([number] for number in missing)]:  # alone too: one that fails takes others with it
        left = [number for number in asked if read[number] is None]
        for page in render_pages(content, left, limits) if left else ():
            rgb = np.repeat(page.pixels[:, :, None], 3, axis=2)
            read[page.number] = reader.read(keys[page.number], rgb, page.points)
    for number, known in read.items():
        if known is None:
            found.lost.append(number)
        else:
            found.pages[number] = _sure(known, ocr, found.counts)
    return found


def recognise_picture(rgb: NDArray[np.uint8], digest: str, ocr: Ocr, reader: PageReader) -> Recognised:
    """Return the text of a picture as that of page 1; a pixel is a point.

    Args:
        rgb: Pixels of shape (rows, columns, 3).
        digest: Of the pixels.
        ocr: How to recognise.
        reader: Who does.
    """
    found = Recognised()
    page = reader.kept(digest) or reader.read(digest, rgb, 1.0)
    found.pages[1] = _sure(page, ocr, found.counts)
    return found


def _sure(page: ReadPage, ocr: Ocr, counts: Counter[str]) -> list[Placed]:
    sure = [line for line in page.lines if line.score >= ocr.min_score and not _is_unread(line)]
    counts.update(recognised=1, turned=page.turned > 0, unsure=len(page.lines) - len(sure))
    return placed(sure, page.height, page.points)


def _is_unread(line: ReadLine) -> bool:
    """Return whether a line is far longer than what was read of it, as where its script is unknown."""
    return line.x1 - line.x0 > WIDEST * (line.y1 - line.y0) * len(line.text)
