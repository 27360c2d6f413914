"""Which pictures show none of the classes asked for: what is learned from pictures of classes that were not named.

A cosine alone does not say it: that of a picture to the closest of some words is high for anything. A logistic
regression reads four signs: the cosine to the closest class, the distance to the next, how evenly the cosines are
spread, and the cosine of features to the nearest picture of the classes. It is judged in two halves, near copies in
one, each by what the other half taught.

Shapes: N pictures, C classes, F features.
Source: a maximum of scores as the baseline for what belongs to no class, Hendrycks & Gimpel 2017, arXiv:1610.02136;
nearest neighbours, Sun et al. 2022, arXiv:2204.06507.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.data.evaluation import Measure
from tasks.metrics.intervals import drawn_rows, percentile_interval
from tasks.metrics.shares import share_measure
from tasks.vectors.arithmetic import normalise
from tasks.vectors.groups import folds_of

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
HALVES, RESAMPLES, BLOCK = 2, 500, 2_048
SHARPNESS = 20.0  # of the softmax whose evenness is a sign


@dataclass(frozen=True, slots=True)
class NoneLine:
    """How sure one must be that a picture shows one of the classes.

    Attributes:
        mean: (S,) of the signs.
        spread: (S,) of them.
        weights: (S,).
        bias: Of the regression.
        below: Probability below which a picture shows none of the classes.
    """

    mean: Floats
    spread: Floats
    weights: Floats
    bias: float
    below: float

    def likely(self, signs: Floats) -> Floats:
        """Return (N,) probabilities that pictures show one of the classes."""
        scores = (signs - self.mean) / self.spread @ self.weights + self.bias
        return np.asarray(1 / (1 + np.exp(-scores)), np.float32)


def signs_of(cosines: Floats, nearest: Floats) -> Floats:
    """Return the (N, 4) signs of pictures by which one tells whether they show one of the classes.

    Args:
        cosines: (N, C) to the classes.
        nearest: (N,) cosine of features to the nearest picture of the classes.
    """
    ordered = np.sort(cosines, axis=1)
    shares = np.exp(SHARPNESS * (cosines - ordered[:, -1:]))
    shares /= shares.sum(1, keepdims=True)
    evenness = -(shares * np.log(np.maximum(shares, 1e-12))).sum(1)
    return np.stack([ordered[:, -1], ordered[:, -1] - ordered[:, -2], evenness, nearest], axis=1).astype(np.float32)


def nearest_of(features: Floats, known: Integers, groups: Integers) -> Floats:
    """Return the (N,) cosine of each picture's features to the nearest of some others, near copies left out.

    Args:
        features: (N, F).
        known: Rows of the pictures looked among.
        groups: (N,) groups of near copies.
    """
    rows, found = normalise(features), np.empty(len(features), np.float32)
    among = rows[known]
    for start in range(0, len(rows), BLOCK):
        here = slice(start, start + BLOCK)
        cosines = rows[here] @ among.T
        cosines[groups[here, None] == groups[None, known]] = -1.0
        found[here] = cosines.max(1)
    return found


@dataclass(frozen=True, slots=True)
class ToldPictures:
    """Pictures of which it is known whether they show one of the classes.

    Attributes:
        cosines: (N, C) to the classes.
        features: (N, F).
        known: (N,) whether they show one.
    """

    cosines: Floats
    features: Floats
    known: Bools

    def signs(self, among: Integers, groups: Integers) -> Floats:
        """Return the (N, 4) signs, the nearest picture of the classes looked for among some rows."""
        return signs_of(self.cosines, nearest_of(self.features, among, groups))


def draw_line(signs: Floats, known: Bools, lost: float) -> NoneLine:
    """Return what tells pictures of the classes from others, such that a share of the former is lost.

    Args:
        signs: (N, S) of pictures.
        known: (N,) whether they show one of the classes.
        lost: Share of those that may be called none.
    """
    from sklearn.linear_model import LogisticRegression

    mean, spread = signs.mean(0), signs.std(0) + 1e-6
    model = LogisticRegression(class_weight="balanced").fit((signs - mean) / spread, known)
    line = NoneLine(mean, spread, np.asarray(model.coef_[0], np.float32), float(model.intercept_[0]), 0.0)
    below = float(np.quantile(line.likely(signs[known]), lost))
    return NoneLine(line.mean, line.spread, line.weights, line.bias, below)


def judge_line(told: ToldPictures, groups: Integers, *, lost: float, seed: int) -> list[Measure]:
    """Return how well lines drawn by one half of the pictures tell those of the other half.

    The nearest pictures of the classes are looked for in the half that is learned from, too.

    Args:
        told: (N,) pictures of which it is known whether they show one of the classes.
        groups: (N,) groups of near copies.
        lost: Share of pictures of the classes that may be called none.
        seed: Divides the groups.
    """
    known, halves = told.known, folds_of(groups, HALVES, seed)
    likely, refused = np.zeros(len(known), np.float32), np.zeros(len(known), bool)
    for half in range(HALVES):
        here = halves == half
        signs = told.signs(np.flatnonzero(known & ~here), groups)
        line = draw_line(signs[~here], known[~here], lost)
        likely[here] = line.likely(signs[here])
        refused[here] = likely[here] < line.below
    others, ours = refused[~known], refused[known]
    return [
        _auroc("none of these", known, likely, seed), _auroc("cosine alone", known, told.cosines.max(1), seed),
        share_measure("called none", "pictures of other classes", int(others.sum()), len(others)),
        share_measure("called none", "pictures of the classes", int(ours.sum()), len(ours)),
    ]  # fmt: skip


def _auroc(what: str, known: Bools, scores: Floats, seed: int) -> Measure:
    from sklearn.metrics import roc_auc_score

    drawn = [
        rows for rows in drawn_rows(len(known), resamples=RESAMPLES, seed=seed) if 0 < known[rows].sum() < len(rows)
    ]
    low, high = percentile_interval([float(roc_auc_score(known[rows], scores[rows])) for rows in drawn])
    return Measure("AUROC", what, float(roc_auc_score(known, scores)), low, high, len(known))
