"""Cut texts of mixed length into batches of fixed shapes.

A batch is `height` rows of `width` tokens. Widths come from a fixed ladder, and one width always has one height, so
the arithmetic done for a text depends on its own length alone: its vector is the same bit for bit whoever shares the
batch. Filler rows are left out where that was seen to change no bit: `fixed_shapes`.
Source: ours; sorting by length as in Sentence-BERT's reference code (Reimers & Gurevych 2019, arXiv:1908.10084).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.errors import ContractError

LADDER = (*range(16, 65, 16), *range(96, 513, 32), *range(640, 2049, 128), *range(2560, 32769, 512))

COARSE = (64, 128, 256, *range(512, 2049, 256), *range(3072, 32769, 1024))  # where rows count for more than padding


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts that go through the model together.

    Attributes:
        rows: Which texts, by position.
        width: Tokens each is padded to.
        height: Rows of the padded batch; those past `rows` are filler.
    """

    rows: npt.NDArray[np.int64]
    width: int
    height: int


def cut(
    lengths: npt.NDArray[np.int64],
    *,
    tokens: int,
    room: int = 0,
    rows_at_most: int | None = None,
    ladder: Sequence[int] = LADDER,
) -> list[Batch]:
    """Group texts by padded width and cut each group into batches.

    Args:
        lengths: (N,) tokens of each text, at least 1.
        tokens: Tokens a batch holds, padding included; a single longer text is a batch of its own.
        room: Tokens that will be added to each text, and count too.
        rows_at_most: Rows a batch has at most; left out, as many as it holds.
        ladder: Widths there are.

    Returns:
        Batches from the shortest to the longest; each position is in exactly one.

    Raises:
        ContractError: A length is below 1 or above the top of the ladder.
    """
    if len(lengths) and not 1 <= lengths.min() <= lengths.max() <= ladder[-1]:
        raise ContractError(f"lengths go from {lengths.min()} to {lengths.max()} but 1 to {ladder[-1]} was needed")
    widths = np.asarray(ladder)[np.searchsorted(ladder, lengths)]
    batches = []
    for width in np.unique(widths):
        rows = np.flatnonzero(widths == width)
        height = max(1, tokens // (int(width) + room))
        height = height if rows_at_most is None else min(height, rows_at_most)
        batches += [Batch(rows[i : i + height], int(width), height) for i in range(0, len(rows), height)]
    return batches
