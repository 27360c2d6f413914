"""From recognised lines to letters with places, which the reader of PDF files puts into columns and paragraphs.

A recogniser says where a line stands, not where its letters do: they are spread evenly over it.
"""

import statistics
from collections.abc import Container, Sequence
from typing import Any

from tasks.ingest.pdf.lines import Glyph, TextLine

LETTERS = 0.75  # of the height of the box around a line
SAME_ROW = 0.35  # of its height, by which the middles of boxes of one row differ at most
USUAL = 0.25  # around the usual height of a page, within which heights are the same: boxes waver

Placed = tuple[str, float, float, float, float]  # text, left edge, right edge, baseline upwards, size of the letters


def placed(lines: Sequence[Any], height: float, points: float) -> list[Placed]:
    """Return where recognised lines stand, as a PDF says it: in points, upwards.

    Args:
        lines: With `text`, `x0`, `y0`, `x1`, `y1` in pixels, downwards.
        height: Of the page, in pixels.
        points: A pixel has.
    """
    if not lines:
        return []
    usual = statistics.median(line.y1 - line.y0 for line in lines)
    rows: list[tuple[float, float, list[Any]]] = []  # middle, height, lines
    for line in sorted(lines, key=lambda line: line.y0 + line.y1):
        middle, tall = (line.y0 + line.y1) / 2, line.y1 - line.y0
        if rows and abs(middle - rows[-1][0]) < SAME_ROW * min(tall, rows[-1][1]) and _beside(line, rows[-1][2]):
            rows[-1][2].append(line)
        else:
            rows.append((middle, tall, [line]))
    found = []
    for middle, _, row in rows:
        for line in row:
            tall = line.y1 - line.y0
            size = LETTERS * points * (usual if abs(tall - usual) <= USUAL * usual else tall)
            base = (height - middle) * points - size / 2
            found.append((line.text, line.x0 * points, line.x1 * points, base, size))
    return found


def _beside(line: Any, row: Sequence[Any]) -> bool:
    """Return whether a line overlaps none of a row."""
    return all(line.x0 >= other.x1 or line.x1 <= other.x0 for other in row)


def glyphs_of(lines: Sequence[Placed]) -> list[Glyph]:
    """Return the letters of lines, each as wide as the others of its line."""
    found = []
    for text, left, right, base, size in lines:
        width = (right - left) / max(1, len(text))
        found += [Glyph(c, left + i * width, left + (i + 1) * width, base, size) for i, c in enumerate(text)]
    return found


def boxes_of(lines: Sequence[TextLine], starts: Sequence[int], recognised: Container[int]) -> str:
    """Return where recognised lines stand: first character in the text, page, and left, lower, right, upper in points.

    Args:
        lines: Of a section.
        starts: The first character of each, in the text of the section.
        recognised: Numbers of the pages that were.
    """
    return " ".join(
        f"{start}:{line.page}:{line.x0:.0f},{line.y:.0f},{line.x1:.0f},{line.y + line.size:.0f}"
        for line, start in zip(lines, starts, strict=True)
        if line.page in recognised
    )
