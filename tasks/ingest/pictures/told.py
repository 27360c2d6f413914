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
    """Return what is said of files by their names, and the rows that cannot be read or repeat a name.

    A row without words stays for its other columns; one with words for the same file takes its place.

    Args:
        rows: Of the table.
        table: Which columns hold name, words, and what is kept.
    """
    found: dict[str, PictureWords] = {}
    rejected = []
    for row in rows:
        cells = json.loads(row.cells)
        name, text = str(cells.get(str(table.id), "")).removeprefix("./"), cells.get(table.text)
        text = "" if text is None else text
        if not isinstance(text, str):
            told = f"column {table.text!r} holds no text but a {type(text).__name__}"
            rejected.append(Rejected(row.name, "bad-row", told))
        elif text.strip() and (bad := unfit(text)) is not None:
            rejected.append(Rejected(row.name, bad[0], f"column {table.text!r} {bad[1]}"))
        elif name in found and (found[name].text or not text.strip()):
            rejected.append(Rejected(row.name, "repeated-id", f"describes {name!r} again; the first row counts"))
        else:
            kept = {column: str(cells[column]) for column in table.keep if column in cells}
            found[name] = PictureWords(text.strip(), kept)
    return found, rejected
