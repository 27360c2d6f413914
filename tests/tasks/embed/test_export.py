"""Ids and vectors as Parquet, against pyarrow's own reading and measured memory."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.embed.export import write_vectors
from tasks.errors import ContractError


def parts(names: list[str], size: int) -> list[pa.Array]:
    return [pa.array(names[i : i + size]) for i in range(0, len(names), size)]


@pytest.mark.parametrize("size", [1, 3, 10], ids=["one at a time", "a remainder", "all at once"])
def test_what_is_read_back_is_what_was_written_in_order(size: int, tmp_path: Path) -> None:
    vectors = np.random.default_rng(3).normal(size=(10, 5)).astype(np.float32)
    names = [f"d{i}#é" for i in range(10)]
    assert write_vectors(tmp_path / "v.parquet", parts(names, size), vectors) == 10
    table = pq.read_table(tmp_path / "v.parquet")
    assert table["id"].to_pylist() == names
    np.testing.assert_array_equal(np.stack(table["vector"].to_pylist()).astype(np.float32), vectors)
    assert pq.ParquetFile(tmp_path / "v.parquet").num_row_groups == -(-10 // size)


def test_no_rows_make_a_file_of_no_rows_with_the_same_columns(tmp_path: Path) -> None:
    assert write_vectors(tmp_path / "v.parquet", [], np.zeros((0, 4), dtype=np.float32)) == 0
    table = pq.read_table(tmp_path / "v.parquet")
    assert table.column_names == ["id", "vector"]
    assert table.schema.field("vector").type.list_size == 4


@pytest.mark.parametrize(("ids", "vectors"), [(3, 4), (4, 3)], ids=["too few ids", "too many ids"])
def test_ids_and_vectors_that_do_not_pair_are_refused(ids: int, vectors: int, tmp_path: Path) -> None:
    names, rows = [str(i) for i in range(ids)], np.zeros((vectors, 2), dtype=np.float32)
    with pytest.raises(ContractError, match=f"there are {ids} ids but {vectors} vectors; one id a vector was needed"):
        write_vectors(tmp_path / "v.parquet", parts(names, 2), rows)


def test_the_memory_of_writing_does_not_grow_with_the_table(tmp_path: Path) -> None:
    peaks = []
    for blocks in (2, 8):
        rows = np.lib.format.open_memmap(tmp_path / "v.npy", mode="w+", dtype=np.float32, shape=(blocks * 1_000, 64))
        before = pa.total_allocated_bytes()
        seen: list[int] = []

        def ids(blocks: int = blocks, before: int = before, seen: list[int] = seen) -> object:
            for block in range(blocks):
                seen.append(pa.total_allocated_bytes() - before)
                yield pa.array([f"{block} {i}" for i in range(1_000)])

        write_vectors(tmp_path / "v.parquet", ids(), rows)  # type: ignore[arg-type]
        peaks.append(max(seen))
    assert peaks[1] <= peaks[0] + 1_000 * 64 * 4
