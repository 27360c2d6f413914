"""Which columns tables have, found without reading their rows: a wrong name is refused before any work.

Nothing is refused that could be there: of jsonl a column lacks only where no line holds its name.
"""

import csv
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from configs.ingest import Tables
from tasks.errors import ContractError
from tasks.ingest import tables

NAMED = 8  # columns a message lists


def require_columns(paths: Sequence[Path], source: Tables) -> None:
    """Check that some table has each column that is asked for.

    Raises:
        ContractError: None has.
    """
    asked = {
        "source.text": source.text, "source.id": source.id, "source.title": source.title,
        **{f"source.keep or labels.column, {name!r}": name for name in source.keep},
    }  # fmt: skip
    for field, name in asked.items():
        if name is not None and not any(_may_have(path, name, source) for path in paths):
            known = sorted(set(itertools.chain.from_iterable(_columns(path, source) for path in paths)))
            more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
            raise ContractError(
                f"no table of {source.path} has the column {name!r} ({field}); "
                f"there are {', '.join(map(repr, known[:NAMED])) or 'none'}{more}{_way_out(known, name)}"
            )


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
    if not name.isascii() or not _writes_ascii(source.encoding):  # JSON may write it in more than one way
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
        if _is_jsonl(path):
            return _first_object(tables.lines_of(path))
        return [name for name in tables.csv_header(path, source.encoding, source.delimiter) if name]
    except (OSError, ValueError, EOFError, csv.Error, pa.ArrowException):
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
