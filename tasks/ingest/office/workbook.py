"""Read the visible sheets of a workbook, row by row.

openpyxl reads what Excel has stored last; it runs no formula and no macro.
"""

import datetime
import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from tasks.ingest.cells import duration
from tasks.ingest.office.contents import OfficeContents
from tasks.ingest.office.grid import GridRow, add_rows
from tasks.ingest.office.package import count_parts
from tasks.ingest.sheets import cells_of, open_book, value_of

FORMULA = re.compile(rb"<(?:\w+:)?f[ />]")
SHEET = re.compile(r"xl/worksheets/[^/]+\.xml")


def read(package: zipfile.ZipFile, content: bytes) -> OfficeContents:
    """Return blocks of rows of each visible sheet."""
    found = OfficeContents()
    book = open_book(io.BytesIO(content))
    computed = any(FORMULA.search(package.read(name)) for name in package.namelist() if SHEET.fullmatch(name))
    formulas = open_book(io.BytesIO(content), formulas=True) if computed else None
    shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    for sheet in shown:
        beside = cells_of(formulas[sheet.title]) if formulas is not None else None
        add_rows(found, _rows(cells_of(sheet), beside, found), (sheet.title,), f"sheet {sheet.title}")
    hidden = [sheet.title for sheet in book.worksheets if sheet.sheet_state != "visible"]
    found.leave("hidden_sheets", len(hidden), "hidden sheet", f" ({', '.join(hidden[:5])})")
    unknown = found.counts.pop("formulas", 0)
    found.leave("formulas", unknown, "formula", " without a value: open it in Excel and save it")
    found.leave("errors", found.counts.pop("errors", 0), "cell", " that holds an error")
    found.leave("charts", count_parts(package, r"xl/charts/chart\d*\.xml"), "chart")
    found.leave("pictures", count_parts(package, r"xl/media/[^/]+"), "picture")
    return found


def _rows(rows: Iterator[Any], beside: Iterator[Any] | None, found: OfficeContents) -> Iterator[GridRow]:
    for number, row in enumerate(rows, start=1):
        written = next(beside, ()) if beside is not None else ()
        values = [cell.value for cell in row]
        found.counts["formulas"] += sum(
            cell.data_type == "f" and (at >= len(values) or values[at] is None) for at, cell in enumerate(written)
        )
        found.counts["errors"] += sum(getattr(cell, "data_type", "") == "e" for cell in row)
        yield number, [_text(cell) for cell in row]


def _text(cell: Any) -> str:
    """Return what a cell shows: percent as such, dates as ISO."""
    value = value_of(cell)
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime.timedelta):
        return duration(value)
    if isinstance(value, int | float):
        share = "%" in (cell.number_format or "")
        return f"{value * 100:.12g}%" if share else f"{value:.15g}"  # 15 digits are what Excel keeps
    return str(value)
