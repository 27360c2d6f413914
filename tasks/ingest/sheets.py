"""Read the rows of a sheet of an xlsx file.

openpyxl reads the XML row by row and runs no formula and no macro: what Excel has stored last is read. A file is a zip
of XML, so what it unpacks to is held against its size first; expat refuses entities that grow.
"""

import contextlib
import datetime
import itertools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from tasks.errors import DataError
from tasks.ingest.dialects import AFTER_HEADER
from tasks.ingest.readers import version_of

MAX_UNPACKED_BYTES = 1 << 29  # of all parts; shared texts are held in memory
MAX_RATIO = 200
MAX_ROWS = 1_048_576  # Excel's own limit; a file may state any number, and rows between are counted one by one
MAX_COLUMNS = 2_000
Cells = list[Any]


def is_sheets(name: str) -> bool:
    """Return whether a file is read here, by its name."""
    return name.lower().endswith(".xlsx")


def reader() -> str:
    """Return the library that reads xlsx files and its version.

    Raises:
        MissingExtra: It is not installed.
    """
    missing = "source.path holds .xlsx but openpyxl is not here; pip install 'llm-flows[office]'"
    return version_of("openpyxl", "openpyxl", missing)


def rows_of(path: Path, sheet: str | None) -> Iterator[Cells]:
    """Yield the rows of a sheet, each up to its last cell; of a row without one an empty list.

    Args:
        path: The file.
        sheet: Name of the sheet; None for the first.

    Raises:
        DataError: It is no xlsx file, unpacks to far more than it is, or has no such sheet.
        MissingExtra: openpyxl is not installed.
    """
    reader()
    _check_size(path)
    with path.open("rb") as file:
        try:
            book = open_book(file)
        except Exception as error:  # a file of strangers: openpyxl raises what its XML leads to
            raise DataError(f"{path.name} is not whole xlsx: {type(error).__name__} {str(error)[:120]}") from error
        with contextlib.closing(book):
            yield from _rows(path, _sheet(path, book, sheet))


def open_book(file: BinaryIO, *, formulas: bool = False) -> Any:
    """Return a workbook that is read row by row: what Excel has stored last, or the formulas in its place."""
    import openpyxl

    return openpyxl.load_workbook(file, read_only=True, data_only=not formulas, keep_links=False)


def cells_of(sheet: Any) -> Iterator[Any]:
    """Return the rows of a sheet, each with its cells as openpyxl has them."""
    sheet.reset_dimensions()  # what a file states of them may be wrong
    return iter(sheet.iter_rows(min_row=1, max_row=MAX_ROWS, max_col=MAX_COLUMNS))


def _check_size(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(
                part.file_size for part in packed.infolist()
            )  # zipfile unpacks no more of a part than it states
    except zipfile.BadZipFile as error:
        raise DataError(
            f"{path.name} is no xlsx file, or is protected by a password; save it as xlsx without"
        ) from error
    if size > most_unpacked(path.stat().st_size):
        raise DataError(f"{path.name} unpacks to {size:,} bytes, more than is read; save it as csv")


def most_unpacked(size: int) -> int:
    """Return how many bytes a package of so many may unpack to."""
    return min(MAX_UNPACKED_BYTES, max(size * MAX_RATIO, 1 << 24))


def _sheet(path: Path, book: Any, sheet: str | None) -> Any:
    names = [each.title for each in book.worksheets]
    if not names or (sheet is not None and sheet not in names):
        there = ", ".join(map(repr, names[:8])) or "none"
        raise DataError(f"{path.name} has no sheet {sheet or 'of cells'!r}; there are {there}; set source.sheet")
    return book.worksheets[0 if sheet is None else names.index(sheet)]


def _rows(path: Path, sheet: Any) -> Iterator[Cells]:
    read = cells_of(sheet)
    while True:
        try:
            row = next(read)
        except StopIteration:
            return
        except Exception as error:
            raise DataError(f"{path.name} is not whole xlsx: {type(error).__name__} {str(error)[:120]}") from error
        cells = [value_of(cell) for cell in row]
        while cells and cells[-1] is None:
            cells.pop()
        yield cells


def value_of(cell: Any) -> Any:
    """Return what a cell holds: nothing for an error of Excel, a date where its format shows no time."""
    value = cell.value
    if getattr(cell, "data_type", "") == "e":
        return None
    if (
        isinstance(value, datetime.datetime)
        and value.time() == datetime.time()
        and "h" not in cell.number_format.lower()
    ):
        return value.date()
    return value


def records(path: Path, sheet: str | None) -> tuple[list[str], Iterator[tuple[int, dict[str, Any]]]]:
    """Return the header of a sheet, and its rows by column with their numbers in it; rows without a cell are none.

    Columns without a name are left out, as spreadsheets leave some behind.

    Raises:
        DataError: As `rows_of`, or a column is named twice.
        MissingExtra: openpyxl is not installed.
    """
    rows = rows_of(path, sheet)
    header = ["" if cell is None else str(cell) for cell in next(rows, [])]
    named = [name for name in header if name]
    if len(set(named)) != len(named):
        raise DataError(f"{path.name} names a column twice in {header[:8]}")
    filled = ((number, dict(zip(header, itertools.chain(cells, itertools.repeat(None)), strict=False)))
              for number, cells in enumerate(rows, start=AFTER_HEADER) if cells)  # fmt: skip
    return named, filled
