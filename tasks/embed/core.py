"""Encode texts so that one that cannot be encoded costs itself alone.

Shapes: N texts, D width.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.vectors.arithmetic import normalise

Encode = Callable[[Sequence[str]], npt.NDArray[np.float32]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Poison:
    """A text that could not be encoded, and why."""

    position: int
    detail: str


def encode_each(texts: Sequence[str], encode: Encode) -> tuple[npt.NDArray[np.float32], list[Poison]]:
    """Encode texts together; if that fails, find those that are to blame.

    Args:
        texts: N texts.
        encode: Encodes any number of texts to (n, D); may raise, or return rows that are not finite.

    Returns:
        (N, D) vectors, NaN where a text is poison, and the poison in order.
    """
    try:
        vectors = encode(texts)
    except (ValueError, RuntimeError, TypeError, IndexError) as error:
        if len(texts) == 1:
            return np.full((1, 1), np.nan, dtype=np.float32), [Poison(0, f"the encoder failed: {str(error)[:200]}")]
        log.warning("encoding %d texts together failed (%s); the batch is halved to find the cause", len(texts), error)
        return _halves(texts, encode)
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    return vectors, [Poison(int(row), "the encoder gave a vector that is not finite") for row in bad]


def mean_by_owner(
    vectors: npt.NDArray[np.float32], owners: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.float32]:
    """Return the mean of each owner's rows, at unit length.

    Args:
        vectors: (N, D) rows.
        owners: (N,) owner of each, 0..count-1.
        count: M, owners in all.

    Returns:
        (M, D).

    Raises:
        ContractError: An owner has no row, or rows that cancel out.
    """
    sums = np.zeros((count, vectors.shape[1]), dtype=np.float64)
    np.add.at(sums, owners, vectors)
    return normalise(sums)


def _halves(texts: Sequence[str], encode: Encode) -> tuple[npt.NDArray[np.float32], list[Poison]]:
    middle = len(texts) // 2
    left, left_poison = encode_each(texts[:middle], encode)
    right, right_poison = encode_each(texts[middle:], encode)
    width = max(left.shape[1], right.shape[1])
    halves = [
        part if part.shape[1] == width else np.full((len(part), width), np.nan, dtype=np.float32)
        for part in (left, right)
    ]
    return np.concatenate(halves), left_poison + [Poison(p.position + middle, p.detail) for p in right_poison]
