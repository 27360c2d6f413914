"""Cut times, dates or numbers, into slices of equal length.

Shapes: N documents, S slices.
Source: ours; dates are ISO 8601, with and without dashes.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from tasks.errors import DataError

MISSING = ("", "nan", "nat", "none", "null", "<na>")  # as pandas, Python and JSON write what is not there
BASIC = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")  # a day without dashes
SHORT = re.compile(r"\d{4}(-\d\d)?")  # a year or a month
FINER = ("minutes", "seconds", "milliseconds", "microseconds")
DECIMALS = 6


@dataclass(frozen=True, slots=True)
class TimeSlices:
    """Slices of documents.

    Attributes:
        names: (N,) slice of each document, named by what it begins with, as fine as slices differ; empty for none.
        order: Names of the slices that have documents, in order of time.
        missing: Documents without a time.
        unread: Documents whose time is neither a date nor a number; the first of them is `odd`.
        odd: See `unread`.
    """

    names: list[str]
    order: list[str]
    missing: int
    unread: int
    odd: str


def time_slices(values: Sequence[str], bins: int) -> TimeSlices:
    """Cut times into slices of equal length.

    Args:
        values: Dates as ISO 8601 has them, or numbers, one a document; what is neither is in no slice.
        bins: S slices.

    Raises:
        DataError: Most values are neither, or there is none.
    """
    given = [row for row, value in enumerate(values) if not is_missing(value)]
    if not given:
        raise DataError("no document has a time but topics over time were asked for; keep the column in source.keep")
    dated = _are_dates([values[row] for row in given])
    read = {row: _seconds(values[row]) if dated else _number(values[row]) for row in given}
    numbers = {row: number for row, number in read.items() if number is not None}
    odd = [values[row] for row in given if row not in numbers]
    if 2 * len(odd) > len(given):
        raise DataError(
            f"time {odd[0][:40]!r} is not a date but 2026-01-31 or a number was needed ({len(odd)} of {len(given)} "
            "are neither); correct the column"
        )
    low, high = min(numbers.values()), max(numbers.values())
    edges = np.linspace(low, high, (bins if high > low else 1) + 1)
    at = np.clip(np.searchsorted(edges, list(numbers.values()), side="right") - 1, 0, len(edges) - 2)
    starts = _named(edges[:-1].tolist(), dated=dated)
    named = dict(zip(numbers, at.tolist(), strict=True))
    order = [starts[number] for number in sorted(set(named.values()))]
    names = [starts[named[row]] if row in named else "" for row in range(len(values))]
    return TimeSlices(names, order, len(values) - len(given), len(odd), odd[0] if odd else "")


def is_missing(value: str) -> bool:
    """Return whether a time is none."""
    return value.strip().casefold() in MISSING


def in_order(names: Sequence[str]) -> list[str]:
    """Return different names in order: numbers by what they are worth, else by the alphabet."""
    different = sorted({name for name in names if name})
    numbers = [_number(name) for name in different]
    if any(number is None for number in numbers):
        return different
    return [name for _, name in sorted(zip(numbers, different, strict=True))]


def _are_dates(given: Sequence[str]) -> bool:
    """Return whether more values are dates than numbers; eight digits are a date where most of the others are."""
    if 2 * sum(BASIC.fullmatch(value.strip()) is not None for value in given) > len(given):
        return True
    numbers = sum(_number(value) is not None for value in given)
    return sum(_seconds(value) is not None for value in given) > numbers


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _seconds(value: str) -> float | None:
    """Return the seconds of a date; a year or a month is its first day."""
    text = value.strip()
    if short := SHORT.fullmatch(text):
        text += "-01" if short[1] else "-01-01"
    try:
        made = datetime.fromisoformat(text)
        return (made if made.tzinfo else made.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _named(starts: Sequence[float], *, dated: bool) -> list[str]:
    """Name slices by what they begin with, as short as tells them apart."""
    ways: list[Callable[[float], str]]
    if dated:
        ways = [lambda start: _moment(start).date().isoformat()]
        ways += [lambda start, fine=fine: _moment(start).isoformat(timespec=fine) for fine in FINER]  # type: ignore[misc]
    else:
        ways = [lambda start, digits=digits: f"{start:.{digits}f}" for digits in range(DECIMALS)]  # type: ignore[misc]
        ways += [repr]
    for way in ways:
        names = [way(start) for start in starts]
        exact = (
            dated
            or way is repr
            or all(math.isclose(float(n), s, rel_tol=1e-3) for n, s in zip(names, starts, strict=True))
        )
        if len(set(names)) == len(names) and exact:
            return names
    return [f"slice {number}" for number in range(1, len(starts) + 1)]


def _moment(start: float) -> datetime:
    return datetime.fromtimestamp(start, tz=UTC).replace(tzinfo=None)
