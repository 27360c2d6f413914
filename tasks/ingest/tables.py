"""Read rows of jsonl, csv and parquet files, one document a row; a bad row costs that row."""

import contextlib
import csv
import gzip
import io
import json
import math
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from configs.ingest import Hub, Tables
from tasks.data.documents import Document, Item, Reason, Rejected
from tasks.errors import DataError
from tasks.ingest.files import decode, describe_file
from tasks.text.sentences import unfit

PATTERNS = ("*.jsonl", "*.jsonl.gz", "*.csv", "*.parquet")
MAX_UNPACKED_BYTES = 4 << 30
MAX_RATIO = 200
HEAD_BYTES = 1 << 20  # in which the first record of a csv file ends
MAX_COLUMNS = 2_000
MAX_ID_LENGTH = 512
MAX_EXACT = 2**53  # beyond it neighbouring whole numbers are one and the same float

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
        item: As it was listed.
        source: Names of the columns, encoding, limit of a row.
    """
    if item.reason:
        yield Rejected(item.name, item.reason, f"not read: {item.reason}")  # type: ignore[arg-type]
        return
    if describe_file(path.resolve(), item.name, item.size) != item:
        yield Rejected(item.name, "changed", "changed since it was listed; run again")
        return
    number = 0
    try:
        wanted = [name for name in (source.text, source.id, source.title, *source.keep) if name]
        for number, row in rows_in(path, source.encoding, wanted, source.delimiter):
            yield read_row(row, f"{item.name}#{number}", item.name, number, source)
    except (OSError, EOFError, zlib.error, csv.Error, ValueError, DataError) as error:
        yield Rejected(item.name, "unreadable", f"cannot be read as {path.suffix.lstrip('.')}: {str(error)[:200]}")
    else:
        if number == 0:
            yield Rejected(item.name, "empty", "has no rows")


def read_row(row: Row | _BadRow, name: str, origin: str, number: int, source: Tables | Hub) -> Document | Rejected:
    """Make a document of one row, or say why it is rejected.

    Args:
        row: Its cells, or why it could not be parsed.
        name: What it is called where no column names it.
        origin: Where it stands.
        number: Its number there, from 1.
        source: Names of the columns, limit of a row.
    """
    try:
        return _document(row, name, origin, number, source)
    except _BadRow as bad:
        return Rejected(name, bad.reason, bad.detail)


def _document(row: Row | _BadRow, name: str, origin: str, number: int, source: Tables | Hub) -> Document:
    if isinstance(row, _BadRow):
        raise row
    text = row.get(source.text)
    if text is None:
        known = ", ".join(repr(str(name)[:40]) for name in list(row)[:8])
        raise _BadRow("bad-row", f"has no value in column {source.text!r}; it has {known}")
    if not isinstance(text, str):
        raise _BadRow("not-text", f"column {source.text!r} holds {type(text).__name__}, text was needed")
    if len(text.encode("utf-8", "surrogatepass")) > source.max_row_mb * 1_000_000:
        raise _BadRow("too-large", f"its text has over {source.max_row_mb} MB; raise source.max_row_mb")
    if (found := unfit(text)) is not None:
        raise _BadRow(*found)
    identity = _scalar(row, source.id) or name
    title = _scalar(row, source.title)
    meta = {column: _kept(row, column) for column in source.keep if row.get(column) not in (None, "")}
    return Document(
        id=identity, text=text, title=title, source=source.kind, path=origin, line=number, kind="row", meta=meta
    )


def _scalar(row: Row, column: str | None) -> str:
    """Return a short cell as text; a number that is not finite, or not exact, names nothing."""
    if column is None:
        return ""
    value = row.get(column)
    if isinstance(value, float) and not (math.isfinite(value) and abs(value) <= MAX_EXACT):
        raise _BadRow("not-a-number", f"column {column!r} holds {value}, which is no exact number")
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise _BadRow("bad-row", f"column {column!r} holds {type(value).__name__}, a name or number was needed")
    text = str(value)
    if len(text) > MAX_ID_LENGTH or unfit(text) is not None:
        raise _BadRow("bad-row", f"column {column!r} is empty, not text, or longer than {MAX_ID_LENGTH} characters")
    return text


def _kept(row: Row, column: str) -> str:
    """Return a cell that is kept as text; a list of short cells as JSON, a truth value in small letters."""
    value = row.get(column)
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, list):
        return _scalar(row, column)
    return json.dumps([_scalar({column: item}, column) for item in value], ensure_ascii=False)


def rows_in(
    path: Path, encoding: str, wanted: Sequence[str], delimiter: str = ","
) -> Iterator[tuple[int, Row | _BadRow]]:
    """Yield (number from 1, row) of a file, a row that cannot be parsed as the reason why.

    Args:
        path: The file.
        encoding: How jsonl and csv are written.
        wanted: Columns that are read of Parquet; it must have the first.
        delimiter: Between the cells of csv.
    """
    name = path.name.lower()
    if name.endswith((".jsonl", ".jsonl.gz")):
        yield from _jsonl(path, encoding)
    elif name.endswith(".csv"):
        yield from _csv(path, encoding, delimiter)
    elif name.endswith(".parquet"):
        yield from _parquet(path, wanted)
    else:
        raise DataError(f"{path.name} is not one of {', '.join(PATTERNS)}")


def _jsonl(path: Path, encoding: str) -> Iterator[tuple[int, Row | _BadRow]]:
    for number, line in enumerate(lines_of(path), start=1):
        if line.strip():
            yield number, _parse(line, encoding)


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield the lines of a jsonl file, packed or not.

    Raises:
        DataError: It unpacks to far more than it is.
    """
    opened: Generator[bytes] | BinaryIO = _unpacked(path) if path.name.lower().endswith(".gz") else path.open("rb")
    with contextlib.closing(opened) as lines:
        yield from lines


def _parse(line: bytes, encoding: str) -> Row | _BadRow:
    text = decode(line, encoding)
    if text is None:
        return _BadRow("not-decodable", f"is not {encoding}; set source.encoding=NAME")
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


def _unpacked(path: Path) -> Generator[bytes]:
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


def csv_header(path: Path, encoding: str, delimiter: str) -> list[str]:
    """Return the first record of a csv file; nothing where it is not of that encoding, or longer than `HEAD_BYTES`."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    whole = head if len(head) < HEAD_BYTES else head[: head.rfind(b"\n") + 1]
    text = decode(whole, encoding)
    return [] if text is None else next(_reader(text, delimiter), [])


def _reader(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _csv(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, Row | _BadRow]]:
    text = decode(path.read_bytes(), encoding)
    if text is None:
        raise DataError(f"{path.name} is not {encoding}; set source.encoding=NAME")
    csv.field_size_limit(1 << 30)
    reader = _reader(text, delimiter)
    header = next(reader, [])
    named = [name for name in header if name]  # spreadsheets leave columns without a name at the end
    if len(set(named)) != len(named):
        raise DataError(f"{path.name} names a column twice in {header[:8]}")
    for number, cells in enumerate(_records(reader), start=1):
        if isinstance(cells, _BadRow):
            yield number, cells
        elif len(cells) == len(header):
            yield number, dict(zip(header, cells, strict=True))
        elif cells:
            yield number, _BadRow("bad-row", f"has {len(cells)} cells but the header {len(header)}")


def _records(reader: Iterator[list[str]]) -> Iterator[list[str] | _BadRow]:
    """Yield the records of a CSV file, one that is not well formed as the reason why."""
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _BadRow("bad-row", f"is not CSV: {error}")


def _parquet(path: Path, wanted: Sequence[str]) -> Iterator[tuple[int, Row | _BadRow]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            known = file.schema_arrow.names
            if len(known) > MAX_COLUMNS:
                raise DataError(f"{path.name} has {len(known)} columns, at most {MAX_COLUMNS} are read")
            if wanted[0] not in known or len(set(known)) != len(known):
                raise DataError(f"{path.name} needs one column {wanted[0]!r}, and none twice; it has {known[:8]}")
            batches = file.iter_batches(batch_size=1_024, columns=[name for name in wanted if name in known])
            rows = ((batch, at) for batch in batches for at in range(batch.num_rows))
            yield from ((number, _cells(*row)) for number, row in enumerate(rows, start=1))
    except pa.ArrowException as error:
        raise DataError(f"{path.name} is not whole Parquet: {str(error)[:160]}") from error


def _cells(batch: Any, at: int) -> Row | _BadRow:
    """Return one row of a batch; a cell that is no value of Python's is the reason why not."""
    try:
        return {name: column[at].as_py() for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    except (ValueError, OverflowError) as error:
        return _BadRow("bad-row", f"holds a value that cannot be read: {str(error)[:120]}")
