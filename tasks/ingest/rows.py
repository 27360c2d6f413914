"""Read rows of tables and data sets cell by cell; rows that repeat a text stay: a question may have many answers."""

import csv
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from configs.ingest import Hub, Tables
from tasks.data.cells import CellRow
from tasks.data.documents import Item, Rejected
from tasks.errors import DataError
from tasks.ingest import hub, tables
from tasks.ingest.sources import place

PLAIN = (str, int, float, bool)


def read_rows(source: Tables | Hub, items: Sequence[Item], columns: Sequence[str]) -> Iterator[CellRow | Rejected]:
    """Yield the cells of every row of a listed source.

    Args:
        source: Where the rows are.
        items: What listing it has found.
        columns: Which cells; a row may lack them.
    """
    if isinstance(source, Hub):
        wanted = source.model_copy(update={"text": columns[0], "keep": tuple(columns[1:]), "id": None, "title": None})
        for number, row in enumerate(hub.rows_of(wanted, items), start=1):
            yield _row(f"{source.split}#{number}", row, columns, source.max_row_mb)
        return
    root = place(source)
    for item in items:
        yield from _file(root if root.is_file() else root / item.name, item, source, columns)


def _file(path: Path, item: Item, source: Tables, columns: Sequence[str]) -> Iterator[CellRow | Rejected]:
    if tables.has_changed(path, item):
        yield Rejected(item.name, "changed", "changed since it was listed; run again")
        return
    try:
        for number, row in tables.rows_in(path, source.encoding, columns, source.delimiter, source.sheet):
            yield _row(f"{item.name}#{number}", row, columns, source.max_row_mb)
    except (OSError, EOFError, zlib.error, csv.Error, ValueError, DataError) as error:
        yield Rejected(item.name, "unreadable", f"cannot be read as {path.suffix.lstrip('.')}: {str(error)[:200]}")


def _row(name: str, row: Any, columns: Sequence[str], max_mb: float) -> CellRow | Rejected:
    if isinstance(row, Exception):  # how the reader gives a row that cannot be parsed
        return Rejected(name, "bad-row", str(row))
    if columns[0] not in row:
        known = ", ".join(repr(str(column)[:40]) for column in list(row)[:8])
        return Rejected(name, "bad-row", f"has no value in column {columns[0]!r}; it has {known}")
    given = {column: row.get(column) for column in columns}
    cells: dict[str, Any] = {column: value for column, value in given.items() if isinstance(value, PLAIN)}
    cells |= {column: list(map(_turn, value)) for column, value in given.items() if _holds_turns(value)}
    stored = json.dumps(cells, ensure_ascii=True)
    if len(stored) > max_mb * 1_000_000:
        return Rejected(name, "too-large", f"has over {max_mb} MB; raise source.max_row_mb")
    return CellRow(name, stored)


def _holds_turns(value: Any) -> bool:
    """Return whether a cell is a list of turns of a conversation, as TRL and the hub keep it."""
    return isinstance(value, list) and all(isinstance(turn, dict) for turn in value)


def _turn(turn: dict[str, Any]) -> dict[str, Any]:
    """Return role and content of a turn; what is neither text nor number is null."""
    return {name: turn[name] if isinstance(turn.get(name), PLAIN) else None for name in ("role", "content")}
