"""What the book prints, and what the result of a run says in the same place."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from configs.book import BookValue, Key, Text
from tasks.data.printed import clean
from tasks.data.stories import Agreement, Compared

NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
BLANKS = str.maketrans("", "", "ĠĊ▁")  # marks of a blank before a token
MOST = 400  # characters of a text that are shown
DIGITS = 3  # after the point; a book's number with fewer is compared with as many as it has


@dataclass(frozen=True)
class Found:
    """What a result has at a place: a value, and what the run says of it."""

    value: Any
    interval: tuple[float, float] | None = None
    n: int | None = None


def compare(value: BookValue, result: Mapping[str, Any]) -> Compared:
    """Return a value of the book beside ours.

    Args:
        value: What the book prints, and where a result has it.
        result: Of the run; a place that it does not have counts as nothing there.
    """
    found = _found(value, result)
    agreement, sentence = _judged(value, found)
    number = found.value if _is_number(found.value) else None
    if value.how == "words" and agreement == "agrees":  # of a long list, the part that is compared
        found = replace(found, value=str(value.printed) if found.value == value.printed else f"… {value.printed} …")
    wrong = (
        agreement == "agrees" and None not in (value.right, value.printed) and not _same(value.printed, value.right)
    )
    return Compared(
        value.what,
        _told(value.printed),
        _told(found.value),
        number,
        found.interval,
        found.n,
        agreement,
        sentence,
        wrong,
    )


def _found(value: BookValue, result: Mapping[str, Any]) -> Found:
    there = _at(result, value.at)
    if value.how == "count":
        return Found(len(there) if isinstance(there, Sequence | Mapping) else None)
    if value.how == "words":
        return Found(
            " ".join(map(_piece, there)) if isinstance(there, Sequence) and not isinstance(there, str) else None
        )
    if value.how == "number":
        numbers = NUMBER.findall(str(there or ""))
        return Found(float(numbers[-1].replace(",", "")) if numbers else None)
    if isinstance(there, Mapping) and "value" in there:
        ends = (there["low"], there["high"]) if {"low", "high"} <= there.keys() else None
        return Found(there["value"], ends, there.get("n"))
    return Found(there)


def _piece(token: object) -> str:
    return str(token).translate(BLANKS)


def _at(place: Any, way: Sequence[Key]) -> Any:
    """Return what stands at the end of a way, None where it ends before."""
    for key in way:
        if isinstance(place, Mapping) and isinstance(key, int):
            place = list(place)
        try:
            place = place[key]
        except (LookupError, TypeError):
            return None
    return place


def _judged(value: BookValue, found: Found) -> tuple[Agreement, str]:
    """Return whether ours agrees, and a sentence that says so."""
    if value.how == "shown":
        return "shown", ""
    if found.value is None:
        return "differs", "no number is in it" if value.how == "number" else "the run says nothing of it"
    if value.how == "holds":
        missing = [text for text in value.holds if text.casefold() not in str(found.value).casefold()]
        wanted = " and ".join(f"“{text}”" for text in missing or value.holds)
        return ("differs", f"ours does not have {wanted}") if missing else ("agrees", f"ours has {wanted}")
    if value.how == "words":
        there = f" {value.printed} " in f" {found.value} "
        return ("agrees", "the same tokens") if there else ("differs", "other tokens than the book's")
    if value.right is not None:
        return _against_right(value, found)
    if value.how == "measured" and _is_number(value.printed):
        return _measured(float(value.printed or 0), found)
    same = _same(found.value, value.printed)
    return ("agrees", "the same") if same else ("differs", f"the book has {_told(value.printed)}")


def _against_right(value: BookValue, found: Found) -> tuple[Agreement, str]:
    right, told = _same(found.value, value.right), _told(value.right)
    if value.printed is None:
        return ("agrees", f"{told} is right") if right else ("differs", f"{told} would be right")
    book = _same(value.printed, value.right)
    if right:
        return "agrees", f"{told} is right" + (
            ", as in the book" if book else f"; the book's {_told(value.printed)} is not"
        )
    return "differs", f"{told} would be right" + (", as the book has it" if book else "; the book has not it either")


def _measured(printed: float, found: Found) -> tuple[Agreement, str]:
    """Compare two numbers: by the interval of ours where there is one, else as both are printed."""
    if not _is_number(found.value):
        return "differs", f"the book has {printed:g}"
    gap = found.value - printed
    how = f"{abs(gap):.{DIGITS}g} {'above' if gap > 0 else 'below'} the book"
    if found.interval is None:
        same = math.isclose(round(found.value, _places(printed)), printed)
        return ("agrees", "the same as printed") if same else ("differs", f"{how}; no interval is stated")
    low, high = found.interval
    if low <= printed <= high:
        return "agrees", "the book's number lies in our interval"
    return "differs", f"{how}, whose number lies outside our interval"


def _same(ours: Any, theirs: Text | None) -> bool:
    if _is_number(ours) and _is_number(theirs):
        return math.isclose(ours, float(theirs or 0), rel_tol=1e-9)
    return str(ours).strip().casefold() == str(theirs).strip().casefold()


def _places(number: float) -> int:
    """Return how many digits behind the point a printed number has."""
    return len(f"{number:g}".partition(".")[2])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _told(value: Any) -> str:
    """Return a value on one line: numbers with few digits, long texts cut."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.{DIGITS}f}".rstrip("0").rstrip(".") if abs(value) < 1_000 else f"{value:,.2f}"
    words = " ".join(clean(str(value)).split())
    return words if len(words) <= MOST else f"{words[:MOST].rstrip()} …"
