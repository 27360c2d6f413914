"""Task of `ingest` that reads rows cell by cell, for what is learned from several columns."""

from collections import Counter
from collections.abc import Sequence

from configs.ingest import Hub, IngestLimits, Tables
from tasks.data.cells import CellRow, CellsRef, ReadCells
from tasks.data.documents import Item, Rejected, RejectedRef, SnapshotRef
from tasks.errors import DataError
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects


@step(name="ingest-rows", run_name="ingest-rows {source.kind}", libraries=("pyarrow",))
def ingest_rows(
    snapshot: SnapshotRef, source: Tables | Hub, columns: Sequence[str], limits: IngestLimits
) -> ReadCells:
    """Read some columns of the rows of a listed source; rows that cannot be read are rejected, repeated ones stay.

    Args:
        snapshot: What `list_items` found.
        source: How to read it.
        columns: Which, the one that every row must have first.
        limits: How much may be rejected.

    Raises:
        DataError: Nothing, or too little, could be read.
    """
    from tasks.ingest.rows import read_rows
    from tasks.ingest.sources import table_notes

    items = objects.load_rows(snapshot, Item)
    read = list(read_rows(source, items, columns))
    rows = [row for row in read if isinstance(row, CellRow)]
    rejected = [row for row in read if isinstance(row, Rejected)]
    if not rows or len(rejected) / len(read) > limits.max_rejected_share:
        common = ", ".join(f"{n} {reason}" for reason, n in Counter(r.reason for r in rejected).most_common(3))
        first = f" ({common}; first: {rejected[0].item} {rejected[0].detail})" if rejected else ""
        raise DataError(
            f"{len(rejected)} of {len(read)} rows cannot be read{first}; fix them, name the columns, or raise "
            "ingest.max_rejected_share"
        )
    steps.log_metrics(rows=len(rows), rejected=len(rejected))
    return ReadCells(
        cells=objects.save_rows(CellsRef, CellRow, rows),
        rejected=objects.save_rows(RejectedRef, Rejected, rejected),
        notes=tuple(table_notes(source, items, columns)),
    )
