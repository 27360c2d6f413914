"""Read rows of jsonl, csv and parquet files, one document a row; a bad row costs that row."""

import csv
import gzip
import io
import json
import math
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from configs.ingest import Tables
from tasks.errors import DataError
from tasks.ingest.files import decode
from tasks.rows import Document, Item, Reason, Rejected
from tasks.text import unfit

PATTERNS = ("*.jsonl", "*.jsonl.gz", "*.csv", "*.parquet")
MAX_UNPACKED_BYTES = 4 << 30
MAX_RATIO = 200
MAX_COLUMNS = 2_000
MAX_ID_LENGTH = 512

Row = Mapping[str, Any]


class _BadRow(Exception):
    """A row that cannot be used."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def read_table(path: Path, item: Item, source: Tables) -> Iterator[Document | Rejected]:
    """Read one file row by row.

    Args:
        path: The file.
        item: As it was scanned.
        source: Names of the columns, encoding, limit of a row.
    """
    if item.reason:
        yield Rejected(item.name, item.reason, f"not read: {item.reason}")  # type: ignore[arg-type]
        return
    try:
        for number, row in _rows(path, source.encoding):
            name = f"{item.name}#{number}"
            try:
                yield _document(row, name, item.name, number, source)
            except _BadRow as bad:
                yield Rejected(name, bad.reason, bad.detail)
    except (OSError, EOFError, zlib.error, ValueError, DataError) as error:
        yield Rejected(item.name, "unreadable", f"cannot be read as {path.suffix.lstrip('.')}: {str(error)[:200]}")


def _document(row: Row | _BadRow, name: str, origin: str, number: int, source: Tables) -> Document:
    if isinstance(row, _BadRow):
        raise row
    text = row.get(source.text)
    if text is None:
        raise _BadRow(
            "bad-row", f"has no value in column {source.text!r}; it has {', '.join(map(str, list(row)[:8]))}"
        )
    if not isinstance(text, str):
        raise _BadRow("not-text", f"column {source.text!r} holds {type(text).__name__}, text was needed")
    if len(text.encode("utf-8", "surrogatepass")) > source.max_row_mb * 1_000_000:
        raise _BadRow("too-large", f"its text has over {source.max_row_mb} MB; raise source.max_row_mb")
    if (found := unfit(text)) is not None:
        raise _BadRow(*found)
    identity = _scalar(row, source.id) or name
    title = _scalar(row, source.title)
    return Document(id=identity, text=text, title=title, source="tables", path=origin, line=number, kind="row")


def _scalar(row: Row, column: str | None) -> str:
    """Return a short cell as text; a number that is not finite, or not exact, names nothing."""
    if column is None:
        return ""
    value = row.get(column)
    if isinstance(value, float) and not math.isfinite(value):
        raise _BadRow("not-a-number", f"column {column!r} holds {value}")
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise _BadRow("bad-row", f"column {column!r} holds {type(value).__name__}, a name or number was needed")
    text = str(value)
    if len(text) > MAX_ID_LENGTH or unfit(text) is not None:
        raise _BadRow("bad-row", f"column {column!r} is empty, not text, or longer than {MAX_ID_LENGTH} characters")
    return text


def _rows(path: Path, encoding: str) -> Iterator[tuple[int, Row | _BadRow]]:
    """Yield (number from 1, row) of a file, a row that cannot be parsed as the reason why."""
    name = path.name.lower()
    if name.endswith((".jsonl", ".jsonl.gz")):
        yield from _jsonl(path, encoding)
    elif name.endswith(".csv"):
        yield from _csv(path, encoding)
    elif name.endswith(".parquet"):
        yield from _parquet(path)
    else:
        raise DataError(f"{path.name} is not one of {', '.join(PATTERNS)}")


def _jsonl(path: Path, encoding: str) -> Iterator[tuple[int, Row | _BadRow]]:
    lines = _unpacked(path) if path.name.lower().endswith(".gz") else path.open("rb")
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, _parse(line, encoding)


def _parse(line: bytes, encoding: str) -> Row | _BadRow:
    text = decode(line, encoding)
    if text is None:
        return _BadRow("not-decodable", f"is not {encoding}; say source.encoding=NAME")
    try:
        row = json.loads(text, object_pairs_hook=_unique)
    except _BadRow as bad:
        return bad
    except (ValueError, RecursionError) as error:
        return _BadRow("bad-row", f"is not JSON: {type(error).__name__} {str(error)[:120]}")
    return (
        row if isinstance(row, dict) else _BadRow("bad-row", f"is a JSON {type(row).__name__}, an object was needed")
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise _BadRow("bad-row", "names a key twice")
    return row


def _unpacked(path: Path) -> Iterator[bytes]:
    """Yield lines of a gzip file, stopping at a bomb."""
    limit = min(MAX_UNPACKED_BYTES, max(path.stat().st_size * MAX_RATIO, 1 << 20))
    read = 0
    with gzip.open(path, "rb") as file:
        while line := file.readline(limit + 1):
            read += len(line)
            if read > limit:
                raise DataError(
                    f"{path.name} unpacks to over {limit:,} bytes, {MAX_RATIO} times its size; unpack it yourself"
                )
            yield line


def _csv(path: Path, encoding: str) -> Iterator[tuple[int, Row | _BadRow]]:
    text = decode(path.read_bytes(), encoding)
    if text is None:
        raise DataError(f"{path.name} is not {encoding}; say source.encoding=NAME")
    csv.field_size_limit(1 << 30)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = next(reader, [])
    if len(set(header)) != len(header):
        raise DataError(f"{path.name} names a column twice in {header[:8]}")
    for number, cells in enumerate(reader, start=1):
        if len(cells) == len(header):
            yield number, dict(zip(header, cells, strict=True))
        elif cells:
            yield number, _BadRow("bad-row", f"has {len(cells)} cells but the header {len(header)}")


def _parquet(path: Path) -> Iterator[tuple[int, Row | _BadRow]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        if len(file.schema_arrow) > MAX_COLUMNS:
            raise DataError(f"{path.name} has {len(file.schema_arrow)} columns, at most {MAX_COLUMNS} are read")
        number = 0
        for batch in file.iter_batches(batch_size=1_024):
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except pa.ArrowException as error:
        raise DataError(f"{path.name} is not whole Parquet: {str(error)[:160]}") from error
