"""What stands in a cell of a table, as text: as pandas, Excel and JSON write it.

Source: ours; dates and times are ISO 8601.
"""

import datetime
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal

from tasks.data.documents import Reason
from tasks.errors import DataError
from tasks.text.sentences import unfit

MAX_LENGTH = 512
MAX_EXACT = 2**53  # beyond it neighbouring whole numbers are one and the same float
MISSING = (  # what `pandas.read_csv` takes for a cell that is not there, and NaT, which it writes
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "NaT", "None", "n/a", "nan", "null",
)  # fmt: skip
WORDS = ("N/A", "NA", "NULL", "None", "n/a", "null")  # those of them that may be names
WHOLE = re.compile(r"-?\d+\.0")
COMMA = re.compile(r"-?(?:\d{1,3}(?:\.\d{3})+|\d+),\d+")
NUMBER = re.compile(rf"{COMMA.pattern}|-?\d+")
Written = Literal["whole", "comma"]


class CellError(DataError):
    """A cell holds what it may not."""

    def __init__(self, message: str, reason: Reason = "bad-row") -> None:
        super().__init__(message)
        self.reason = reason


def is_missing(value: Any) -> bool:
    """Return whether a cell holds nothing: null, NaN, NaT, or a word that pandas reads as one of them."""
    if isinstance(value, float | Decimal):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and value.strip() in MISSING) or type(value).__name__ == "NaTType"


def name_in(row: Mapping[str, Any], column: str | None) -> str:
    """Return a cell that names something; empty where no column was asked for.

    Raises:
        CellError: It holds nothing that can be a name; a number that is not finite, or not exact, names nothing.
    """
    if column is None:
        return ""
    value = row.get(column)
    if isinstance(value, float) and not (math.isfinite(value) and abs(value) <= MAX_EXACT):
        raise CellError(f"column {column!r} holds {value}, which is no exact number", "not-a-number")
    return _text(value, column)


def kept_in(row: Mapping[str, Any], column: str) -> str | None:
    """Return a cell that is kept, None where it holds nothing; a list of cells is JSON, a truth value in lower case.

    Raises:
        CellError: It holds what no cell may.
    """
    value = row.get(column)
    if is_missing(value):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return json.dumps([_text(item, column) for item in value if not is_missing(item)], ensure_ascii=False)
    return _text(value, column)


def _text(value: Any, column: str) -> str:
    text = _plain(value)
    if text is None:
        raise CellError(f"column {column!r} holds {type(value).__name__}, a name or number was needed")
    if len(text) > MAX_LENGTH or unfit(text) is not None:
        raise CellError(f"column {column!r} is empty, not text, or longer than {MAX_LENGTH} characters")
    return text


def _plain(value: Any) -> str | None:
    """Return a value as text: dates as ISO has them, whole numbers without a point; None where it is no cell's."""
    match value:
        case bool():
            return None
        case float() if value.is_integer() and abs(value) <= MAX_EXACT:
            return str(int(value))
        case Decimal():
            return str(int(value)) if value == value.to_integral_value() else format(value.normalize(), "f")
        case datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta():
            return duration(value)
        case str() | int() | float():
            return str(value)
    return None


def duration(value: datetime.timedelta) -> str:
    """Return a length of time as Excel shows it, `36:05:00`: hours count on beyond a day."""
    seconds, micro = divmod(abs(value) // datetime.timedelta(microseconds=1), 1_000_000)
    part = f".{micro:06}".rstrip("0").rstrip(".")
    sign = "-" if value < datetime.timedelta() else ""
    return f"{sign}{seconds // 3_600}:{seconds // 60 % 60:02}:{seconds % 60:02}{part}"


def count_missing(row: Mapping[str, Any], columns: Iterable[str], found: Counter[tuple[str, str]]) -> None:
    """Count the words of a row that are read as cells that are not there and may be names, by column."""
    cells = ((name, row.get(name)) for name in columns)
    found.update((name, cell.strip()) for name, cell in cells if isinstance(cell, str) and cell.strip() in WORDS)


def missing_notes(found: Mapping[tuple[str, str], int]) -> list[str]:
    """Say which words were read as cells that are not there."""
    return [
        f"column {column!r}: {word} is read as a missing cell in {count:,} {'row' if count == 1 else 'rows'}; write "
        "another word if it is a value"
        for (column, word), count in sorted(found.items())
    ]


def written_as(cells: Mapping[str, Iterable[str]], delimiter: str) -> dict[str, Written]:
    """Say which columns of a csv file hold numbers that are written in a way of their own.

    Args:
        cells: Every cell of each column.
        delimiter: Between cells; where it is a comma, none stands within a number.

    Returns:
        `whole`: every number ends with ".0", as pandas writes whole numbers beside missing ones; `comma`: some have a
        decimal comma, and all are numbers.
    """
    found: dict[str, Written] = {}
    for column, values in cells.items():
        given = {value for value in values if not is_missing(value)}
        if given and all(WHOLE.fullmatch(value) for value in given):
            found[column] = "whole"
        elif delimiter != "," and any(map(COMMA.fullmatch, given)) and all(map(NUMBER.fullmatch, given)):
            found[column] = "comma"
    return found


def as_number(cell: str, written: Written) -> str:
    """Return a cell of such a column with a decimal point, and without one where it is whole."""
    if is_missing(cell):
        return cell
    return cell.removesuffix(".0") if written == "whole" else cell.replace(".", "").replace(",", ".")
