"""Precision, recall and F1 of entities: an entity counts if place and type are just those it has.

Shapes: S sentences, T types, R resamples.
Source: CoNLL-2003, Tjong Kim Sang & De Meulder, as seqeval's strict mode has it; bootstrap over sentences, Efron 1979.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.metrics.classification import f1_of
from tasks.metrics.intervals import drawn_rows
from tasks.text.spans import spans_of

Floats = npt.NDArray[np.float64]
Labels = Sequence[Sequence[str]]


def entity_counts(given: Labels, found: Labels, types: Sequence[str]) -> Floats:
    """Return (S, T, 3): of each sentence and type the entities found rightly, found wrongly, and missed.

    Args:
        given: Labels of the words of each sentence.
        found: Labels that were found.
        types: T names; entities of others are left out.
    """
    column = {name: at for at, name in enumerate(types)}
    counted = np.zeros((len(given), len(types), 3))
    for row, (ours, theirs) in enumerate(zip(given, found, strict=True)):
        there, marked = set(spans_of(ours)), set(spans_of(theirs))
        for part, spans in enumerate((there & marked, marked - there, there - marked)):
            for _, _, kind in spans:
                if kind in column:
                    counted[row, column[kind], part] += 1
    return counted


def micro_f1(counts: Floats) -> float:
    """Return F1 of all entities together, of (S, T, 3) counts; 0 where there are none and none were found."""
    return float(f1_of(*counts.sum(axis=(0, 1))[:, None])[0])


def resampled_f1(counts: Floats, *, resamples: int, seed: int) -> Floats:
    """Return (R, T + 1) F1 of each type, and of all together in the last column, over resampled sentences."""
    weights = np.stack([
        np.bincount(rows, minlength=len(counts)) for rows in drawn_rows(len(counts), resamples=resamples, seed=seed)
    ]).astype(np.float64)  # fmt: skip
    summed = np.tensordot(weights, counts, axes=(1, 0))
    every = np.concatenate([summed, summed.sum(axis=1, keepdims=True)], axis=1)
    return f1_of(every[..., 0], every[..., 1], every[..., 2])
