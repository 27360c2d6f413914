"""Take the label bias of a language model out: it favours some labels whatever the text says.

Each way adds one number a class to the log-likelihoods, so that the order of texts by one class against another stays
as it is, and what moves is from where on a class is chosen.

Shapes: N texts, K classes, C texts without content.
Source: contextual, Zhao et al. 2021, arXiv:2102.09690 (W = diag(p)^-1, b = 0); batch, Zhou et al. 2023,
arXiv:2309.17249; threshold, that of two classes by Platt 1999, for more by Alexandari et al. 2020, arXiv:1901.06852
(a temperature and a bias a class, the likeliest by labels; that few labels leave them near `batch` is ours).
"""

from typing import assert_never

import numpy as np
import numpy.typing as npt

from configs.classify import CalibrationKind, Fit
from tasks.classify.fitting import folds
from tasks.classify.model import Bools, Floats
from tasks.data.labels import LabelCalibration

WEIGHT = 1.0  # of the squares by which temperature and offsets differ from `batch`, against the sum over texts
SHARPEST = 1e-3, 1e3  # of 1 / temperature


def fit_calibration(
    kind: CalibrationKind, likelihoods: Floats, content_free: Floats, targets: Bools
) -> LabelCalibration:
    """Find what is added to the log-likelihoods of each class.

    Args:
        kind: How.
        likelihoods: (N, K) of training texts.
        content_free: (C, K) of texts without content; for `contextual` alone.
        targets: (N, K) labels of the training texts; for `threshold` alone.
    """
    match kind:
        case "none":
            return LabelCalibration(kind=kind, offsets=(0.0,) * likelihoods.shape[1])
        case "contextual":
            offsets = _against(content_free)
            return LabelCalibration(kind=kind, offsets=offsets, texts=len(content_free))
        case "batch":
            return LabelCalibration(kind=kind, offsets=_against(likelihoods), texts=len(likelihoods))
        case "threshold":
            temperature, offsets = _likeliest(likelihoods, targets)
            counts = {"texts": len(likelihoods), "labelled": len(likelihoods)}
            return LabelCalibration(kind=kind, temperature=temperature, offsets=offsets, **counts)
    assert_never(kind)


def held_out(
    kind: CalibrationKind, likelihoods: Floats, content_free: Floats, targets: Bools, config: Fit
) -> npt.NDArray[np.float32]:
    """Return (N, K) probabilities of training texts, by what was fitted on the labels of others.

    Args:
        kind: How; only `threshold` takes labels.
        likelihoods: (N, K) of the training texts.
        content_free: (C, K) of texts without content.
        targets: (N, K) labels of the training texts.
        config: Folds; where no class has two texts, they are left to what takes no labels, `batch`.
    """
    if kind != "threshold":
        return calibrated(likelihoods, fit_calibration(kind, likelihoods, content_free, targets))
    made = calibrated(likelihoods, fit_calibration("batch", likelihoods, content_free, targets))
    for train, rest in folds(targets, config, multiple=False):
        fitted = fit_calibration(kind, likelihoods[train], content_free, targets[train])
        made[rest] = calibrated(likelihoods[rest], fitted)
    return made


def calibrated(likelihoods: npt.NDArray[np.floating], found: LabelCalibration) -> npt.NDArray[np.float32]:
    """Return (N, K) probabilities of the classes, of log-likelihoods (N, K) of their labels."""
    scores = _shares(likelihoods)[0] / found.temperature + np.array(found.offsets)
    return np.asarray(np.exp(_shares(scores)[0]), dtype=np.float32)


def _shares(scores: npt.NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Return the logarithms of the shares of the classes (N, K), and of what they are shares of (N, 1)."""
    from scipy.special import logsumexp

    exact = scores.astype(np.float64)
    total = np.asarray(logsumexp(exact, axis=1, keepdims=True))
    return exact - total, total


def _against(likelihoods: Floats) -> tuple[float, ...]:
    """Return what makes the classes equally probable in the mean of some texts: less the logarithm of their mean."""
    from scipy.special import logsumexp

    mean = logsumexp(_shares(likelihoods)[0], axis=0) - np.log(len(likelihoods))
    return tuple(float(value) for value in -np.asarray(mean))


def _likeliest(likelihoods: Floats, targets: Bools) -> tuple[float, tuple[float, ...]]:
    """Return temperature and offsets by which labels (N, K) are likeliest; few labels leave them near `batch`."""
    from scipy.optimize import minimize

    logs, near = _shares(likelihoods)[0], np.array(_against(likelihoods))

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = _shares(weights[0] * logs + weights[1:])[0]
        gap, moved = np.exp(scores) - targets, weights - np.array([1.0, *near])
        slope = np.array([(gap * logs).sum(), *gap.sum(axis=0)]) + WEIGHT * moved
        return float(-scores[targets].sum() + WEIGHT * (moved**2).sum() / 2), slope

    start = np.array([1.0, *near])
    bounds = [SHARPEST, *[(None, None)] * len(near)]
    weights = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(1 / weights[0]), tuple(float(value) for value in weights[1:])
