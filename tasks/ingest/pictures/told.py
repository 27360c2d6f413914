"""Descriptions of pictures, by the name of the file: many pictures may have the same words."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from configs.ingest import Tables
from tasks.data.cells import CellRow
from tasks.data.documents import Rejected
from tasks.text.sentences import unfit


@dataclass(frozen=True, slots=True)
class PictureWords:
    """What a table says of a picture: words, and the columns that are kept."""

    text: str
    meta: dict[str, str]


def descriptions_of(rows: Iterable[CellRow], table: Tables) -> tuple[dict[str, PictureWords], list[Rejected]]:
    """Return descriptions by the name of the file, and the rows that describe nothing.

    Args:
        rows: Of the table.
        table: Which columns hold name, words, and what is kept.
    """
    found: dict[str, PictureWords] = {}
    rejected = []
    for row in rows:
        cells = json.loads(row.cells)
        name, text = str(cells.get(str(table.id), "")).removeprefix("./"), cells.get(table.text)
        if not isinstance(text, str) or not text.strip():
            rejected.append(Rejected(row.name, "empty", f"column {table.text!r} describes nothing"))
        elif (bad := unfit(text)) is not None:
            rejected.append(Rejected(row.name, bad[0], f"column {table.text!r} {bad[1]}"))
        elif name in found:
            rejected.append(Rejected(row.name, "repeated-id", f"describes {name!r} again; the first row counts"))
        else:
            kept = {column: str(cells[column]) for column in table.keep if column in cells}
            found[name] = PictureWords(text.strip(), kept)
    return found, rejected
