"""Read labels, say what is odd about them, and keep texts back to judge by.

Shapes: N texts, K classes.
Source: ours.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.data.documents import Reason, Rejected
from tasks.errors import DataError

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
SHOWN = 8  # labels a message names


@dataclass(frozen=True)
class Read:
    """Labels as they were read.

    Attributes:
        rows: Texts that have labels.
        labels: Theirs, each in alphabetical order.
        rejected: Rejected texts, with the reason.
    """

    rows: tuple[int, ...]
    labels: tuple[tuple[str, ...], ...]
    rejected: tuple[Rejected, ...]


def cells_of(documents: Any, column: str) -> list[str | None]:
    """Return what each row of a table of documents has in a column; None where it has nothing.

    Args:
        documents: Table of `Document` rows.
        column: One that was kept with them; or `source`, `kind`, `folder`, which every document has.
    """
    metas = [dict(meta) for meta in documents["meta"].to_pylist()]
    if any(column in meta for meta in metas):
        return [meta.get(column) for meta in metas]
    match column:
        case "source" | "kind":
            return [value or None for value in documents[column].to_pylist()]
        case "folder":
            return [PurePosixPath(path).parent.name or None for path in documents["path"].to_pylist()]
    return [None] * len(metas)


def read_labels(
    ids: Sequence[str], cells: Sequence[str | None], *, column: str, multiple: bool, separator: str,
    rename: Mapping[str, str],
) -> Read:  # fmt: skip
    """Read the labels of texts from what stands in a column.

    Args:
        ids: Name of each text.
        cells: What the column holds; None where it holds nothing.
        column: Name of the column; for messages.
        multiple: Whether a text may have several: a JSON list, or words with a separator between.
        separator: Between labels that are no list.
        rename: Label as written to label as meant.

    Raises:
        DataError: The column is in no text, or holds lists in all and a text has one label.
    """
    if not any(cell is not None for cell in cells):
        raise DataError(
            f"no text has anything in column {column!r}; set labels.column to the one that holds the label"
        )
    rows, labels, rejected = [], [], []
    for row, cell in enumerate(cells):
        if cell is None or not (multiple or cell.strip()):
            rejected.append(Rejected(ids[row], "no-label", f"has nothing in column {column!r}"))
            continue
        listed = _listed(cell)
        if listed is not None and not multiple:
            why = (
                f"column {column!r} holds a list of {len(listed)} labels, one was needed; or set labels.multiple=true"
            )
            rejected.append(Rejected(ids[row], "bad-row", why))
            continue
        split = [label.strip() for label in cell.split(separator) if label.strip()] if multiple else [cell]
        rows.append(row)
        labels.append(tuple(sorted({rename.get(label, label) for label in (split if listed is None else listed)})))
    lists = [row.detail for row in rejected if row.reason == "bad-row"]
    if lists and not rows:
        raise DataError(f"no text has a label: {lists[0]}")
    return Read(tuple(rows), tuple(labels), tuple(rejected))


def _listed(cell: str) -> list[str] | None:
    """Return the labels of a cell that is a JSON list; None if it is none."""
    if not cell.startswith("["):
        return None
    try:
        listed = json.loads(cell)
    except ValueError:
        return None
    return [str(label) for label in listed] if isinstance(listed, list) else None


def alike(labels: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Return the groups of labels that differ by case or space alone."""
    groups: dict[str, set[str]] = defaultdict(set)
    for name in {name for names in labels for name in names}:
        groups["".join(name.casefold().split())].add(name)
    return tuple(sorted(tuple(sorted(group)) for group in groups.values() if len(group) > 1))


def without_rare(
    labels: Sequence[tuple[str, ...]], least: int, *, multiple: bool
) -> tuple[list[tuple[str, ...]], list[int], tuple[str, ...]]:
    """Take the labels of too few texts away.

    Returns:
        Labels of each text; rows that are left without the label they had; the labels taken away. Where texts may have
        several labels, they keep their others, and stay.
    """
    counted = Counter(name for names in labels for name in names)
    rare = {name for name, count in counted.items() if count < least}
    kept = [tuple(name for name in names if name not in rare) for names in labels]
    gone = [] if multiple else [row for row, names in enumerate(kept) if not names]
    return kept, gone, tuple(sorted(rare))


def only_known(
    labels: Sequence[tuple[str, ...]], classes: Sequence[str], *, multiple: bool
) -> tuple[list[tuple[str, ...]], list[int], tuple[str, ...]]:
    """Take labels away that are no class.

    Returns:
        Labels of each text; rows that are left without the label they had; the labels taken away. Where texts may have
        several labels, they keep their others, and stay.

    Raises:
        DataError: No text is left.
    """
    known = set(classes)
    kept = [tuple(name for name in names if name in known) for names in labels]
    gone = [] if multiple else [row for row, names in enumerate(kept) if not names]
    unseen = tuple(sorted({name for names in labels for name in names} - known))
    if len(gone) == len(kept):
        raise DataError(f"no held-out text has a label of the training texts; it has {named(unseen)}")
    return kept, gone, unseen


def classes_of(labels: Sequence[Sequence[str]], rare: Sequence[str] = ()) -> tuple[str, ...]:
    """Return all labels in alphabetical order.

    Args:
        labels: Of each text.
        rare: Labels that were taken away because too few texts have them; for the message.

    Raises:
        DataError: There are fewer than two.
    """
    found = tuple(sorted({name for names in labels for name in names}))
    if len(found) < 2:
        what = f"only the label {found[0]!r}" if found else "no label"
        left = f" ({named(rare)} has fewer texts than labels.min_examples and was left out)" if rare else ""
        raise DataError(f"the training texts have {what}{left} but two classes were needed; add texts of another")
    return found


def kept_back(targets: Bools, groups: Ints, share: float, seed: int, *, multiple: bool) -> tuple[Ints, Ints]:
    """Divide texts (N, K) into those to learn from and those to judge by, of each class alike; the same for one seed.

    Of every class at least one text is learned from and one kept back; where texts may have several labels, they are
    drawn without regard to them. Rows of one text go together, by the label of the first: a text that is learned from
    would be no test.

    Args:
        targets: (N, K) labels.
        groups: (N,) first row that has the text of each row.
        share: Of the different texts that are kept back.
        seed: Of the draw.
        multiple: Whether a text may have several labels.

    Returns:
        Rows to learn from and rows kept back, each in ascending order.

    Raises:
        DataError: There are too few texts.
    """
    firsts = np.unique(groups)
    if len(firsts) < 4:
        different = "" if len(firsts) == len(groups) else " different"
        raise DataError(f"there are {len(firsts)}{different} texts with labels but 4 were needed; add some")
    random = np.random.default_rng(seed)
    if multiple:
        order = random.permutation(firsts)
        chosen = order[: min(max(1, round(share * len(firsts))), len(firsts) - 2)]
    else:
        labels, sizes, back = targets[firsts].argmax(axis=1), np.bincount(groups, minlength=len(groups)), []
        for label in np.unique(labels):
            mine = random.permutation(firsts[labels == label])
            alone = len(mine) == 1 and sizes[mine[0]] > 1  # rows of one text: without them nothing would be learned
            back.append(mine[: 0 if alone else min(max(1, round(share * len(mine))), max(1, len(mine) - 1))])
        chosen = np.concatenate(back)
    held = np.isin(groups, chosen)
    return np.flatnonzero(~held), np.flatnonzero(held)


def named(names: Sequence[str]) -> str:
    """Return labels in words, the first few."""
    shown = ", ".join(repr(name) for name in names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown


def rejected_for(
    ids: Sequence[str], labels: Sequence[tuple[str, ...]], rows: Sequence[int], reason: Reason
) -> list[Rejected]:
    """Return the texts at some rows as rejected for their label: too rare, or not among the training texts."""
    why = "too few texts have" if reason == "rare-label" else "no training text has"
    return [Rejected(ids[row], reason, f"{why} the label {labels[row][0]!r}") for row in rows]
