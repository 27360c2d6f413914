"""Read rows of jsonl, csv, parquet and xlsx files, one document a row; a bad row costs that row."""

import contextlib
import csv
import gzip
import json
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from configs.ingest import Hub, Tables
from tasks.data.documents import Document, Item, Reason, Rejected
from tasks.errors import DataError
from tasks.ingest import sheets
from tasks.ingest.cells import CellError, Written, as_number, count_missing, kept_in, name_in, written_as
from tasks.ingest.dialects import (
    AFTER_HEADER,
    AUTO,
    DELIMITERS,
    SURE,
    find_delimiter,
    find_encoding,
    head_of,
    records_of,
)
from tasks.ingest.files import decode, describe_file
from tasks.text.sentences import unfit

PATTERNS = ("*.jsonl", "*.jsonl.gz", "*.csv", "*.parquet", "*.xlsx")
MAX_UNPACKED_BYTES = 4 << 30
MAX_RATIO = 200
MAX_LINE_BYTES = 64 << 20  # of a jsonl row; longer ones cost themselves alone
HEAD_BYTES = 1 << 20  # in which the first record of a csv file ends
MAX_COLUMNS = 2_000
MAX_SMALL_BYTES = 64 << 20  # what Parquet may unpack to however small it is: equal values take next to nothing in it
ROW_BYTES = 512  # what a row takes as a document, beside its values

Row = Mapping[str, Any]


class _BadRow(Exception):
    """A row that cannot be used."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def read_table(
    path: Path, item: Item, source: Tables, missing: Counter[tuple[str, str]]
) -> Iterator[Document | Rejected]:
    """Read one file row by row.

    Args:
        path: The file.
        item: As it was listed.
        source: Names of the columns, encoding, limit of a row.
        missing: Counts the words in kept columns that are read as cells that are not there.
    """
    if item.reason:
        yield Rejected(item.name, item.reason, f"not read: {item.reason}")  # type: ignore[arg-type]
        return
    if has_changed(path, item):
        yield Rejected(item.name, "changed", "changed since it was listed; run again")
        return
    number = 0
    try:
        for number, row in rows_in(path, source.encoding, columns_of(source), source.delimiter, source.sheet):
            if not isinstance(row, _BadRow):
                count_missing(row, source.keep, missing)
            yield read_row(row, f"{item.name}#{number}", item.name, number, source)
    except (OSError, EOFError, zlib.error, csv.Error, ValueError, DataError) as error:
        yield Rejected(item.name, "unreadable", f"cannot be read as {path.suffix.lstrip('.')}: {str(error)[:200]}")
    else:
        if number == 0:
            yield Rejected(item.name, "empty", "has no rows")


def describe_table(path: Path, name: str) -> Item:
    """Describe one table under the name it has inside its source; what reads it counts where it is not Python alone.

    Raises:
        MissingExtra: What reads it is not installed.
    """
    item = describe_file(path.resolve(), name, 1 << 50)
    return replace(item, reader=sheets.reader()) if sheets.is_sheets(name) else item


def columns_of(source: Tables) -> list[str]:
    """Return the columns of a table that are read, the text first."""
    return [name for name in (source.text, source.id, source.title, *source.keep) if name]


def has_changed(path: Path, item: Item) -> bool:
    """Return whether a table is another than the one that was listed."""
    return replace(describe_file(path.resolve(), item.name, item.size), reader=item.reader) != item


def read_row(row: Row | _BadRow, name: str, origin: str, number: int, source: Tables | Hub) -> Document | Rejected:
    """Make a document of one row, or say why it is rejected.

    Args:
        row: Its cells, or why it could not be parsed.
        name: What it is called where no column names it.
        origin: Where it stands.
        number: Its number there, as a person sees it.
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
    try:
        identity, title = name_in(row, source.id) or name, name_in(row, source.title)
        kept = {column: kept_in(row, column) for column in source.keep}
    except CellError as error:
        raise _BadRow(error.reason, str(error)) from error
    meta = {column: value for column, value in kept.items() if value is not None}
    return Document(
        id=identity, text=text, title=title, source=source.kind, path=origin, line=number, kind="row", meta=meta
    )


def rows_in(
    path: Path, encoding: str, wanted: Sequence[str], delimiter: str | None = None, sheet: str | None = None
) -> Iterator[tuple[int, Row | _BadRow]]:
    """Yield (number, row) of a file, a row that cannot be parsed as the reason why.

    Numbers are those a person sees: of jsonl the line, of csv and xlsx the row of a spreadsheet, whose first is the
    header and in which a cell may hold line breaks; Parquet has no header, its first row is 1.

    Args:
        path: The file.
        encoding: How jsonl and csv are written; `auto` for what is found.
        wanted: Columns that are read; Parquet must have the first.
        delimiter: Between the cells of csv; None for what is found.
        sheet: Name of the sheet of xlsx; None for the first.
    """
    name = path.name.lower()
    if name.endswith((".jsonl", ".jsonl.gz")):
        yield from _jsonl(path, encoding)
    elif name.endswith(".csv"):
        yield from _csv(path, encoding, wanted, delimiter)
    elif name.endswith(".parquet"):
        yield from _parquet(path, wanted)
    elif sheets.is_sheets(name):
        yield from sheets.records(path, sheet)[1]
    else:
        raise DataError(f"{path.name} is not one of {', '.join(PATTERNS)}")


def found_in(path: Path, source: Tables, columns: Sequence[str]) -> list[str]:
    """Say what was found out of how a file is written, where that was left open and is not the usual.

    Args:
        path: The file.
        source: What is stated of it.
        columns: Which it is to have.
    """
    name, said = path.name.lower(), []
    if name.endswith((".parquet", ".xlsx")):
        return []
    encoding = encoding_of(path, source.encoding)
    if source.encoding == AUTO and encoding not in SURE:
        said.append(f"{path.name} is read as {encoding}, which is a guess; set source.encoding")
    if name.endswith(".csv") and source.delimiter is None:
        head = _head(path, encoding)
        delimiter = find_delimiter(head, columns)
        if delimiter != "," and delimiter in head:
            said.append(f"{path.name} has {DELIMITERS[delimiter]} between cells, as found")
    return said


def encoding_of(path: Path, encoding: str) -> str:
    """Return how a jsonl or csv file is written: as stated, or as found."""
    if encoding != AUTO:
        return encoding
    if path.name.lower().endswith(".csv"):
        return find_encoding(path.read_bytes())
    with contextlib.closing(lines_of(path)) as lines:
        return find_encoding(head_of(lines, HEAD_BYTES))


def _jsonl(path: Path, encoding: str) -> Iterator[tuple[int, Row | _BadRow]]:
    encoding = encoding_of(path, encoding)
    for number, line in enumerate(lines_of(path), start=1):
        if len(line) > MAX_LINE_BYTES:
            yield number, _BadRow("too-large", f"has over {MAX_LINE_BYTES:,} bytes in a line; cut it into rows")
        elif line.strip():
            yield number, _parse(line, encoding)


def lines_of(path: Path) -> Generator[bytes]:
    """Yield the lines of a jsonl file, packed or not; of one over `MAX_LINE_BYTES` one byte more than that.

    Raises:
        DataError: It unpacks to far more than it is.
    """
    packed = path.name.lower().endswith(".gz")
    most = min(MAX_UNPACKED_BYTES, max(path.stat().st_size * MAX_RATIO, 1 << 20)) if packed else sys.maxsize
    with gzip.open(path, "rb") if packed else path.open("rb") as file:
        while line := file.readline(MAX_LINE_BYTES + 1):
            part = line
            while len(part) > 0 and not part.endswith(b"\n") and file.tell() <= most:
                part = file.readline(1 << 20)  # what a line has more is not kept
            if file.tell() > most:
                raise DataError(
                    f"{path.name} unpacks to over {most:,} bytes, {MAX_RATIO} times its size; unpack it yourself"
                )
            yield line


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


def csv_header(path: Path, encoding: str, delimiter: str | None, wanted: Sequence[str] = ()) -> list[str]:
    """Return the first record of a csv file; nothing where it is not of that encoding, or longer than `HEAD_BYTES`."""
    text = _head(path, encoding_of(path, encoding))
    return next(records_of(text, delimiter or find_delimiter(text, wanted)), [])


def _head(path: Path, encoding: str) -> str:
    """Return the first records of a file; nothing where it is not of that encoding."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    whole = head if len(head) < HEAD_BYTES else head[: head.rfind(b"\n") + 1]
    return decode(whole, encoding) or ""


def _csv(
    path: Path, encoding: str, wanted: Sequence[str], delimiter: str | None
) -> Iterator[tuple[int, Row | _BadRow]]:
    encoding = encoding_of(path, encoding)
    text = decode(path.read_bytes(), encoding)
    if text is None:
        raise DataError(f"{path.name} is not {encoding}; set source.encoding=NAME, or source.encoding=auto to find it")
    csv.field_size_limit(1 << 30)
    delimiter = delimiter or find_delimiter(_head(path, encoding), wanted)
    records = records_of(text, delimiter)
    header = next(records, [])
    named = [name for name in header if name]  # spreadsheets leave columns without a name at the end
    if len(set(named)) != len(named):
        raise DataError(f"{path.name} names a column twice in {header[:8]}")
    numbers = _numbers(text, delimiter, set(wanted[1:]))
    for number, cells in enumerate(_records(records), start=AFTER_HEADER):
        if isinstance(cells, _BadRow):
            yield number, cells
        elif len(cells) == len(header):
            row = dict(zip(header, cells, strict=True))
            yield number, row | {name: as_number(row[name], written) for name, written in numbers.items()}
        elif cells:
            yield number, _BadRow("bad-row", f"has {len(cells)} cells but the header {len(header)}")


def _numbers(text: str, delimiter: str, wanted: set[str]) -> dict[str, Written]:
    """Return the columns beside the text whose numbers are written in a way of their own."""
    records = _records(records_of(text, delimiter))
    header = next(records, [])
    if not wanted or isinstance(header, _BadRow):
        return {}
    seen: dict[str, set[str]] = defaultdict(set)
    for cells in records:
        if not isinstance(cells, _BadRow) and len(cells) == len(header):
            for name, cell in zip(header, cells, strict=True):
                if name in wanted:
                    seen[name].add(cell)
    return written_as(seen, delimiter)


def _records(reader: Iterable[list[str]]) -> Iterator[list[str] | _BadRow]:
    """Yield the records of a CSV file, one that is not well formed as the reason why."""
    reader = iter(reader)
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
            columns = [name for name in wanted if name in known]
            rows = ((batch, at) for batch in _bounded(path, file, columns) for at in range(batch.num_rows))
            yield from ((number, _cells(*row)) for number, row in enumerate(rows, start=1))
    except pa.ArrowException as error:
        raise DataError(f"{path.name} is not whole Parquet: {str(error)[:160]}") from error


def _bounded(path: Path, file: Any, columns: list[str]) -> Iterator[Any]:
    """Yield batches of a Parquet file, stopping at a bomb: by what its end states first, then by what was decoded."""
    limit = min(MAX_UNPACKED_BYTES, max(path.stat().st_size * MAX_RATIO, MAX_SMALL_BYTES))
    groups = [file.metadata.row_group(at) for at in range(file.metadata.num_row_groups)]
    chunks = [group.column(at) for group in groups for at in range(group.num_columns)]
    size = sum(c.total_uncompressed_size for c in chunks if c.path_in_schema.partition(".")[0] in columns)
    size = max(size, file.metadata.num_rows * ROW_BYTES)
    batches = file.iter_batches(batch_size=64, columns=columns, use_threads=False)
    read = 0
    while size <= limit and (batch := next(batches, None)) is not None:
        read += sum(_decoded(column).nbytes for column in batch.columns) + batch.num_rows * ROW_BYTES
        size = max(size, read)
        if size <= limit:
            yield batch
    if size > limit:
        raise DataError(
            f"{path.name} unpacks to {size:,} bytes or more, at most {limit:,} are read of one file of its size; "
            "write it as jsonl"
        )


def _decoded(column: Any) -> Any:
    """Return a column with a value in every row: a stored one may share them."""
    return column.dictionary_decode() if hasattr(column, "dictionary_decode") else column


def _cells(batch: Any, at: int) -> Row | _BadRow:
    """Return one row of a batch; a cell that is no value of Python's is the reason why not."""
    try:
        return {name: column[at].as_py() for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    except (ValueError, OverflowError) as error:
        return _BadRow("bad-row", f"holds a value that cannot be read: {str(error)[:120]}")
