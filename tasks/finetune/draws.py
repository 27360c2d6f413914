"""Some rows of many, by seed."""

import random
from collections.abc import Sequence
from typing import TypeVar

Row = TypeVar("Row")


def drawn(rows: Sequence[Row], most: int | None, seed: int) -> list[Row]:
    """Return at most so many rows, drawn by seed, in their order; None: all.

    Args:
        rows: To draw from.
        most: Rows at most.
        seed: Same seed, same rows.
    """
    if most is None or len(rows) <= most:
        return list(rows)
    return [rows[at] for at in sorted(random.Random(seed).sample(range(len(rows)), most))]
