"""Rows of tables as they stand there, cell by cell, for tasks that need more of a row than one text."""

from dataclasses import dataclass
from typing import Literal

from tasks.data.base import Ref, Value
from tasks.data.documents import RejectedRef


class CellsRef(Ref):
    """A table of `CellRow` rows."""

    kind: Literal["cells"] = "cells"


@dataclass(frozen=True, slots=True)
class CellRow:
    """One row of a table.

    Attributes:
        name: File and number of the row.
        cells: A JSON object of the columns that were asked for, those that the row has.
    """

    name: str
    cells: str


class ReadCells(Value):
    """Rows of a source, rows that were rejected, and what was found out of how files are written, in words."""

    cells: CellsRef
    rejected: RejectedRef
    notes: tuple[str, ...] = ()
