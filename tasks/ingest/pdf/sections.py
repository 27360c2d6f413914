"""From the lines of a PDF to its sections: headings found, headers and footers removed, paragraphs put together.

Source: ours.
"""

import itertools
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tasks.ingest.pdf.lines import TextLine

LARGER = 1.15  # than most of the text: a heading
MAX_HEADING_LENGTH = 200
MAX_BOLD_HEADING_LENGTH = 80
EDGE_LINES = 2  # lines at the top and at the bottom of a page that may be running ones
LEAST_REPEATS = 3  # pages with a line at the same place; of a document of two pages both
APART = 1.6  # letter sizes from baseline to baseline: more than lines of a paragraph have
PARAGRAPH_GAP = 1.35  # times the usual distance of lines
FULL_LINE = 0.75  # of the column; after a shorter line the next begins anew
BELOW = 100_000.0  # points: what runs in another direction comes after all that does not
INDENT = 0.8  # letter sizes
ENDS = re.compile(r"[.!?:;][\"')\]\u201d\u2019]*$")
LISTED = re.compile(r"^(?:[\u2022\u25aa\u25e6\u2023\u2013*-]|\(?\d{1,3}[.)]|\(?[a-z]\))\s")
NUMBERED = re.compile(r"^(?:\d{1,2}(?:\.\d{1,2})*\.?|[A-Z]\.|[IVX]+\.)\s+\w")
HYPHENATED = re.compile(r"(\w{2,})[-\u2010\u00ad]$")
NUMBER = re.compile(r"\d{1,6}", re.ASCII)
WORD = re.compile(r"\w+(?:-\w+)*")


@dataclass(slots=True)
class PdfSection:
    """A heading and what stands under it.

    Attributes:
        heading: Its words; empty for what stands before the first.
        lines: What stands under it, in order.
    """

    heading: str
    lines: list[TextLine] = field(default_factory=list)


def split(pages: Sequence[Sequence[TextLine]], counts: Counter[str]) -> tuple[str, list[PdfSection]]:
    """Part a document at its headings.

    A heading with nothing under it goes before the next one, joined by ` > `.

    Args:
        pages: The lines of each page in the order they are read.
        counts: Counts `repeated` running lines and `headings`.

    Returns:
        The title, empty where there is none, and the sections in order, none of them without lines.
    """
    lines = _without_running(pages, counts)
    marked = _headings(lines)
    largest = max((lines[first].size for first, _ in marked), default=0)
    title = ""
    if marked and lines[marked[0][0]].page == 1 and lines[marked[0][0]].size == largest:
        title = _joined(lines[slice(*marked[0])])
    waiting: list[str] = []
    sections, at = [PdfSection("")], 0
    for first, past in [*marked, (len(lines), len(lines))]:
        body = lines[at:first]
        if body:
            sections[-1].heading = " > ".join(waiting)
            sections[-1].lines += body
            sections.append(PdfSection(""))
            waiting = []
        waiting += [_joined(lines[first:past])] if past > first else []
        at = past
    if waiting and marked:
        sections[-1] = PdfSection(" > ".join(waiting), lines[slice(*marked[-1])])
    counts["headings"] += len(marked)
    return title, [section for section in sections if section.lines]


def _joined(lines: Iterable[TextLine]) -> str:
    return " ".join(line.text for line in lines)


def _without_running(pages: Sequence[Sequence[TextLine]], counts: Counter[str]) -> list[TextLine]:
    """Leave out what stands at the same place of several pages; of a repeated heading the first is kept.

    What counts as the same: equal words; of what stands apart from the text also equal words but for numbers, or a
    number that grows as the number of the page does.
    """
    body = _usual_size(line for page in pages for line in page)
    places: defaultdict[tuple[str, int], list[TextLine]] = defaultdict(list)
    for page in pages:
        heights = sorted({line.y for line in page})
        edge = {*heights[:EDGE_LINES], *heights[-EDGE_LINES:]}
        apart = {*_apart(heights, body), *_apart(heights[::-1], body)}
        for line in (line for line in page if line.y in edge):
            large = line.size >= LARGER * body
            varies = not large and line.y in apart
            places[NUMBER.sub("#", line.text) if varies else line.text, round(line.y)].append(line)
            for number in NUMBER.findall(line.text)[-1:] if len(pages) >= LEAST_REPEATS and varies else ():
                places[f"page {int(number) - line.page}", round(line.y)].append(line)
    running: set[int] = set()
    for found in places.values():
        if len({line.page for line in found}) >= min(LEAST_REPEATS, max(2, len(pages))):
            kept = 1 if found[0].size >= LARGER * body else 0
            running.update(id(line) for line in found[kept:])
    counts["repeated"] += len(running)
    return [line for page in pages for line in page if id(line) not in running]


def _apart(heights: Sequence[float], body: float) -> Sequence[float]:
    """Return the first lines from an edge that a gap parts from the text; none where the text itself begins there."""
    for at in range(1, min(EDGE_LINES, len(heights) - 1) + 1):
        if abs(heights[at] - heights[at - 1]) > APART * body:
            return heights[:at]
    return heights if len(heights) == 1 else ()


def _usual_size(lines: Iterable[TextLine]) -> float:
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _headings(lines: Sequence[TextLine]) -> list[tuple[int, int]]:
    """Return the first line of each heading and the line after its last."""
    body = _usual_size(lines)
    letters = sum(len(line.text) for line in lines)
    bold_means = sum(len(line.text) for line in lines if line.bold) * 2 < letters
    found: list[tuple[int, int]] = []
    for at, line in enumerate(lines):
        if not _is_heading(lines, at, body, bold_means):
            continue
        before = lines[at - 1] if at else line
        goes_on = found and found[-1][1] == at and (before.size, before.bold) == (line.size, line.bold)
        if goes_on and before.page == line.page and 0 < before.y - line.y < 1.7 * line.size:
            found[-1] = found[-1][0], at + 1
        else:
            found.append((at, at + 1))
    return found


def _is_heading(lines: Sequence[TextLine], at: int, body: float, bold_means: bool) -> bool:
    line = lines[at]
    if len(line.text) > MAX_HEADING_LENGTH or sum(c.isalpha() for c in line.text) < 2 or " ..." in line.text:
        return False
    if line.size >= LARGER * body:
        return True
    if not (bold_means and line.bold) or line.size < 0.95 * body or len(line.text) > MAX_BOLD_HEADING_LENGTH:
        return False
    if NUMBERED.match(line.text):
        return True
    alone = at + 1 == len(lines) or not lines[at + 1].bold
    before = lines[at - 1] if at else None
    apart = before is None or before.page != line.page or not 0 < before.y - line.y < PARAGRAPH_GAP * 1.2 * body
    return alone and apart and line.text[-1] not in ".,;:"


def text_of(
    lines: Sequence[TextLine], known: Counter[str], counts: Counter[str]
) -> tuple[str, list[tuple[int, int]], list[int]]:
    """Put the lines of a section together.

    Args:
        lines: In order.
        known: Words of the document, which decide whether a hyphen at the end of a line belongs to the word.
        counts: Counts `hyphens`, hyphenated words joined.

    Returns:
        Paragraphs parted by a blank line, (first character, page) for each page, and the first character of each line.
    """
    gaps = [a.y - b.y for a, b in itertools.pairwise(lines) if a.page == b.page and 0 < a.y - b.y < 3 * a.size]
    usual = statistics.median(gaps) if gaps else 1.2 * lines[0].size
    parts, length, pages, starts = [lines[0].text], len(lines[0].text), [(0, lines[0].page)], [0]
    for before, line in itertools.pairwise(lines):
        between = _between(before, line, usual)
        cut, rest = HYPHENATED.search(before.text), WORD.match(line.text)
        if between == " " and cut is not None and rest is not None:
            whole, compound = (f"{cut[1]}{dash}{rest.group()}".lower() for dash in ("", "-"))
            lower = line.text[0].islower()
            between = "-" if not lower or (known[compound] and not known[whole]) else ""
            parts[-1] = parts[-1][:-1]
            length -= 1
            counts["hyphens"] += 1
        if line.page != pages[-1][1]:
            pages.append((length + len(between), line.page))
        parts += [between, line.text]
        starts.append(length + len(between))
        length += len(between) + len(line.text)
    return "".join(parts), pages, starts


def _between(before: TextLine, line: TextLine, usual: float) -> str:
    """Return what parts two lines: a blank line, a line break or a space."""
    below = before.y - line.y
    if below > BELOW / 2:
        return "\n\n"
    if line.page != before.page or below <= 0 or line.x0 > before.right or line.right < before.x0:  # another column
        return "\n\n" if ENDS.search(before.text) and not line.text[:1].islower() else " "
    if below > PARAGRAPH_GAP * usual or abs(before.size - line.size) > 0.1 * line.size:
        return "\n\n"
    if LISTED.match(line.text):
        return "\n"
    if line.x0 - before.x0 > INDENT * line.size and ENDS.search(before.text):
        return "\n\n"
    short = before.x1 - before.left < FULL_LINE * (before.right - before.left)
    return "\n" if short and not HYPHENATED.search(before.text) else " "


def words_of(pages: Sequence[Sequence[TextLine]]) -> Counter[str]:
    """Count the words of a document, compounds whole."""
    return Counter(word.lower() for page in pages for line in page for word in WORD.findall(line.text))
