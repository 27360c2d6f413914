"""Write ids and vectors side by side as Parquet, a batch at a time, so that memory does not grow with the table.

Shapes: N rows, D width.
Source: ours.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import ContractError

ROWS = 8_192  # in memory at a time, and in a row group of the file


def write_vectors(path: Path, ids: Iterable[pa.Array], vectors: npt.NDArray[np.float32]) -> int:
    """Write a Parquet file with the columns `id` (string) and `vector` (fixed-size list of D float32).

    Args:
        path: The file; one that is there is replaced.
        ids: The ids in order, some at a time.
        vectors: (N, D), row by row what the ids name; of a mapped array some thousand rows are read at a time.

    Returns:
        N, the rows written.

    Raises:
        ContractError: There are more or fewer ids than vectors.
    """
    width = vectors.shape[1]
    schema = pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("vector", pa.list_(pa.field("element", pa.float32(), nullable=False), width), nullable=False),
        ]
    )
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=False) as writer:
        for part in ids:
            for start in range(0, len(part), ROWS):
                names = part.slice(start, ROWS)
                block = np.ascontiguousarray(vectors[rows : rows + len(names)], dtype=np.float32)
                rows += len(names)
                if len(block) == len(names):
                    lists = pa.FixedSizeListArray.from_arrays(pa.array(block.reshape(-1)), type=schema.field(1).type)
                    writer.write_batch(pa.record_batch([names, lists], schema=schema))
    if rows != len(vectors):
        raise ContractError(f"there are {rows} ids but {len(vectors)} vectors; one id a vector was needed")
    return rows
