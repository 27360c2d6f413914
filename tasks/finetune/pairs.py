"""Rows of examples to what a loss reads: parts that share nothing, pairs of one label, batches without repeats.

Source: in-batch negatives, Henderson et al. 2017, arXiv:1705.00652: a text or label that is twice in a batch would be
its own negative.
"""

import random
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

from tasks.data.pairs import TextPair
from tasks.errors import DataError
from tasks.finetune.contamination import plain

SCANNED = 40  # times the size of a batch that is looked ahead for rows that fit into it
Parts = tuple[list[TextPair], list[TextPair]]


def hold_out(rows: Sequence[TextPair], share: float, *, by_label: bool, seed: int) -> Parts:
    """Divide rows into a larger and a held-out part; the rows of one group stay together.

    Args:
        rows: Examples.
        share: Of the groups that is held out, at least one.
        by_label: Whether so many of each label are, a label with one group left where it is.
        seed: Same seed, same parts.

    Returns:
        The rows to go on with, and those held out, each in their order.
    """
    groups: dict[str, dict[str, None]] = defaultdict(dict)
    label_of: dict[str, str] = {}
    for row in rows:
        groups[label_of.setdefault(row.group, row.label if by_label else "")][row.group] = None
    held: set[str] = set()
    draw = random.Random(seed)
    for label in sorted(groups):
        mine = list(groups[label])
        count = round(len(mine) * share) or (1 if len(groups) == 1 else 0)
        held.update(draw.sample(mine, min(count, len(mine) - 1)))
    return [row for row in rows if row.group not in held], [row for row in rows if row.group in held]


def draw_groups(rows: Sequence[TextPair], limit: int, seed: int) -> list[TextPair]:
    """Return whole groups drawn by seed, with at most so many rows, in their order; all rows where they are few."""
    if len(rows) <= limit:
        return list(rows)
    sizes: dict[str, int] = defaultdict(int)
    for row in rows:
        sizes[row.group] += 1
    names, kept, total = list(sizes), set(), 0
    random.Random(seed).shuffle(names)
    for name in names:
        if total + sizes[name] <= limit:
            kept.add(name)
            total += sizes[name]
    return [row for row in rows if row.group in kept]


def label_pairs(rows: Sequence[TextPair], per_label: int, seed: int) -> list[TextPair]:
    """Return pairs of texts of one label, at most so many of each; a text is in as few of them as can be.

    Raises:
        DataError: No label has two texts.
    """
    by_label: dict[str, list[TextPair]] = defaultdict(list)
    for row in rows:
        by_label[row.label].append(row)
    draw, found = random.Random(seed), []
    for label in sorted(by_label):
        mine = by_label[label]
        pairs: dict[tuple[int, int], None] = {}
        most = min(per_label, len(mine) * (len(mine) - 1) // 2)
        while len(pairs) < most:
            order = draw.sample(range(len(mine)), len(mine))
            for one, other in zip(order[::2], order[1::2], strict=False):
                if len(pairs) < most:
                    pairs[min(one, other), max(one, other)] = None
        found += [
            TextPair(f"{mine[a].id}+{mine[b].id}", mine[a].anchor, mine[b].anchor, label=label) for a, b in pairs
        ]
    if not found:
        raise DataError("no label has two texts, so there are no pairs to learn from; give more texts of each label")
    return found


def unlike_pairs(pairs: Sequence[TextPair], seed: int) -> list[TextPair]:
    """Return for each pair of one label its first text with the second of a pair of another label, at score 0."""
    draw, found = random.Random(seed), []
    for row in pairs:
        other = next((o for o in (draw.choice(pairs) for _ in range(100)) if o.label != row.label), None)
        if other is not None:
            found.append(replace(row, id=f"{row.id}-{other.id}", positive=other.positive, score=0.0))
    return found


def training_rows(
    rows: Sequence[TextPair], kind: str, loss: str, *, per_label: int = 0, seed: int = 0
) -> list[TextPair]:
    """Return the rows of one format as a loss reads them.

    Args:
        rows: Examples.
        kind: Their format.
        loss: Kind of the loss.
        per_label: Pairs of each label, where the format is labels.
        seed: Draws them.

    Returns:
        For multiple negatives only rows that belong together; for others pairs with their score, or relation.

    Raises:
        DataError: Nothing is left.
    """
    found = list(rows)
    if kind == "labels":
        found = label_pairs(rows, per_label, seed)
        if loss != "multiple-negatives":
            found += unlike_pairs(found, seed)
    if loss == "multiple-negatives":
        found = (
            _with_contradictions([row for row in found if row.score > 0]) if kind != "relations" else _entailed(rows)
        )
    if not found:
        raise DataError(f"no row can be trained on with the loss {loss}: none belongs together; check the relations")
    return found


def _with_contradictions(rows: list[TextPair]) -> list[TextPair]:
    """Keep negatives only where every row has one: a batch has them as a column, or not at all."""
    if all(row.negative for row in rows):
        return rows
    return [replace(row, negative="") for row in rows]


def _entailed(rows: Sequence[TextPair]) -> list[TextPair]:
    """Return the pairs that belong together; a text of the same anchor that does not is the negative, if all have one.

    The relation is no label here: two entailed pairs are not alike.
    """
    against: dict[str, str] = {}
    for row in rows:
        if row.score == 0:
            against.setdefault(row.anchor, row.positive)
    found = [replace(row, negative=against.get(row.anchor, ""), label="") for row in rows if row.score > 0]
    return _with_contradictions(found)


def keys_of(row: TextPair) -> frozenset[str]:
    """Return what may not be twice in a batch: the texts of a row, and its label."""
    return frozenset([*(f"text {plain(text)}" for text in row.texts), *([f"label {row.label}"] if row.label else [])])


def batches(keys: Sequence[Collection[str]], size: int, seed: int, count: int | None = None) -> list[list[int]]:
    """Return batches in which no key is twice, every row in one; the last ones, or those of few labels, are smaller.

    Args:
        keys: Of each row.
        size: Rows of a batch at most.
        seed: Shuffles the rows.
        count: How many batches there must be, as in the epoch before: of more the smallest are left out, of fewer the
            largest are divided. Left out: as many as there are.
    """
    made = _packed(keys, size, seed)
    if count is None:
        return made
    while len(made) < count and len(made[largest := max(range(len(made)), key=lambda n: len(made[n]))]) > 1:
        made[largest], half = made[largest][::2], made[largest][1::2]
        made.append(half)
    smallest = sorted(range(len(made)), key=lambda n: len(made[n]))[: max(0, len(made) - count)]
    return [batch for number, batch in enumerate(made) if number not in smallest]


def _packed(keys: Sequence[Collection[str]], size: int, seed: int) -> list[list[int]]:
    """Fill batch after batch with the next rows that fit."""
    waiting, made = list(range(len(keys))), []
    random.Random(seed).shuffle(waiting)
    while waiting:
        taken: list[int] = []
        passed: list[int] = []
        seen: set[str] = set()
        at = 0
        while at < len(waiting) and len(taken) < size and at < SCANNED * size:
            row = waiting[at]
            if seen.isdisjoint(keys[row]):
                taken.append(row)
                seen.update(keys[row])
            else:
                passed.append(row)
            at += 1
        waiting = passed + waiting[at:]
        made.append(taken)
    return made


def without_repeats(rows: Sequence[TextPair]) -> tuple[list[TextPair], list[tuple[TextPair, str]]]:
    """Return the rows that say something new, and those that do not with the id of the row they repeat."""
    first: dict[tuple[str, str, str, str, float], str] = {}
    kept, repeated = [], []
    for row in rows:
        key = (plain(row.anchor), plain(row.positive), plain(row.negative), row.label, row.score)
        if key in first:
            repeated.append((row, first[key]))
        else:
            first[key] = row.id
            kept.append(row)
    return kept, repeated


def contradictions(rows: Sequence[TextPair]) -> list[tuple[TextPair, TextPair]]:
    """Return rows of the same texts that have another label or score, each with the first that says otherwise."""
    first: dict[tuple[str, str], TextPair] = {}
    found = []
    for row in rows:
        other = first.setdefault((plain(row.anchor), plain(row.positive)), row)
        if (other.label, other.score) != (row.label, row.score):
            found.append((row, other))
    return found


def scored_rows(rows: Sequence[TextPair]) -> list[TextPair]:
    """Return each pair of texts once with a score of 1 or 0; the negative of a row is a pair of its own."""
    found: dict[tuple[str, str], TextPair] = {}
    for row in rows:
        found[row.anchor, row.positive] = replace(row, negative="", score=float(row.score > 0), label="")
    for row in rows:
        if row.negative:
            pair = replace(row, id=f"{row.id}-", positive=row.negative, negative="", score=0.0, label="")
            found.setdefault((row.anchor, row.negative), pair)
    return list(found.values())
