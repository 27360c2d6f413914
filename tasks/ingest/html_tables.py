"""Tables of an HTML page as lines: a row a line, a tab between cells.

The rows of a short table stand together, so that it is found and quoted with its header; those of a long one stand
apart, each with the names of its columns.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

from tasks.ingest.html_regions import Region

LONG_TABLE = 12  # rows; of such a one the header is in another passage than most rows
LONGEST_TABLE = 400  # characters, half a passage: a shorter table is quoted whole, header and all
LONGEST_CELL = 1_000  # characters; longer ones are paragraphs that a table puts beside each other
MOST_COLUMNS = 1_000
MOST_REPEATED = 200_000  # characters of a table that stand in several rows, written into each


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a heading, a row of a table or a piece of code.

    Attributes:
        text: Its lines.
        region: The part of the page it is in that is perhaps left out; None for none.
        level: Of a heading, 1 to 6; 0 for all else.
        code: Whether its blanks and line ends count.
        follows: Whether it belongs to what stands before it.
    """

    text: str
    region: Region | None = None
    level: int = 0
    code: bool = False
    follows: bool = False


@dataclass(slots=True)
class Cell:
    """A cell of a table.

    Attributes:
        header: Whether it names a column or a row.
        columns: How many it spans.
        rows: How many it spans.
        blocks: What is in it.
    """

    header: bool = False
    columns: int = 1
    rows: int = 1
    blocks: list[Block] = field(default_factory=list)


@dataclass(slots=True)
class Row:
    """A row of a table.

    Attributes:
        heads: Whether it stands in `thead`.
        caption: Whether it is the caption.
        cells: In order.
    """

    heads: bool = False
    caption: bool = False
    cells: list[Cell] = field(default_factory=list)


@dataclass(slots=True)
class OpenTable:
    """A table that is being read.

    Attributes:
        region: The part of the page it is in.
        regions: How many such parts were open where it began.
        rows: So far.
        in_head: Whether `thead` is open.
        nests: Whether a table or a heading is in it: it puts things beside each other.
        cell: The cell that is open.
    """

    region: Region | None
    regions: int = 0
    rows: list[Row] = field(default_factory=list)
    in_head: bool = False
    nests: bool = False
    cell: Cell | None = None


def span(stated: str | None) -> int:
    """Return how many columns or rows a cell spans."""
    return min(max(int(stated), 1), MOST_COLUMNS) if stated and stated.isascii() and stated.isdigit() else 1


def blocks_of(table: OpenTable) -> list[Block]:
    """Return a table as blocks, a row each; one that only puts things beside each other as these things."""
    cells = (cell for row in table.rows for cell in row.cells)
    if table.nests or any(_is_long(cell.blocks) for cell in cells):
        return [block for row in table.rows for block in _beside(row, table.region)]
    found = [block for row in table.rows if row.caption for cell in row.cells for block in cell.blocks]
    rows = [row for row in table.rows if row.cells and not row.caption]
    heads = 0
    while heads < len(rows) and (rows[heads].heads or (not heads and _names_columns(rows[0]))):
        heads += 1
    grid = _filled(rows)
    lines = ["\t".join(part for part in row.values() if part) for row in grid]
    short = len(rows) < LONG_TABLE and sum(map(len, lines)) <= LONGEST_TABLE
    if not short and heads:
        names = _names(grid[:heads])
        lines[heads:] = [
            "\t".join(_named(names.get(at, ""), text) for at, text in r.items() if text) for r in grid[heads:]
        ]
    for line in filter(None, lines):
        found.append(Block(line, table.region, follows=short and bool(found)))
    return found


def _beside(row: Row, region: Region | None) -> list[Block]:
    """Return a row as blocks: short cells in a line, what is more than a line as it is."""
    found: list[Block] = []
    for single, cells in groupby(row.cells, key=lambda cell: len(cell.blocks) < 2 and not _keeps_form(cell.blocks)):
        if single and (text := "\t".join(words for cell in cells if (words := _words(cell.blocks)))):
            found.append(Block(text, region))
        elif not single:
            found += [block for cell in cells for block in cell.blocks]
    return found


def _keeps_form(blocks: list[Block]) -> bool:
    return any(b.level or b.code or "\t" in b.text or len(b.text) > LONGEST_CELL for b in blocks)


def _is_long(blocks: list[Block]) -> bool:
    return any(b.code and "\n" in b.text for b in blocks) or sum(len(b.text) for b in blocks) > LONGEST_CELL


def _names_columns(row: Row) -> bool:
    return len(row.cells) > 1 and all(cell.header for cell in row.cells)


def _words(blocks: Iterable[Block]) -> str:
    return " ".join(" ".join(b.text.split()) for b in blocks if not (b.region is not None and b.region.left_out))


def _filled(rows: list[Row]) -> list[dict[int, str]]:
    """Return the words of each row by column; a cell of several rows is in each of them."""
    grid: list[dict[int, str]] = []
    carried: dict[int, tuple[int, str, int]] = {}  # column: rows to come, words, columns
    repeated = 0
    for row in rows:
        made: dict[int, str] = {}
        at = 0
        above, carried = carried, {}
        waiting = deque(row.cells)
        while waiting or above:
            if not waiting and at not in above:
                at = min(above)
            if at in above:
                left, text, columns = above.pop(at)
                repeated += len(text)
                made[at] = text
                if left > 1 and repeated < MOST_REPEATED:
                    carried[at] = left - 1, text, columns
            else:
                cell = waiting.popleft()
                made[at], columns = _words(cell.blocks), cell.columns
                if cell.rows > 1:
                    carried[at] = cell.rows - 1, made[at], columns
            at += columns
        grid.append(made)
    return grid


def _names(heads: list[dict[int, str]]) -> dict[int, str]:
    """Return the name of each column: the words of its headers, from the outermost down."""
    names: dict[int, str] = {}
    columns = sorted({column for row in heads for column in row})
    for column in columns[:MOST_COLUMNS]:
        above = [row[max((c for c in row if c <= column), default=column)] for row in heads if row]
        names[column] = " ".join(dict.fromkeys(part for part in above if part))
    return names


def _named(name: str, text: str) -> str:
    return f"{name}: {text}" if name else text
