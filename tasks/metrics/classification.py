"""Measures of labels that everything shares: the only implementations.

Labels are (N, K) of truth values: of N texts, which of K classes each has.

Source: macro-F1 as scikit-learn's `f1_score(average="macro")`, AUROC as its `roc_auc_score(average="macro",
multi_class="ovr")`.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def counts(targets: Bools, given: Bools) -> tuple[Floats, Floats, Floats]:
    """Return for each class (K,) how many texts have it and were given it, were given it wrongly, and lack it."""
    return (
        (targets & given).sum(axis=0, dtype=np.float64),
        (~targets & given).sum(axis=0, dtype=np.float64),
        (targets & ~given).sum(axis=0, dtype=np.float64),
    )


def f1_of(right: Floats, wrong: Floats, missed: Floats) -> Floats:
    """Return F1 of each class; 0 of one that no text has and none was given."""
    total = 2 * right + wrong + missed
    return np.divide(2 * right, total, out=np.zeros_like(total), where=total > 0)


def mean_f1(right: Floats, wrong: Floats, missed: Floats) -> Floats:
    """Return the mean F1 (...,) over the classes (..., K) that some text has or was given."""
    present = right + wrong + missed > 0
    return np.asarray(f1_of(right, wrong, missed).sum(axis=-1) / np.maximum(present.sum(axis=-1), 1))


def macro_f1(targets: Bools, given: Bools) -> float:
    """Return the mean F1 over the classes that some text has or was given."""
    return float(mean_f1(*counts(targets, given)))


def auroc(positive: Bools, scores: npt.NDArray[np.floating], weights: Floats) -> Floats:
    """Return (R,) how often a text that has the class has a higher score than one that has not; a tie counts half.

    Args:
        positive: (N,) whether each text has the class.
        scores: (N,) scores of the class.
        weights: (R, N) how often each text counts, one row a sample; of a sample without both kinds it is NaN.
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    ordered, has = weights[:, order], positive[order]
    hits, rest = (np.add.reduceat(ordered * part, starts, axis=1) for part in (has, ~has))
    below = np.cumsum(rest, axis=1) - rest / 2
    pairs = hits.sum(axis=1) * rest.sum(axis=1)
    found = np.full(len(weights), np.nan)
    return np.asarray(np.divide((hits * below).sum(axis=1), pairs, out=found, where=pairs > 0))


def mean_auroc(targets: Bools, likely: npt.NDArray[np.floating], weights: Floats) -> Floats:
    """Return (R,) the mean AUROC over the classes that some texts of a sample have, and some have not.

    Args:
        targets: (N, K) labels.
        likely: (N, K) probabilities.
        weights: (R, N) how often each text counts, one row a sample.
    """
    each = np.stack([auroc(has, scores, weights) for has, scores in zip(targets.T, likely.T, strict=True)])
    known = np.isfinite(each)
    total, found = np.where(known, each, 0.0).sum(axis=0), np.full(len(weights), np.nan)
    return np.asarray(np.divide(total, known.sum(axis=0), out=found, where=known.any(axis=0)))


def right_texts(targets: Bools, given: Bools) -> Bools:
    """Return (N,) whether a text was given just the labels it has."""
    return np.asarray((targets == given).all(axis=1))


def accuracy(targets: Bools, given: Bools) -> float:
    """Return the share of the texts that were given just the labels they have."""
    return float(right_texts(targets, given).mean())


def decide(likely: npt.NDArray[np.floating], thresholds: Sequence[float] | Floats | None) -> Bools:
    """Return the (N, K) labels given: the likeliest class, none where all are 0; or all that reach their threshold."""
    if thresholds is not None:
        return np.asarray(likely >= np.asarray(thresholds))
    given = np.zeros(likely.shape, dtype=bool)
    given[np.arange(len(likely)), likely.argmax(axis=1)] = (likely != 0).any(axis=1)
    return given


def table(labels: Sequence[Sequence[str]], classes: Sequence[str]) -> Bools:
    """Return (N, K): whether each text has each label; labels that are no class are left out."""
    column = {name: at for at, name in enumerate(classes)}
    made = np.zeros((len(labels), len(classes)), dtype=bool)
    for row, names in enumerate(labels):
        made[row, [column[name] for name in names if name in column]] = True
    return made
