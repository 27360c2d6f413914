"""From the glyphs of a page to its lines in the order they are read: columns, words, marks of footnotes.

Only places count, never the spaces a file states: a letter-spaced word has spaces that nobody sees, and a kerned pair
may have one that is not there.
Source: ours.
"""

import itertools
import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WORD_GAP = 0.15  # of the letter size: a wider gap parts words
STATED_GAP = 0.05  # the same where the file has a space there
SEGMENT_GAP = 0.9  # a wider gap may be the gutter between columns
SAME_LINE = 0.2  # baselines closer than this are one
RAISED = 0.15  # a smaller glyph higher than this is a superscript
SMALLER = 0.85
SPREAD = 1.5  # in a letter-spaced line, a gap this many times the usual one parts words
LEAST_SPACED = 4  # single letters in a row that may be one word
SURELY_SPACED = 6  # the same where no gap is wider than the others
LEAST_ROWS = 3  # lines on both sides of a gutter
LEAST_COLUMN = 10.0  # letter sizes
LEAST_FILLED = 0.7  # of its column, that the usual line of running text takes
MARKS = frozenset("0123456789,\u2013-*\u2020\u2021\u00a7\u00b6\u2016")
RAISED_DIGITS = dict(zip("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079", "0123456789", strict=True))
SUPERSCRIPTS = str.maketrans(
    {plain: raised for raised, plain in RAISED_DIGITS.items()} | {"-": "\u207b", "+": "\u207a"}
)
LIGATURES = str.maketrans({"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl"})
SOFT_HYPHEN = re.compile("\u00ad(?=.)")  # inside a line it is not seen
LEADERS = re.compile(r"(?:\s*\.){4,}")  # the dots of a table of contents
CLOSING = ".,;:!?\"'\u2019\u201d"


@dataclass(slots=True)
class Glyph:
    """One letter and where it stands, in points; its text runs to the right.

    Attributes:
        text: One character, or those of a ligature.
        x0: Left edge.
        x1: Right edge.
        y: Its baseline, upwards.
        size: Of the letter.
        bold: Whether its font says so.
        raised: Whether it is a superscript of its line.
    """

    text: str
    x0: float
    x1: float
    y: float
    size: float
    bold: bool = False
    raised: bool = False


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of a column.

    Attributes:
        text: Its words.
        x0: Left edge.
        x1: Right edge.
        y: Its baseline.
        size: Of most of its letters.
        bold: Whether most of them are bold.
        left: Left edge of its column.
        right: Right edge of its column.
        page: Number of the page, from 1.
    """

    text: str
    x0: float
    x1: float
    y: float
    size: float
    bold: bool
    left: float
    right: float
    page: int = 0


Segment = list[Glyph]  # by x; parted from the next by more than a word gap
Row = list[Segment]  # what stands on one baseline


def lines_of(glyphs: Sequence[Glyph], counts: Counter[str]) -> list[TextLine]:
    """Return the lines of a page in the order they are read.

    Args:
        glyphs: Those of one direction, in any order.
        counts: Counts `joined_words`, words joined from spaced letters, and `footnote_marks`.
    """
    seen: dict[tuple[str, float, int, int], Glyph] = {}
    for glyph in glyphs:  # a letter printed twice, a little shifted, is only bold
        step = max(glyph.size, 1.0) / 10
        seen.setdefault((glyph.text, glyph.size, round(glyph.x0 / step), round(glyph.y / step)), glyph)
    rows = _rows([g for g in seen.values() if not g.text.isspace()])
    blanks = sorted((g.y, g.x0) for g in seen.values() if g.text.isspace())
    lines = []
    for leaf in _in_order([_segments(row) for row in rows]):
        left = min(s[0].x0 for row in leaf for s in row)
        right = max(s[-1].x1 for row in leaf for s in row)
        for row in leaf:
            line = [g for segment in row for g in segment]
            text = LEADERS.sub(" ...", SOFT_HYPHEN.sub("", _spelled(line, blanks, counts)).replace("\u00ad", "-"))
            if text:
                sizes = Counter(round(g.size * 2) / 2 for g in line if not g.raised) or Counter([line[0].size])
                bold = sum(g.bold for g in line) * 2 > len(line)
                size = sizes.most_common(1)[0][0]
                lines.append(TextLine(text, line[0].x0, line[-1].x1, line[0].y, size, bold, left, right))
    return lines


def _rows(glyphs: Sequence[Glyph]) -> list[list[Glyph]]:
    """Group glyphs by baseline from top to bottom, superscripts with the line they belong to."""
    rows: list[list[Glyph]] = []
    for glyph in sorted(glyphs, key=lambda g: (-g.y, g.x0)):
        if rows and rows[-1][0].y - glyph.y <= SAME_LINE * min(rows[-1][0].size, glyph.size):
            rows[-1].append(glyph)
        else:
            rows.append([glyph])
    kept = [sorted(row, key=lambda g: g.x0) for row in rows]
    for number, row in enumerate(kept):
        hosts = [h for h in kept[number + 1 : number + 4] + kept[max(0, number - 3) : number] if h]
        for run in _runs(row):
            host = next((h for h in hosts if _belongs(run, h)), None)
            if host is not None:
                base = host[0].y
                for glyph in run:
                    glyph.raised, glyph.y = glyph.y > base, base
                    row.remove(glyph)
                host += run
                host.sort(key=lambda g: g.x0)
    return [row for row in kept if row]


def _runs(row: Sequence[Glyph]) -> Iterator[list[Glyph]]:
    run: list[Glyph] = []
    for glyph in list(row):
        if run and glyph.x0 - run[-1].x1 > 0.3 * glyph.size:
            yield run
            run = []
        run.append(glyph)
    if run:
        yield run


def _belongs(run: Sequence[Glyph], host: Sequence[Glyph]) -> bool:
    """Return whether small glyphs are a super- or subscript of a line: beside one of its letters, over none."""
    size, rise, first, last = host[0].size, run[0].y - host[0].y, run[0].x0, run[-1].x1
    if run[0].size > SMALLER * size or not -0.4 * size < rise < 0.8 * size:
        return False
    if any(g.x0 < last - 0.2 * size and g.x1 > first + 0.2 * size for g in host if g.size > run[0].size):
        return False
    return any(-0.2 <= (first - g.x1) / size <= 0.3 or -0.2 <= (g.x0 - last) / size <= 0.3 for g in host)


def _segments(row: Sequence[Glyph]) -> Row:
    found: Row = [[row[0]]]
    for before, glyph in itertools.pairwise(row):
        if glyph.x0 - max(g.x1 for g in found[-1][-2:]) > SEGMENT_GAP * max(before.size, glyph.size):
            found.append([])
        found[-1].append(glyph)
    return found


def _in_order(rows: list[Row]) -> list[list[Row]]:
    """Part rows into columns: what stands above a pair of columns, the left, the right, what stands below."""
    found, waiting = [], [rows]
    while waiting:
        part = waiting.pop()
        cut = _gutter(part) if len(part) >= LEAST_ROWS else None
        if cut is None:
            found += [part] if part else []
            continue
        x, first, last = cut
        left = [[s for s in row if s[0].x0 < x] for row in part[first:last]]
        right = [[s for s in row if s[0].x0 >= x] for row in part[first:last]]
        waiting += [part[last:], [r for r in right if r], [r for r in left if r], part[:first]]
    return found


def _gutter(rows: Sequence[Row]) -> tuple[float, int, int] | None:
    """Return where a column to the right begins, and between which rows, for the longest such stretch."""
    edges = Counter(round(s[0].x0) for row in rows for s in row)
    best: tuple[int, float, int, int] | None = None
    for edge, _ in edges.most_common(12):
        x = edge - 1.0
        first = 0
        for at, row in enumerate([*rows, None]):
            if row is not None and not any(s[0].x0 < x < s[-1].x1 for s in row):
                continue
            if _are_columns(rows[first:at], x) and (best is None or at - first > best[0]):
                best = at - first, x, first, at
            first = at + 1
    return None if best is None else best[1:]


def _are_columns(rows: Sequence[Row], x: float) -> bool:
    """Return whether running text, not the cells of a table, stands on both sides."""
    left = [s for row in rows for s in row if s[0].x0 < x]
    right = [s for row in rows for s in row if s[0].x0 >= x]
    if min(len(left), len(right)) < LEAST_ROWS:
        return False
    size = statistics.median(s[0].size for s in left + right)
    if min(s[0].x0 for s in right) - max(s[-1].x1 for s in left) < SEGMENT_GAP * size:
        return False
    for side in (left, right):
        width = max(s[-1].x1 for s in side) - min(s[0].x0 for s in side)
        usual = statistics.median(s[-1].x1 - s[0].x0 for s in side)
        if width < LEAST_COLUMN * size or usual < LEAST_FILLED * width:
            return False
    return True


def _spelled(line: Sequence[Glyph], blanks: Sequence[tuple[float, float]], counts: Counter[str]) -> str:
    """Return the words of a line as its gaps part them."""
    gaps = [(b.x0 - a.x1) / max(a.size, b.size, 0.1) for a, b in itertools.pairwise(line)]
    stated = _stated(line, blanks)
    wide = [gap > (STATED_GAP if said else WORD_GAP) for gap, said in zip(gaps, stated, strict=True)]
    refused = sum(said and not w for said, w in zip(stated, wide, strict=True))
    if refused >= 3 and refused * 2 > sum(stated):  # the widths of this font cannot be trusted
        wide = [w or said for w, said in zip(wide, stated, strict=True)]
    else:
        counts["joined_words"] += refused
    breaks = _closed_up(line, gaps, wide, counts)
    words: list[str] = []
    start = 0
    for end in [i + 1 for i, parted in enumerate(breaks) if parted] + [len(line)]:
        words.append(_word(line[start:end], bool(words), counts))
        start = end
    return " ".join(word for word in words if word)


def _stated(line: Sequence[Glyph], blanks: Sequence[tuple[float, float]]) -> list[bool]:
    """Return for each pair of neighbours whether the file has a space between them."""
    size = max(g.size for g in line)
    near = sorted(x for y, x in blanks if abs(y - line[0].y) <= SAME_LINE * size)
    found, at = [], 0
    for a, b in itertools.pairwise(line):
        while at < len(near) and near[at] <= a.x0:
            at += 1
        found.append(at < len(near) and near[at] <= max(a.x1, b.x0) + 0.01 * size)
    return found


def _closed_up(line: Sequence[Glyph], gaps: Sequence[float], wide: Sequence[bool], counts: Counter[str]) -> list[bool]:
    """Close words whose letters stand apart: in a run of single letters only a wider gap than usual parts words."""
    breaks = list(wide)
    edges = [0, *(i + 1 for i, parted in enumerate(wide) if parted), len(line)]
    single = [b - a == 1 and (line[a].text.isalpha() or line[a].text in CLOSING) for a, b in itertools.pairwise(edges)]
    at = 0
    for alone, group in itertools.groupby(single):
        length = len(list(group))
        first, last = edges[at], edges[at + length] - 1
        at += length
        letters = sum(g.text.isalpha() for g in line[first : last + 1])
        if not alone or letters < LEAST_SPACED:
            continue
        usual = statistics.median(gaps[first:last])
        parted = [gap > SPREAD * usual for gap in gaps[first:last]]
        if any(parted) or letters >= SURELY_SPACED:
            breaks[first:last] = parted
            counts["joined_words"] += sum(parted) + 1
    return breaks


def _word(glyphs: Sequence[Glyph], follows: bool, counts: Counter[str]) -> str:
    """Return a word; a mark of a footnote is dropped, a power is written as one."""
    word = ""
    parts = itertools.groupby(glyphs, key=lambda g: g.raised or g.text in RAISED_DIGITS)
    for raised, part in parts:
        text = "".join(g.text for g in part).translate(LIGATURES)
        if not raised:
            word += text
            continue
        plain = "".join(RAISED_DIGITS.get(c, c) for c in text)
        if set(plain) <= MARKS and _is_noted(word, follows):
            counts["footnote_marks"] += 1
        else:
            word += plain.translate(SUPERSCRIPTS)
    return word


def _is_noted(word: str, follows: bool) -> bool:
    """Return whether a raised number after this much of a word is a mark: not after a number, a variable or a unit."""
    if not word:
        return not follows
    stem = word.rstrip(CLOSING)
    return stem != word or (len(stem) >= 3 and stem[-3:].isalpha())
