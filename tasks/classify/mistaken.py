"""Find labels that are probably wrong.

Shapes: N texts, K classes.
Source: confident learning, Northcutt, Jiang & Chuang 2021, doi:10.1613/jair.1.12125, chapter 3: the confident joint,
and of it what lies off the diagonal.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]


def class_thresholds(given: Ints, likely: Floats) -> Floats:
    """Return (K,) how likely a class is, in the mean, for the texts that are labelled so; 1 of a class without text.

    Args:
        given: (N,) labels.
        likely: (N, K) probabilities by what was fitted on other texts.
    """
    classes = likely.shape[1]
    total = np.bincount(given, weights=likely[np.arange(len(given)), given], minlength=classes)
    count = np.bincount(given, minlength=classes)
    return np.divide(total, count, out=np.ones(classes), where=count > 0)


def confident_labels(given: Ints, likely: Floats) -> Ints:
    """Return (N,) the likeliest class among those that reach their threshold; -1 where none does."""
    reached = likely >= class_thresholds(given, likely)[None, :]
    best = np.where(reached, likely, -np.inf).argmax(axis=1)
    return np.where(reached.any(axis=1), best, -1)


def probably_wrong(given: Ints, likely: Floats) -> Ints:
    """Return rows of texts that are confidently of another class than their label says, and likeliest of that class.

    Args:
        given: (N,) labels.
        likely: (N, K) probabilities by what was fitted on other texts.

    Returns:
        Rows, those whose label is least likely first; a tie goes to the lower row.
    """
    confident = confident_labels(given, likely)
    rows = np.flatnonzero((confident >= 0) & (confident != given) & (likely.argmax(axis=1) != given))
    return rows[np.argsort(likely[rows, given[rows]], kind="stable")]
