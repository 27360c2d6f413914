"""Which passages a query may find, by what is known of their documents.

Shapes: N documents.
Source: ours.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from tasks.errors import ContractError

FIELDS = ("id", "title", "source", "path", "kind", "licence")
PATTERNS = ("id", "path")  # fields in which a star stands for any characters
NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")  # 007 is a name


def names_in(conditions: Sequence[str]) -> set[str]:
    """Return the names that conditions are on."""
    return {condition.partition("=")[0] for condition in conditions}


def fields_in(conditions: Sequence[str]) -> list[str]:
    """Return the columns of documents that conditions are on."""
    return [*sorted(names_in(conditions).intersection(FIELDS)), "meta"] if conditions else []


def check_where(conditions: Sequence[str], known: Sequence[str]) -> None:
    """Check that every condition is about something that documents will have, before any work.

    Args:
        conditions: `name=value` each.
        known: Entries of meta that documents will have.

    Raises:
        ContractError: One is about something else.
    """
    there = {*FIELDS, *known}
    if unknown := sorted(names_in(conditions) - there):
        raise ContractError(
            f"where asks for {unknown[0]!r}, which no document will have; there are {', '.join(sorted(there))}"
        )


def documents_where(
    conditions: Sequence[str], fields: Mapping[str, Sequence[str]], meta: Sequence[Mapping[str, str]], count: int
) -> npt.NDArray[np.bool_]:
    """Return which documents (N,) fulfil every condition.

    Args:
        conditions: `name=value` each; the name of an entry of meta, which is what a user kept, or else of a field. In
            the fields `id` and `path` a `*` stands for any characters, none included.
        fields: For each of `FIELDS` that is named, its value in each document.
        meta: Whatever else is known of each document; one without the entry does not fulfil a condition on it, and
            numbers are equal however they are written.
        count: N.

    Raises:
        ContractError: A condition is not `name=value`, or no document knows the name.
    """
    kept = np.ones(count, dtype=bool)
    for condition in conditions:
        name, equals, value = condition.partition("=")
        if not equals:
            raise ContractError(f"where has {condition!r} but name=value was needed, such as kind=function")
        values = [known.get(name) for known in meta]
        if name in FIELDS and not any(given is not None for given in values):
            kept &= _equal(fields[name], value, pattern=name in PATTERNS)
        else:
            _check_known(name, values, meta)
            kept &= _same(values, value)
    return kept


def _same(values: Sequence[str | None], wanted: str) -> npt.NDArray[np.bool_]:
    """Return which values are equal as text, or as numbers: 2024 and 2024.0 are."""
    if NUMBER.fullmatch(wanted) is None:
        return _equal(values, wanted, pattern=False)
    number = Decimal(wanted)
    return np.array([v is not None and NUMBER.fullmatch(v) is not None and Decimal(v) == number for v in values], bool)


def _equal(values: Sequence[str | None], wanted: str, *, pattern: bool) -> npt.NDArray[np.bool_]:
    if not pattern or "*" not in wanted:
        return np.array([value == wanted for value in values], dtype=bool)
    shape = re.compile(".*".join(re.escape(part) for part in re.split(r"\*+", wanted)), re.DOTALL)
    return np.array([value is not None and shape.fullmatch(value) is not None for value in values], dtype=bool)


def _check_known(name: str, values: Sequence[str | None], meta: Sequence[Mapping[str, str]]) -> None:
    if any(value is not None for value in values):
        return
    entries = sorted({entry for known in meta for entry in known})
    raise ContractError(
        f"where names {name!r} but no document knows it; known are {', '.join(FIELDS)}"
        + (f", and of meta {', '.join(entries)}" if entries else "")
    )
