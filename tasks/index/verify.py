"""Is a generation whole? Numbers that must agree, vectors that must be directions, passages that must be found again.

Shapes: N passages, P probes, D width.
Source: ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from configs.publish import Verify
from tasks.errors import DataError, StoreError

Floats = npt.NDArray[np.float32]
AT_ONCE = 16_384  # vectors in memory at a time
UNIT = 1e-3  # how far a length may be from 1
EQUAL = 1e-5  # how far the cosine of equal vectors may be from 1
FEW = 5  # hits among which its own words must find a passage


@dataclass(frozen=True, slots=True)
class Probe:
    """A passage to look for, by its row, and whether it has an indexed word."""

    row: int
    has_words: bool


def draw_probes(count: int, wanted: int, seed: int) -> list[int]:
    """Draw rows to look for, without replacement, in ascending order; all of them where there are no more."""
    drawn = np.random.default_rng(seed).choice(count, size=min(count, wanted), replace=False)
    return sorted(int(row) for row in drawn)


def check_counts(counts: Mapping[str, int]) -> int:
    """Return the one number that all counts agree on.

    Raises:
        StoreError: They differ, or are zero.
    """
    if len(set(counts.values())) != 1 or 0 in counts.values():
        stated = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        raise StoreError(
            f"the new generation has {stated} but one number above zero was needed; nothing is published, run again"
        )
    return next(iter(counts.values()))


def check_documents(referred: Sequence[str], known: Sequence[str], rows: npt.NDArray[np.int64]) -> None:
    """Check that every passage names a document of the table, and the row it stands in.

    Args:
        referred: Id of the document of each passage, N of them.
        known: Ids of the documents, by row.
        rows: (N,) row of the document of each passage.

    Raises:
        StoreError: One does not.
    """
    for number, (name, row) in enumerate(zip(referred, rows.tolist(), strict=True)):
        if not 0 <= row < len(known) or known[row] != name:
            stands = known[row] if 0 <= row < len(known) else "nothing"
            raise StoreError(
                f"passage {number} is of document {name!r} in row {row} but {stands!r} stands there, of "
                f"{len(known):,} documents; nothing is published, run again"
            )


def check_vectors(vectors: Floats) -> None:
    """Check that (N, D) vectors are finite and of unit length, some at a time.

    Raises:
        StoreError: One is not; the message names its row and its length.
    """
    for start in range(0, len(vectors), AT_ONCE):
        lengths = np.linalg.norm(vectors[start : start + AT_ONCE], axis=1)
        bad = np.flatnonzero(~(np.abs(lengths - 1) < UNIT))
        if len(bad):
            raise StoreError(
                f"vector {start + bad[0]} of the new generation has length {lengths[bad[0]]} but 1 was needed "
                f"({len(bad)} of {len(lengths)} are off); nothing is published, run again"
            )


def look_for(
    probes: Sequence[Probe],
    dense: Sequence[Sequence[int]],
    sparse: Sequence[Sequence[int]],
    vectors: Floats,
    config: Verify,
) -> dict[str, int]:
    """Count the probes that are found again; a passage with an equal vector is as good.

    Args:
        probes: P rows that were looked for.
        dense: For each, the rows its vector found, best first.
        sparse: For each, the rows its words found, best first.
        vectors: (N, D) unit-length rows.
        config: How many must be found.

    Returns:
        `by_vector` found first by their vector, `with_words` that have an indexed word, `by_words` of those found
        among the first few by their words.

    Raises:
        DataError: Too few are; the message holds the numbers and the first passage that is not.
    """
    rows = [probe.row for probe in probes]
    missed = _missed(rows, [found[:1] for found in dense], vectors)
    _require("its own vector", len(rows), missed, config.found_by_vector)
    spoken = [(probe.row, found[:FEW]) for probe, found in zip(probes, sparse, strict=True) if probe.has_words]
    unheard = _missed([row for row, _ in spoken], [found for _, found in spoken], vectors)
    _require("its own words", len(spoken), unheard, config.found_by_words)
    return {
        "by_vector": len(rows) - len(missed),
        "with_words": len(spoken),
        "by_words": len(spoken) - len(unheard),
    }


def _missed(rows: Sequence[int], found: Sequence[Sequence[int]], vectors: Floats) -> list[int]:
    """Return the rows that are neither among those found for them nor equal to one of them."""
    return [
        row
        for row, others in zip(rows, found, strict=True)
        if row not in others and not any(float(vectors[other] @ vectors[row]) > 1 - EQUAL for other in others)
    ]


def _require(way: str, asked: int, missed: Sequence[int], share: float) -> None:
    if asked - len(missed) < share * asked:
        raise DataError(
            f"{asked - len(missed)} of {asked} passages of the new generation are found by {way} but {share:.0%} were "
            f"needed (passage {missed[0]} is not); nothing is published, run again or lower publish.verify"
        )
