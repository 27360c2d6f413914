"""Content-addressed objects: tables, arrays, small values and a library's own files, saved once, verified when read.

    objects/<kind>/<digest>/{manifest.json, table.parquet | array.npy | value.json | files of a library}

Nothing is pickled: tables are Parquet, arrays npy without objects, small things JSON.
"""

import dataclasses
import itertools
import json
import threading
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.data.base import Ref
from tasks.errors import ContractError, StoreError
from tasks.store import durable, workspace

R = TypeVar("R", bound=Ref)
Row = TypeVar("Row")

GROUP = 8_192  # rows of a table that are read at a time
COLUMN_TYPES: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
    dict[str, str]: pa.map_(pa.string(), pa.string()),
    tuple[str, ...]: pa.list_(pa.string()),
    tuple[int, ...]: pa.list_(pa.int32()),
    tuple[float, ...]: pa.list_(pa.float64()),
}

_verified: set[Path] = set()  # objects that this process has verified already
_verified_lock = threading.Lock()


def save_table(ref: type[R], table: pa.Table) -> R:
    """Save a table; return the reference to it."""
    return save_files(
        ref,
        lambda folder: pq.write_table(table, folder / "table.parquet", row_group_size=GROUP),
        shape=table.shape,
    )


def save_rows(ref: type[R], row_type: type[Row], rows: Iterable[Row]) -> R:
    """Save rows of a dataclass as a table; return the reference to it."""
    return save_table(ref, table_of(row_type, rows))


def save_stream(ref: type[R], row_type: type[Row], rows: Iterable[Row], *, group: int) -> R:
    """Save rows of a dataclass as a table while they come; return the reference to it.

    Args:
        ref: The kind of object.
        row_type: Their dataclass.
        rows: No more than `group` of them are in memory at a time.
        group: Rows that are written, and later read, at a time.
    """

    def fill(folder: Path) -> tuple[int, int]:
        waiting, count, empty = iter(rows), 0, table_of(row_type, [])
        with pq.ParquetWriter(folder / "table.parquet", empty.schema) as file:
            while some := list(itertools.islice(waiting, group)):
                file.write_table(table_of(row_type, some), row_group_size=group)
                count += len(some)
        return count, empty.num_columns

    return _save_folder(ref, fill)


def save_array(ref: type[R], array: npt.NDArray[Any]) -> R:
    """Save an array; return the reference to it.

    Raises:
        ContractError: The array holds Python objects, or a value that is not a finite number.
    """
    if array.dtype.hasobject:
        raise ContractError(f"the array for {ref.__name__} holds Python objects; save numbers, or rows of a table")
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        raise ContractError(f"the array for {ref.__name__} holds NaN or infinity; reject those rows first")
    fill = lambda folder: np.save(folder / "array.npy", np.ascontiguousarray(array), allow_pickle=False)  # noqa: E731
    return save_files(ref, fill, shape=array.shape, dtype=str(array.dtype))


def save_json(ref: type[R], value: Any, *, rows: int = 1) -> R:
    """Save a small JSON value; return the reference to it."""
    return save_files(ref, lambda folder: (folder / "value.json").write_bytes(durable.canonical(value)), shape=(rows,))


def save_files(ref: type[R], fill: Callable[[Path], Any], *, shape: Sequence[int], dtype: str = "") -> R:
    """Save what a function writes into an empty folder; return the reference to it.

    Args:
        ref: The kind of object.
        fill: Writes the files, straight into the folder it is given.
        shape: Rows, then whatever other sizes the object has.
        dtype: Type of the elements, where that has a meaning.
    """
    return _save_folder(ref, lambda folder: (fill(folder), shape)[1], dtype)


def _save_folder(ref: type[R], fill: Callable[[Path], Sequence[int]], dtype: str = "") -> R:
    """Save what a function writes into an empty folder; it returns the sizes of the object."""
    kind = ref.model_fields["kind"].default
    found: list[int] = []

    def filled(folder: Path) -> durable.Info:
        found[:] = map(int, fill(folder))
        return {"kind": kind, "shape": found, "dtype": dtype}

    digest = durable.write_folder(workspace.folder("objects", kind), filled)
    return ref(kind=kind, digest=digest, rows=found[0], shape=tuple(found), dtype=dtype)


def path(ref: Ref) -> Path:
    """Return the folder of an object after verifying every file in it, once a process.

    Raises:
        StoreError: The object is missing, damaged, or not what the reference says.
    """
    folder = workspace.folder("objects", ref.kind) / ref.digest
    with _verified_lock:
        if folder in _verified and folder.exists():
            return folder
    _compare(folder, durable.read_manifest(folder), ref)
    with _verified_lock:
        _verified.add(folder)
    return folder


def verify_foreign(folder: Path, ref: Ref) -> None:
    """Verify every file of an object outside the store, which somebody else may have made.

    Raises:
        StoreError: It is damaged, or not what the reference says.
    """
    _compare(folder, durable.read_foreign(folder), ref)


def _compare(folder: Path, info: durable.Info, ref: Ref) -> None:
    if (info["kind"], tuple(info["shape"]), info["dtype"]) != (ref.kind, ref.shape, ref.dtype):
        raise StoreError(f"{folder} holds {info} but the reference says {ref!r}; rerun the flow that made it")


def named(ref: type[R], digest: str) -> R:
    """Return the reference to a stored object of which only the digest is known.

    Raises:
        StoreError: The object is missing or damaged.
    """
    kind = ref.model_fields["kind"].default
    info = durable.read_manifest(workspace.folder("objects", kind) / digest)
    return ref(kind=kind, digest=digest, rows=info["shape"][0], shape=tuple(info["shape"]), dtype=info["dtype"])


def forget(ref: Ref) -> None:
    """Delete an object, so that the step that made it runs again."""
    folder = workspace.folder("objects", ref.kind) / ref.digest
    with _verified_lock:
        _verified.discard(folder)
    durable.discard(folder)


def load_table(ref: Ref, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table, or some of its columns."""
    return pq.read_table(path(ref) / "table.parquet", columns=None if columns is None else list(columns))


def load_slice(ref: Ref, start: int, stop: int, columns: Sequence[str]) -> pa.Table:
    """Read some columns of the rows `start` to `stop`; memory holds no more than the groups they lie in."""
    with pq.ParquetFile(path(ref) / "table.parquet") as file:
        size = _group_of(file)
        first, last = start // size, max(start, stop - 1) // size
        groups = [group for group in range(first, last + 1) if group < file.num_row_groups]
        return file.read_row_groups(groups, columns=list(columns)).slice(start - first * size, stop - start)


def _group_of(file: pq.ParquetFile) -> int:
    """Return how many rows a group of a table has; the last one may have fewer."""
    return max(1, file.metadata.row_group(0).num_rows) if file.num_row_groups else 1


def load_rows(ref: Ref, row_type: type[Row]) -> list[Row]:
    """Read a table as rows of a dataclass."""
    return rows_of(row_type, load_table(ref))


def rows_at(ref: Ref, row_type: type[Row], numbers: Iterable[int]) -> dict[int, Row]:
    """Read some rows of a table, each once, by their number; of no numbers none."""
    wanted = np.array(sorted(set(numbers)), dtype=np.int64)
    found: dict[int, Row] = {}
    with pq.ParquetFile(path(ref) / "table.parquet") as file:
        size = _group_of(file)
        for group in np.unique(wanted // size).tolist():  # one group is in memory at a time
            rows = wanted[wanted // size == group]
            some = file.read_row_group(group).take(rows - group * size)
            found.update(zip(rows.tolist(), rows_of(row_type, some), strict=True))
    return found


def load_array(ref: Ref) -> npt.NDArray[Any]:
    """Read an array, memory-mapped and read-only.

    Raises:
        StoreError: The file holds something other than numbers, such as pickled objects; nothing of it is run.
    """
    try:
        loaded: npt.NDArray[Any] = np.load(path(ref) / "array.npy", mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise StoreError(f"the array of {ref.kind} {ref.digest[:12]} cannot be read ({error}); delete it") from error
    return loaded


def load_json(ref: Ref) -> Any:
    """Read a small JSON value."""
    return json.loads((path(ref) / "value.json").read_bytes())


def table_of(row_type: type[Row], rows: Iterable[Row]) -> pa.Table:
    """Turn rows of a dataclass into a table with the columns and types of its fields."""
    hints = typing.get_type_hints(row_type)
    rows = list(rows)
    columns = {}
    for name, hint in hints.items():
        values = [getattr(row, name) for row in rows]
        if isinstance(hint, type) or typing.get_origin(hint) not in (types.UnionType, typing.Literal):
            columns[name] = pa.array(
                [list(v.items()) if isinstance(v, dict) else v for v in values], COLUMN_TYPES[hint]
            )
        else:
            columns[name] = pa.array(values, _column_type(hint))
    return pa.table(columns)


def rows_of(row_type: type[Row], table: pa.Table) -> list[Row]:
    """Turn a table into rows of a dataclass."""
    names = [field.name for field in dataclasses.fields(row_type)]  # type: ignore[arg-type]
    hints = typing.get_type_hints(row_type)
    columns = []
    for name in names:
        values = table.column(name).to_pylist()
        origin = typing.get_origin(hints[name])
        columns.append([origin(v) for v in values] if origin in (dict, tuple) else values)
    return [row_type(*values) for values in zip(*columns, strict=True)]


def _column_type(hint: Any) -> pa.DataType:
    """Return the column type of a literal or an optional value."""
    if typing.get_origin(hint) is typing.Literal:
        return pa.string()
    inner = next(h for h in typing.get_args(hint) if h is not type(None))
    return COLUMN_TYPES[inner]
