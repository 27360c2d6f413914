"""Tables made of files of the data folder, as the book's notebooks make theirs.

The film: sentences of one passage, cut at every full stop (chapter 8). The reviews: Rotten Tomatoes, one latin-1 file
a class; the split of the hub is, of each class, the first 4,265 to train on and the last 533 to test by (chapter 4).
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tasks.errors import DataError, StoreError

TRAIN, TEST = 4_265, 533
CLASSES = {"neg": "negative", "pos": "positive"}


def make(table: str, data: Path, made: Path) -> None:
    """Write the table that a story reads, as JSON Lines; one that is there is replaced at once.

    Args:
        table: `film` or `reviews`.
        data: The data folder.
        made: Folder that the tables are written into.

    Raises:
        DataError: A file cannot be read, or holds something else.
        StoreError: The table cannot be written.
    """
    parts = {"film": _film, "reviews": _reviews}[table](data)
    for name, rows in parts.items():
        draft = made / f".{name}.{os.getpid()}"
        try:
            draft.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
            draft.replace(made / f"{name}.jsonl")
        except OSError as error:
            raise StoreError(f"{made / name}.jsonl cannot be written ({error.strerror}); make room") from error


def _film(data: Path) -> Mapping[str, list[dict[str, Any]]]:
    sentences = [part.strip(" \n") for part in _read(data / "interstellar" / "interstellar.txt", "utf-8").split(".")]
    kept = [sentence for sentence in sentences if sentence]
    if not kept:
        raise DataError(
            "interstellar/interstellar.txt of the data folder is empty; it must hold the passage of chapter 8"
        )
    return {"interstellar": [{"id": f"sentence-{at:02}", "text": text} for at, text in enumerate(kept, start=1)]}


def _reviews(data: Path) -> Mapping[str, list[dict[str, Any]]]:
    lines = {label: list(_lines(data / "rotten_tomatoes" / f"rt-polarity.{end}")) for end, label in CLASSES.items()}
    if short := [label for label, mine in lines.items() if len(mine) < TRAIN + TEST]:
        raise DataError(
            f"rotten_tomatoes of the data folder has {len(lines[short[0]]):,} {short[0]} reviews; the split of the "
            f"hub needs {TRAIN + TEST:,} or more"
        )
    rows = {label: [{"text": text, "label": label} for text in mine] for label, mine in lines.items()}
    return {
        "reviews-train": [row for mine in rows.values() for row in mine[:TRAIN]],
        "reviews-test": [row for mine in rows.values() for row in mine[-TEST:]],
    }


def _lines(path: Path) -> Iterator[str]:
    for line in _read(path, "latin-1").split("\n"):  # some lines hold other ends of lines
        if text := line.strip():
            yield text


def _read(path: Path, encoding: str) -> str:
    try:
        return path.read_text(encoding)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error})") from error
