"""Rows of cells to sections: each row names its columns, so that it is found and quoted by itself.

Source: ours; long tables of HTML pages are read the same way.
"""

import csv
import itertools
from collections.abc import Iterable, Iterator, Sequence

from tasks.ingest.cells import is_missing
from tasks.ingest.dialects import AUTO, DELIMITERS, SURE, find_delimiter, find_encoding, records_of
from tasks.ingest.files import decode
from tasks.ingest.office.contents import FileRefused, OfficeContents
from tasks.ingest.sections import Section

BLOCK = 1_500  # characters of a section: about two passages
SEARCHED = 20  # first rows among which the header is looked for
HEAD = 1 << 20  # characters by which the delimiter is found
USUAL = {"csv": ",", "tsv": "\t"}

GridRow = tuple[int, list[str]]  # number in the file from 1, cells


def names_columns(cells: Sequence[str]) -> bool:
    """Return whether a row may name columns: two cells at least, and none of them a number."""
    filled = [cell for cell in cells if cell]
    return len(filled) > 1 and not any(_is_number(cell) for cell in filled)


def _is_number(cell: str) -> bool:
    year = len(cell) == 4 and cell.isdigit() and cell[:2] in ("19", "20")
    return any(c.isdigit() for c in cell) and not any(c.isalpha() for c in cell) and not year


def add_rows(found: OfficeContents, rows: Iterable[GridRow], headings: tuple[str, ...], place: str = "") -> None:
    """Add a section for each block of rows.

    Args:
        found: What gets them.
        rows: All of a sheet; those without a cell part one table from the next.
        headings: Of each section.
        place: Of each section.
    """
    for block in _blocks(itertools.chain.from_iterable(_lines(table) for table in _tables(rows))):
        text, starts = "", []
        for number, line in block:
            text += "\n\n" if text else ""
            starts.append(f"{len(text)}:{number}")
            text += line
        found.add(Section(headings, text, 0, place, " ".join(starts)))


def _tables(rows: Iterable[GridRow]) -> Iterator[list[GridRow]]:
    """Yield the tables of a sheet: after an empty row another may begin with the names of its columns.

    It does where a row without numbers stands above one with numbers and has as many cells, none of them a word for a
    missing one, so that a row of words after a gap is not taken for names.
    """
    table: list[GridRow] = []
    gap = numbers = False
    cleaned = ((number, [" ".join(cell.split()) for cell in row]) for number, row in rows)
    for (number, cells), (_, after) in itertools.pairwise(itertools.chain(cleaned, [(0, [])])):
        if not any(cells):
            gap = bool(table)
            continue
        named = names_columns(cells)
        if gap and named and numbers and _names(cells, after):
            yield table
            table, numbers = [], False
        numbers = numbers or not named
        gap = False
        table.append((number, cells))
    yield table


def _names(cells: Sequence[str], after: Sequence[str]) -> bool:
    """Return whether a row without numbers names the columns of the row below it."""
    filled, below = [cell for cell in cells if cell], [cell for cell in after if cell]
    whole = len(filled) >= len(below) > 1 and not any(is_missing(cell) for cell in filled)
    return whole and any(map(_is_number, below))


def _lines(table: Sequence[GridRow]) -> Iterator[tuple[int, str]]:
    """Yield the number of each row and its line; the header is in the lines of the rows below."""
    at = next((n for n, (_, cells) in enumerate(table[:SEARCHED]) if names_columns(cells)), None)
    names = [] if at is None or at == len(table) - 1 else table[at][1]
    for n, (number, cells) in enumerate(table):
        if not names or at is None or n < at:
            yield number, "\t".join(filter(None, cells))
        elif n > at:
            named = itertools.zip_longest(names, cells[: len(names)], fillvalue="")
            line = [f"{name}: {cell}" if name else cell for name, cell in named if cell]
            yield number, "\t".join([*line, *filter(None, cells[len(names) :])])


def _blocks(lines: Iterable[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    block: list[tuple[int, str]] = []
    size = 0
    for number, line in lines:
        if block and size + len(line) > BLOCK:
            yield block
            block, size = [], 0
        block.append((number, line))
        size += len(line)
    if block:
        yield block


def read(content: bytes, kind: str, encoding: str) -> OfficeContents:
    """Return the rows of a csv or tsv file, whose delimiter is found.

    Raises:
        FileRefused: It is not of that encoding, or not whole.
    """
    found = OfficeContents()
    written = find_encoding(content) if encoding == AUTO else encoding
    text = decode(content, written)
    if text is None:
        detail = f"is not {written}; set source.encoding=NAME, or source.encoding=auto to find it for each"
        raise FileRefused("not-decodable", detail)
    if encoding == AUTO and written not in SURE:
        found.meta["encoding"] = written
    delimiter = find_delimiter(text[:HEAD], ())
    if delimiter != USUAL[kind] and delimiter in text:
        found.meta["delimiter"] = DELIMITERS[delimiter]
    csv.field_size_limit(1 << 30)
    try:
        add_rows(found, enumerate(records_of(text, delimiter), start=1), ())
    except csv.Error as error:
        raise FileRefused("unreadable", f"is not whole {kind}: {error}; save it again") from error
    return found
