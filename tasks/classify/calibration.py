"""Take the label bias of a language model out: it favours some labels whatever the text says.

Each way adds one number a class to the log-likelihoods, so that the order of texts by one class against another stays
as it is, and what moves is from where on a class is chosen.

Shapes: N texts, K classes, C texts without content.
Source: contextual, Zhao et al. 2021, arXiv:2102.09690 (W = diag(p)^-1, b = 0); batch, Zhou et al. 2023,
arXiv:2309.17249, of log-likelihoods, so that what a label has of all texts alike cancels; threshold, Platt 1999, for
more than two classes Alexandari et al. 2020, arXiv:1901.06852 (a temperature and a bias a class, the likeliest by
labels; that few labels leave them near `batch` is ours).
"""

from collections.abc import Sequence
from typing import assert_never

import numpy as np
import numpy.typing as npt

from configs.classify import CalibrationKind, Fit
from tasks.classify.fitting import folds
from tasks.classify.model import Bools, Floats
from tasks.data.labels import LabelCalibration

WEIGHT = 1.0  # of the squares by which a fit to labels differs from `batch`, against the sum over texts
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
            from scipy.special import logsumexp

            against = np.asarray(logsumexp(_shares(content_free), axis=0))
            return LabelCalibration(kind=kind, offsets=_offsets(against), texts=len(content_free))
        case "batch":
            return LabelCalibration(kind=kind, offsets=_offsets(likelihoods.mean(axis=0)), texts=len(likelihoods))
        case "threshold":
            temperature, offsets = _likeliest(likelihoods, targets)
            counts = {"texts": len(likelihoods), "labelled": len(likelihoods)}
            return LabelCalibration(kind=kind, temperature=temperature, offsets=offsets, **counts)
    assert_never(kind)


def held_out(
    kind: CalibrationKind, likelihoods: Floats, content_free: Floats, targets: Bools, texts: Sequence[str], config: Fit
) -> npt.NDArray[np.float32]:
    """Return (N, K) probabilities of training texts, by what was fitted on the labels of others.

    Args:
        kind: How; only `threshold` takes labels.
        likelihoods: (N, K) of the training texts.
        content_free: (C, K) of texts without content.
        targets: (N, K) labels of the training texts.
        texts: The training texts; equal ones are in one fold.
        config: Folds; where no class has two texts, they are left to what takes no labels, `batch`.
    """
    if kind != "threshold":
        return calibrated(likelihoods, fit_calibration(kind, likelihoods, content_free, targets))
    made = calibrated(likelihoods, fit_calibration("batch", likelihoods, content_free, targets))
    for train, rest in folds(targets, config, texts, multiple=False):
        fitted = fit_calibration(kind, likelihoods[train], content_free, targets[train])
        made[rest] = calibrated(likelihoods[rest], fitted)
    return made


def calibrated(likelihoods: npt.NDArray[np.floating], found: LabelCalibration) -> npt.NDArray[np.float32]:
    """Return (N, K) probabilities of the classes, of log-likelihoods (N, K) of their labels."""
    scores = _shares(likelihoods) / found.temperature + np.array(found.offsets)
    return np.asarray(np.exp(_shares(scores)), dtype=np.float32)


def _shares(scores: npt.NDArray[np.floating]) -> Floats:
    """Return the logarithms of the shares of the classes (N, K)."""
    from scipy.special import logsumexp

    exact = scores.astype(np.float64)
    return np.asarray(exact - logsumexp(exact, axis=1, keepdims=True))


def _offsets(against: Floats) -> tuple[float, ...]:
    """Return what takes out that the model holds these (K,) of the classes whatever a text says; its mean is 0."""
    return tuple(float(value) for value in against.mean() - against)


def _likeliest(likelihoods: Floats, targets: Bools) -> tuple[float, tuple[float, ...]]:
    """Return temperature and offsets by which labels (N, K) are likeliest; few labels leave them near `batch`."""
    from scipy.optimize import minimize

    mean = likelihoods.mean(axis=0)
    usual = np.array(
        [1.0, *np.zeros(len(mean))]
    )  # `batch`: one over the temperature, and what is added beside the mean
    above = likelihoods - mean

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores, moved = _shares(weights[0] * above + weights[1:]), weights - usual
        gap = np.exp(scores) - targets
        slope = np.array([(gap * above).sum(), *gap.sum(axis=0)]) + WEIGHT * moved
        return float(-scores[targets].sum() + WEIGHT * (moved**2).sum() / 2), slope

    bounds = [SHARPEST, *[(None, None)] * len(mean)]
    sharpness, *added = minimize(loss, usual, jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(1 / sharpness), _offsets(sharpness * mean - np.array(added))
