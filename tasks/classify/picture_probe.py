"""A linear probe: what a logistic regression makes of the features of pictures, each judged by one that never saw it.

Shapes: N pictures, F features, K classes.
Source: linear probes of learned features, Alain & Bengio 2016, arXiv:1610.01644.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from configs.pictures import PictureProbe
from tasks.classify.linear import regressions
from tasks.classify.model import probabilities
from tasks.data.evaluation import Measure
from tasks.metrics.classification import macro_f1
from tasks.metrics.intervals import paired_interval
from tasks.metrics.shares import share_measure
from tasks.vectors.groups import folds_of

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
LEAST_SPREAD = 1e-6  # of a feature that never changes
RESAMPLES = 1_000


def likely_classes(learned: Floats, labels: Integers, asked: Floats, count: int, c: float) -> Floats:
    """Return (M, K) probabilities of asked pictures, by a regression on the features of others.

    Args:
        learned: (N, F) features to learn from.
        labels: (N,) their classes.
        asked: (M, F) features.
        count: K.
        c: Inverse strength of the regularisation; features have a spread of 1.
    """
    mean, spread = learned.mean(0), learned.std(0) + LEAST_SPREAD
    targets = np.zeros((len(labels), count), bool)
    targets[np.arange(len(labels)), labels] = True
    weights, bias = next(
        regressions((learned - mean) / spread, targets, c_values=(c,), class_weight="none", multiple=False)
    )
    return np.asarray(
        probabilities((asked - mean) / spread @ weights.T + bias, temperature=1.0, multiple=False), np.float32
    )


def held_out(features: Floats, labels: Integers, groups: Integers, config: PictureProbe) -> Floats:
    """Return (N, K) probabilities of pictures, each by a regression that saw neither it nor a near copy.

    Args:
        features: (N, F).
        labels: (N,) classes.
        groups: (N,) groups of near copies.
        config: Folds, seed and strength.
    """
    count = int(labels.max()) + 1
    folds, found = folds_of(groups, config.folds, config.seed), np.zeros((len(labels), count), np.float32)
    for fold in np.unique(folds):
        here = folds == fold
        found[here] = likely_classes(features[~here], labels[~here], features[here], count, config.C)
    return found


def probe_measures(
    labels: Integers, ours: Floats, colours: Floats, classes: Sequence[str], config: PictureProbe
) -> list[Measure]:
    """Return how often the class is right, by features and by colours, for each class, and by the commonest class.

    Args:
        labels: (N,) right classes.
        ours: (N, K) probabilities by features.
        colours: (N, K) probabilities by colours.
        classes: Names of the K classes.
        config: Seed of the interval.
    """
    count, found = len(labels), []
    right = {name: likely.argmax(1) == labels for name, likely in (("probe", ours), ("colours", colours))}
    for name, hits in right.items():
        found.append(share_measure("accuracy", name, int(hits.sum()), count))
    found.append(share_measure("accuracy", "commonest class of the probe", int(np.bincount(labels).max()), count))
    value, (low, high) = paired_interval(
        right["probe"].astype(float).tolist(), right["colours"].astype(float).tolist(), resamples=RESAMPLES,
        seed=config.seed,
    )  # fmt: skip
    found.append(Measure("accuracy difference", "probe - colours", value, low, high, count))
    one_hot = np.eye(len(classes), dtype=bool)
    f1 = macro_f1(one_hot[labels], one_hot[ours.argmax(1)])
    found.append(Measure("macro-F1", "probe", f1, f1, f1, count))
    for k, name in enumerate(classes):
        hits = right["probe"][labels == k]
        found.append(share_measure("accuracy", f"probe, {name}", int(hits.sum()), len(hits)))
    return found
