"""Logistic regressions, one strength after another, and the temperature and thresholds that make them decide.

Shapes: N texts, K classes, F features.
Source: logistic regression by scikit-learn (one a class where a text may have several labels), each strength started
from the weights of the one before (a path, Friedman et al. 2010, doi:10.18637/jss.v033.i01); temperature, Guo et al.
2017, arXiv:1706.04599; thresholds that maximise F1, Lipton et al. 2014, arXiv:1402.1892.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np

from tasks.classify.model import Bools, Floats, probabilities

ITERATIONS = 1_000
TOLERANCE = 1e-5  # 1e-4 ends a fit that starts from its neighbour on the path before it has moved
NEVER = 10.0  # how far below all others a class scores that the texts learned from do not have
LOG_TEMPERATURES = (-4.0, 4.0)

Weights = tuple[Floats, Floats]  # (K, F) and (K,)


def regressions(
    rows: Any, targets: Bools, *, c_values: Sequence[float], class_weight: Literal["none", "balanced"], multiple: bool
) -> Iterator[Weights]:
    """Fit a logistic regression for each strength.

    Args:
        rows: (N, F), sparse or dense.
        targets: (N, K) labels.
        c_values: Values of C.
        class_weight: Whether rare classes count for more.
        multiple: Whether a text may have several labels.

    Yields:
        Weights (K, F) and bias (K,) of each strength; of a class without a text such that it is never chosen.
    """
    if multiple:
        columns = [_binary(rows, targets[:, column], c_values, class_weight) for column in range(targets.shape[1])]
        for at in range(len(c_values)):
            yield np.stack([c[at][0] for c in columns]), np.array([c[at][1] for c in columns])
        return
    labels = targets.argmax(axis=1)
    present = np.unique(labels)
    for weights, bias in _path(rows, labels, c_values, class_weight):
        if len(present) == 2:  # one row of weights, for the second class
            weights, bias = np.concatenate([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
        spread = np.zeros((targets.shape[1], weights.shape[1]))
        level = np.full(targets.shape[1], float(bias.min()) - NEVER)
        spread[present], level[present] = weights, bias
        yield spread, level


def _binary(
    rows: Any, column: Bools, c_values: Sequence[float], class_weight: Literal["none", "balanced"]
) -> list[tuple[Floats, float]]:
    """Return weights (F,) and bias of one label for each strength; of one that all or none have, its share alone."""
    if column.all() or not column.any():
        share = (column.sum() + 0.5) / (len(column) + 1)
        return [(np.zeros(rows.shape[1]), float(np.log(share / (1 - share))))] * len(c_values)
    return [(weights[0], float(bias[0])) for weights, bias in _path(rows, column.astype(int), c_values, class_weight)]


def _path(rows: Any, labels: Any, c_values: Sequence[float], class_weight: str) -> Iterator[Weights]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    fewer, spread = merge_lone(rows) if hasattr(rows, "tocsc") else (np.asarray(rows, dtype=np.float64), np.asarray)
    model = LogisticRegression(
        max_iter=ITERATIONS, tol=TOLERANCE, class_weight=None if class_weight == "none" else class_weight,
        warm_start=True,
    )  # fmt: skip
    for c in c_values:
        # Its products are small: threads wait for each other, ten times as long where something else computes.
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it has gone far enough: judged as any other
            model.set_params(C=c).fit(fewer, labels)
        yield spread(model.coef_), np.array(model.intercept_, dtype=np.float64)


def merge_lone(rows: Any) -> tuple[Any, Callable[[Floats], Floats]]:
    """Put the terms of one text alone into one column a text, which changes no prediction of what is fitted.

    Only their sum counts in that text, and the weights whose squares are least for a sum are in proportion to the
    values: most terms of a matrix of words are such, and they are most of what a fit computes with.

    Args:
        rows: (N, F) sparse.

    Returns:
        (N, G + N) sparse, and what gives the weights (K, F) of weights (K, G + N).
    """
    from scipy import sparse

    columns = rows.tocsc()
    lone = np.diff(columns.indptr) == 1
    theirs = columns[:, lone].tocsr()
    length = np.sqrt(np.asarray(theirs.multiply(theirs).sum(axis=1)).ravel())
    share = sparse.diags(np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)) @ theirs
    shared = int((~lone).sum())

    def spread(weights: Floats) -> Floats:
        found = np.zeros((len(weights), rows.shape[1]))
        found[:, ~lone], found[:, lone] = weights[:, :shared], weights[:, shared:] @ share
        return found

    return sparse.hstack([columns[:, ~lone], sparse.diags(length)]).tocsr(), spread


def best_temperature(scores: Floats, targets: Bools, *, multiple: bool) -> float:
    """Return what scores (N, K) must be divided by for their probabilities to be likeliest, given labels (N, K)."""
    from scipy.optimize import minimize_scalar

    def loss(log: float) -> float:
        likely = probabilities(scores, temperature=float(np.exp(log)), multiple=multiple).astype(np.float64)
        right = np.where(targets, likely, 1 - likely) if multiple else likely[targets]
        return float(-np.log(np.maximum(right, 1e-12)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=LOG_TEMPERATURES, method="bounded").x))


def best_thresholds(likely: Any, targets: Bools) -> Floats:
    """Return for each class the probability from which on calling texts so has the best F1; one half where none is."""
    from sklearn.metrics import precision_recall_curve

    found = np.full(targets.shape[1], 0.5)
    for column in range(targets.shape[1]):
        if targets[:, column].any():
            precision, recall, cuts = precision_recall_curve(targets[:, column], likely[:, column])
            total = precision[:-1] + recall[:-1]
            f1 = np.divide(2 * precision[:-1] * recall[:-1], total, out=np.zeros_like(total), where=total > 0)
            found[column] = float(cuts[f1.argmax()])
    return found
