"""Read who chose what when, as a list of items for each user."""

import datetime
import math
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from configs.ingest import Events
from tasks.data.documents import Item, Rejected
from tasks.data.words import Line
from tasks.errors import DataError
from tasks.ingest import files, tables
from tasks.text.sentences import unfit

MAX_NAME = 512  # characters of a user, an item or a name


def list_files(source: Events) -> list[Item]:
    """List the files of events and of names, with their digests.

    Raises:
        DataError: One is not there.
    """
    found = []
    for field, stated in (("path", source.path), ("names", source.names)):
        if stated is None:
            continue
        path = Path(os.path.expanduser(stated))
        if not path.is_file():
            raise DataError(f"events.{field} {stated!r} is no file; give one of {', '.join(tables.PATTERNS)}")
        found.append(files.describe_file(path.resolve(), path.name, 1 << 50))
    return found


def read_events(source: Events, items: Sequence[Item]) -> tuple[list[Line], list[Line], list[Rejected]]:
    """Read the lists of users, the names of items, and what was rejected.

    Args:
        source: Where the files are, and what their columns are called.
        items: As they were listed.

    Returns:
        A line a user, users in the order they first appear, items by time, then by place in the file; a line (item,
        name) a name; rows rejected.

    Raises:
        DataError: A file has changed since it was listed.
    """
    rejected: list[Rejected] = []
    events: dict[str, list[tuple[float, str]]] = defaultdict(list)
    wanted = [source.user, source.item, source.time]
    for name, row in _rows(source.path, items[0], source.encoding, wanted):
        try:
            user, item, time = (_cell(row, column) for column in wanted)
            events[user].append((_moment(time), item))
        except ValueError as error:
            rejected.append(Rejected(name, "bad-row", str(error)))
    lines = [Line(user, tuple(item for _, item in sorted(mine, key=lambda e: e[0]))) for user, mine in events.items()]
    names = []
    if source.names is not None:
        columns = [source.names_item, source.names_title]
        for name, row in _rows(source.names, items[1], source.encoding, columns):
            try:
                item, title = (_cell(row, column) for column in columns)
                names.append(Line(item, (title,)))
            except ValueError as error:
                rejected.append(Rejected(name, "bad-row", str(error)))
    return lines, names, rejected


def _rows(stated: str, item: Item, encoding: str, wanted: Sequence[str]) -> Iterator[tuple[str, Any]]:
    path = Path(os.path.expanduser(stated))
    if files.describe_file(path.resolve(), path.name, 1 << 50) != item:
        raise DataError(f"{path.name} has changed since it was listed; run again")
    for number, row in tables.rows_in(path, encoding, wanted):
        yield f"{item.name}#{number}", row


def _cell(row: Any, column: str) -> str:
    """Return a cell as text.

    Raises:
        ValueError: The row could not be parsed, or the cell is missing, empty, too long, or neither text nor number.
    """
    if isinstance(row, Exception):
        raise ValueError(str(row)[:200])
    value = row.get(column)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        known = ", ".join(repr(str(name)[:40]) for name in list(row)[:8] if name)
        raise ValueError(f"has {type(value).__name__} in column {column!r}; it has {known}")
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if len(text) > MAX_NAME or unfit(text) is not None:
        raise ValueError(f"column {column!r} is empty, not text, or longer than {MAX_NAME} characters")
    return text


def _moment(text: str) -> float:
    """Return a number, or the seconds of an ISO date.

    Raises:
        ValueError: It is neither.
    """
    try:
        value = float(text)
    except ValueError:
        try:
            moment = datetime.datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"time {text[:40]!r} is neither a number nor an ISO date") from None
        value = moment.replace(tzinfo=moment.tzinfo or datetime.UTC).timestamp()
    if not math.isfinite(value):
        raise ValueError(f"time {text[:40]!r} is not finite")
    return value
