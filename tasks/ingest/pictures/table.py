"""Rows of a parquet table as pictures of a folder: bytes, or as `datasets` and the hub keep pictures.

A cell holds bytes, or a struct of `bytes` and `path`. A row is called by the id column, else by that path where no
other row has it, else by its number.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from configs.pictures import PictureFiles
from tasks.data.documents import Item, Rejected
from tasks.errors import ContractError, DataError
from tasks.ingest.pictures.limits import PictureLimits
from tasks.ingest.pictures.read import Source, too_many_bytes

MAGIC = b"PAR1"
TOGETHER = 64  # rows in memory at a time


class TableRow(NamedTuple):
    """A row of a table of pictures: its name and its cell."""

    name: str
    cell: Any


def is_table(path: Path) -> bool:
    """Return whether a place is a parquet table, by its first bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def list_table(path: Path, source: PictureFiles, limits: PictureLimits) -> list[Item]:
    """List the rows of a table, with digests of their pictures.

    Raises:
        DataError: It is not a whole parquet file.
        ContractError: It has not the columns.
    """
    items = []
    for row in _rows(path, source):
        found = content_of(row, limits)
        if isinstance(found, Rejected):
            items.append(Item(row.name, 0, "", found.reason))
        else:
            items.append(Item(row.name, len(found), sha256(found).hexdigest()))
    if not items:
        raise DataError(f"source.path {str(path)!r} is a table without rows; name another")
    return items


def listed_rows(
    path: Path, source: PictureFiles, items: Sequence[Item], limits: PictureLimits
) -> Iterator[tuple[str, Source]]:
    """Yield each listed row with what reads it; one that has changed since is not read."""
    seen = Counter[str]()
    rows = _rows(path, source)
    for item in items:
        row = next(rows, None)
        seen[item.name] += 1
        yield item.name, _listed(item, row, limits, again=seen[item.name] > 1)


def _listed(item: Item, row: TableRow | None, limits: PictureLimits, *, again: bool) -> Source:
    def read() -> bytes | Rejected:
        if again:
            return Rejected(item.name, "repeated-id", "is the second row of that name; give rows names of their own")
        found = None if row is None or row.name != item.name else content_of(row, limits)
        if isinstance(found, Rejected):
            return found
        if found is None or sha256(found).hexdigest() != item.sha256:
            return Rejected(item.name, "changed", "has changed since it was listed; run again")
        return found

    return read


def content_of(row: TableRow, limits: PictureLimits) -> bytes | Rejected:
    """Return the bytes of a picture, or why there are none."""
    cell = row.cell.get("bytes") if isinstance(row.cell, dict) else row.cell
    if not cell and _path_in(row.cell):
        return Rejected(
            row.name, "empty", "its row names a file and holds none of its bytes; save the table with them"
        )
    if not isinstance(cell, bytes) or not cell:
        return Rejected(row.name, "empty", "its row holds no bytes of a picture; fill it, or leave it out")
    if len(cell) > limits.max_bytes:
        return too_many_bytes(row.name, len(cell), limits)
    return cell


def _rows(path: Path, source: PictureFiles) -> Iterator[TableRow]:
    paths = _paths(path, source)
    for number, (cell, named) in enumerate(_cells(path, source)):
        named = str(named).strip() or None if named is not None else None
        own = named or _path_in(cell)
        unique = named is not None or (own is not None and paths[own] == 1)
        yield TableRow(str(own) if unique else f"row {number + 1:06}", cell)


def _paths(path: Path, source: PictureFiles) -> Counter[str]:
    """Return how many rows hold each path, where these may be names."""
    column = _schema(path, source).field(source.picture).type
    if source.id is not None or not pa.types.is_struct(column) or column.get_field_index("path") < 0:
        return Counter()
    with pq.ParquetFile(path) as file:
        batches = file.iter_batches(columns=[f"{source.picture}.path"])
        return Counter(own for batch in batches for cell in batch.column(0).to_pylist() if (own := _path_in(cell)))


def _path_in(cell: Any) -> str | None:
    found = cell.get("path") if isinstance(cell, dict) else None
    return str(found) if found else None


def _cells(path: Path, source: PictureFiles) -> Iterator[tuple[Any, Any]]:
    """Yield cell and id of each row, a few rows in memory at a time."""
    _schema(path, source)
    columns = [source.picture, *([] if source.id is None else [source.id])]
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=TOGETHER, columns=columns):
                cells = batch.column(batch.schema.get_field_index(source.picture)).to_pylist()
                names = [None] * len(cells) if source.id is None else batch.column(
                    batch.schema.get_field_index(source.id)).to_pylist()  # fmt: skip
                yield from zip(cells, names, strict=True)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"source.path {str(path)!r} is not a whole parquet file ({error}); copy it again") from error


def _schema(path: Path, source: PictureFiles) -> pa.Schema:
    """Return the columns of a table that holds pictures.

    Raises:
        DataError: It is not a whole parquet file.
        ContractError: It has not the columns, or paths in place of bytes.
    """
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"source.path {str(path)!r} is not a whole parquet file ({error}); copy it again") from error
    for name, field in (("picture", source.picture), ("id", source.id)):
        if field is not None and field not in schema.names:
            raise ContractError(f"source.{name} is {field!r} but the table has {', '.join(schema.names)}; name one")
    if source.id is not None:
        named = schema.field(source.id).type
        if not (pa.types.is_string(named) or pa.types.is_large_string(named) or pa.types.is_integer(named)):
            raise ContractError(f"column {source.id!r} holds {named}, no names; name another in source.id")
    kind = schema.field(source.picture).type
    held = kind.field("bytes").type if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0 else kind
    if pa.types.is_binary(held) or pa.types.is_large_binary(held):
        return schema
    if pa.types.is_string(held) or pa.types.is_large_string(held):
        raise ContractError(
            f"column {source.picture!r} holds texts, not bytes; where they name files, give their folder as "
            "source.path and the table as source.described"
        )
    raise ContractError(
        f"column {source.picture!r} holds {held}, no bytes of pictures; name another in source.picture"
    )
