"""Which columns tables have, found without reading their rows: a wrong name is refused before any work.

A column that is only kept may be lacking, as rows may lack it; where no table has it, that is said.

Nothing is refused that could be there: of jsonl a column lacks only where no line holds its name.
"""

import csv
import functools
import itertools
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from configs.ingest import Tables
from tasks.errors import ContractError, DataError
from tasks.ingest import sheets, tables

NAMED = 8  # columns a message lists

log = logging.getLogger(__name__)


def require_columns(paths: Sequence[Path], source: Tables, required: Sequence[str] = ()) -> None:
    """Check that some table has each column that is read.

    Args:
        paths: The tables.
        source: Which columns are read, and which are kept where they are.
        required: Further columns that are read.

    Raises:
        ContractError: None has one of them.
    """
    read = [name for name in (source.text, source.id, source.title, *required) if name is not None]
    for name in dict.fromkeys([*read, *source.keep]):
        if any(_may_have(path, name, source) for path in paths):
            continue
        said = _lacking(paths, name, source)
        if name in read:
            raise ContractError(said)
        _warn_once(f"{said}; nothing is kept of it")


def _lacking(paths: Sequence[Path], name: str, source: Tables) -> str:
    known = sorted(set(itertools.chain.from_iterable(_columns(path, source) for path in paths)))
    more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
    there = ", ".join(map(repr, known[:NAMED])) or "none"
    return f"no table of {source.path} has the column {name!r}; there are {there}{more}{_way_out(known, name)}"


@functools.cache
def _warn_once(said: str) -> None:
    log.warning(said)


def _way_out(known: Sequence[str], name: str) -> str:
    """Say which delimiter would part a name that is the whole line."""
    for mark, written in ((";", "';'"), ("\t", "$'\\t'"), ("|", "'|'")):
        if any(name in column.split(mark) for column in known if mark in column):
            return f"; set source.delimiter={written}"
    return ""


def _may_have(path: Path, name: str, source: Tables) -> bool:
    """Return whether a column is there, or cannot be said not to be."""
    if not _is_jsonl(path):
        known = _columns(path, source)
        return name in known or not known
    if not name.isascii() or not _writes_ascii(
        tables.encoding_of(path, source.encoding)
    ):  # JSON may write it in more than one way
        return True
    key = json.dumps(name).encode()
    try:
        return any(key in line for line in tables.lines_of(path))
    except (OSError, ValueError, EOFError):
        return True  # what cannot be read is rejected with its reason when it is read


def _columns(path: Path, source: Tables) -> list[str]:
    """Return the names of the columns; nothing where they cannot be read."""
    try:
        if path.name.lower().endswith(".parquet"):
            return list(pq.read_schema(path).names)
        if sheets.is_sheets(path.name):
            return sheets.records(path, source.sheet)[0]
        if _is_jsonl(path):
            return _first_object(tables.lines_of(path))
        named = tables.csv_header(path, source.encoding, source.delimiter, tables.columns_of(source))
        return [name for name in named if name]
    except (OSError, ValueError, EOFError, csv.Error, DataError, pa.ArrowException):
        return []


def _writes_ascii(encoding: str) -> bool:
    try:
        return "a".encode(encoding) == b"a"
    except LookupError:
        return False


def _first_object(lines: Iterator[bytes]) -> list[str]:
    found = json.loads(next((line for line in lines if line.strip()), b"{}"))
    return list(found) if isinstance(found, dict) else []


def _is_jsonl(path: Path) -> bool:
    return path.name.lower().endswith((".jsonl", ".jsonl.gz"))
