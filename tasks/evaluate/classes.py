"""Judge ways to classify: measures with intervals, classes one by one, two ways at a time.

All ways are resampled together: an interval of a difference is that of two ways on the same texts.

Shapes: N texts, K classes, R resamples.
Source: macro-F1 and AUROC as in `tasks.metrics.classification`; bootstrap, Efron 1979; McNemar's
test, McNemar 1947, doi:10.1007/BF02295996, by scipy's binomial test.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from tasks.data.classes import Bin, ClassScore, Confused, Paired
from tasks.data.evaluation import Measure
from tasks.evaluate.calibration import bin_of, calibration_error
from tasks.metrics.classification import counts, f1_of, mean_auroc, mean_f1, right_texts
from tasks.metrics.intervals import Interval, drawn_rows, percentile_interval, wilson

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
MAJORITY = "majority class"


@dataclass(frozen=True)
class ScoredTexts:
    """What a way says of texts: (N, K) labels and (N, K) probabilities; `sure` is whether it says these at all."""

    labels: Bools
    likely: npt.NDArray[np.floating]
    sure: bool = True


def majority(train: Bools, texts: int, *, multiple: bool) -> ScoredTexts:
    """Return what one says who knows how common labels are and reads nothing.

    Args:
        train: (N, K) labels of the training texts.
        texts: How many texts it speaks of.
        multiple: Whether a text may have several labels: it gives those that half of the texts have.
    """
    shares = train.mean(axis=0)
    labels = np.zeros((texts, len(shares)), dtype=bool)
    if multiple:
        labels[:] = shares >= 0.5
    else:
        labels[:, int(shares.argmax())] = True
    return ScoredTexts(labels, np.tile(shares, (texts, 1)))


def judge_ways(
    targets: Bools, ways: Mapping[str, ScoredTexts], *, multiple: bool, resamples: int, bins: int, seed: int
) -> tuple[list[Measure], list[Paired]]:
    """Measure every way, and compare every two.

    Args:
        targets: (N, K) labels.
        ways: What each says.
        multiple: Whether a text may have several labels.
        resamples: Bootstrap samples over texts.
        bins: Of the calibration error.
        seed: Same seed, same samples.

    Returns:
        Macro-F1 and accuracy of each way, micro-F1 too where texts have several labels; its calibration error, or of a
        way that gives no probabilities the share of texts without a label; and how much every two differ in macro-F1
        and accuracy.
    """
    draws = [np.bincount(rows, minlength=len(targets)).astype(np.float64)
             for rows in drawn_rows(len(targets), resamples=resamples, seed=seed)]  # fmt: skip
    measures: list[Measure] = []
    found: dict[str, dict[str, tuple[float, Floats]]] = {}
    for name, way in ways.items():
        found[name] = _resampled(targets, way, draws, multiple=multiple)
        for metric, (value, samples) in found[name].items():
            measures.append(Measure(metric, name, value, *_interval(value, samples, len(targets)), len(targets)))
        if way.sure:
            value, ends = calibration_error(*confidences(targets, way, multiple=multiple), draws, bins=bins, seed=seed)
            measures.append(Measure("calibration error", name, value, *ends, len(targets)))
    paired = []
    for ours, theirs in combinations(ways, 2):
        right = right_texts(targets, ways[ours].labels), right_texts(targets, ways[theirs].labels)
        p, only_ours, only_theirs = mcnemar(*right)
        for metric in ("macro-F1", "accuracy"):
            (a, many_a), (b, many_b) = found[ours][metric], found[theirs][metric]
            low, high = percentile_interval(many_a - many_b)
            paired.append(Paired(ours, theirs, metric, a - b, low, high, p, only_ours, only_theirs))
    return measures, paired


def judge_order(targets: Bools, ways: Mapping[str, ScoredTexts], *, resamples: int, seed: int) -> list[Measure]:
    """Return the AUROC of every way that gives probabilities, in the mean over classes: how well it orders texts.

    It does not depend on from where on a class is chosen. A way that says the same of every text puts none into order.

    Args:
        targets: (N, K) labels.
        ways: What each says.
        resamples: Bootstrap samples over texts.
        seed: Same seed, same samples.
    """
    drawn = drawn_rows(len(targets), resamples=resamples, seed=seed)
    weights = np.stack([np.ones(len(targets)), *(np.bincount(rows, minlength=len(targets)) for rows in drawn)])
    measures = []
    for name, way in ways.items():
        if way.sure and np.ptp(way.likely, axis=0).any():
            value, *samples = mean_auroc(targets, way.likely, weights)
            known = np.array(samples)[np.isfinite(samples)]
            if np.isfinite(value) and len(known):
                measures.append(
                    Measure("AUROC", name, float(value), *_interval(value, known, len(targets)), len(targets))
                )
    return measures


def gains(paired: Sequence[Paired], names: Mapping[str, str], texts: int) -> list[Measure]:
    """Return by how much calibrating changes ways, on the same texts.

    Args:
        paired: Two ways at a time.
        names: Name of each way that is calibrated, to that of what it says before.
        texts: How many there are.
    """
    return [
        Measure(f"{p.metric} gained by calibration", p.ours, p.difference, p.low, p.high, texts)
        for p in paired
        if names.get(p.ours) == p.theirs
    ]


def _interval(value: float, samples: Floats, texts: int) -> Interval:
    """Return the percentile interval; where no resample differs from 0 or from 1, that of so many texts of so many."""
    if value in (0.0, 1.0) and (samples == value).all():
        return wilson(int(value) * texts, texts)
    return percentile_interval(samples)


def _resampled(
    targets: Bools, way: ScoredTexts, draws: Sequence[Floats], *, multiple: bool
) -> dict[str, tuple[float, Floats]]:
    """Return for each measure its value and those of resampled texts (R,)."""
    every = [np.ones(len(targets)), *draws]
    right = right_texts(targets, way.labels).astype(np.float64)
    tables = [part.astype(np.float64) for part in
              (targets & way.labels, ~targets & way.labels, targets & ~way.labels)]  # fmt: skip
    counted = [np.stack([weights @ table for weights in every]) for table in tables]
    values = {
        "macro-F1": mean_f1(*counted),
        "accuracy": np.array([weights @ right / weights.sum() for weights in every]),
    }
    if not way.sure:
        none = ~way.labels.any(axis=1)
        values["no label"] = np.array([weights @ none / weights.sum() for weights in every])
    if multiple:
        values["micro-F1"] = f1_of(*(part.sum(axis=1) for part in counted))
    return {name: (float(value[0]), value[1:]) for name, value in values.items()}


def confidences(targets: Bools, way: ScoredTexts, *, multiple: bool) -> tuple[Floats, Floats]:
    """Return the confidence of each decision, and whether it is right: one a text, or one a text and class."""
    if multiple:
        sure = np.where(way.likely >= 0.5, way.likely, 1 - way.likely).astype(np.float64)
        return sure, ((way.likely >= 0.5) == targets).astype(np.float64)
    best = way.likely.argmax(axis=1)
    rows = np.arange(len(best))
    return way.likely[rows, best][:, None].astype(np.float64), targets[rows, best][:, None].astype(np.float64)


def calibration_bins(targets: Bools, name: str, way: ScoredTexts, *, bins: int, multiple: bool) -> list[Bin]:
    """Return mean confidence and accuracy of each bin of confidence that has a decision."""
    sure, right = (part.ravel() for part in confidences(targets, way, multiple=multiple))
    boxes = bin_of(sure, bins)
    return [
        Bin(name, box / bins, (box + 1) / bins, int((boxes == box).sum()), float(sure[boxes == box].mean()),
            float(right[boxes == box].mean()))
        for box in np.unique(boxes).tolist()
    ]  # fmt: skip


def class_by_class(targets: Bools, classes: Sequence[str], name: str, way: ScoredTexts) -> list[ClassScore]:
    """Return precision, recall and F1 of every class."""
    right, wrong, missed = counts(targets, way.labels)
    given, support = right + wrong, right + missed
    precision = np.divide(right, given, out=np.zeros_like(right), where=given > 0)
    recall = np.divide(right, support, out=np.zeros_like(right), where=support > 0)
    f1 = f1_of(right, wrong, missed)
    return [
        ClassScore(name, label, float(precision[at]), float(recall[at]), float(f1[at]), int(support[at]),
                   int(given[at]))
        for at, label in enumerate(classes)
    ]  # fmt: skip


def confusion(targets: Bools, classes: Sequence[str], name: str, way: ScoredTexts) -> list[Confused]:
    """Return how many texts of each class are put into each, or into none; pairs without a text are left out."""
    called = (*classes, "")
    given = np.where(way.labels.any(axis=1), way.labels.argmax(axis=1), len(classes))
    cells = np.bincount(targets.argmax(axis=1) * len(called) + given, minlength=len(classes) * len(called))
    found = np.flatnonzero(cells).tolist()
    return [Confused(name, classes[at // len(called)], called[at % len(called)], int(cells[at])) for at in found]


def look_closer(
    targets: Bools, classes: Sequence[str], ways: Mapping[str, ScoredTexts], *, bins: int, multiple: bool
) -> tuple[list[ClassScore], list[Bin], list[Confused]]:
    """Return every way class by class, by confidence, and which class it takes for which.

    Args:
        targets: (N, K) labels.
        classes: K names.
        ways: What each says.
        bins: Bins of confidence.
        multiple: Whether a text may have several labels: then none is taken for another.
    """
    by_class: list[ClassScore] = []
    by_bin: list[Bin] = []
    confused: list[Confused] = []
    for name, way in ways.items():
        by_class += class_by_class(targets, classes, name, way)
        by_bin += calibration_bins(targets, name, way, bins=bins, multiple=multiple) if way.sure else []
        confused += [] if multiple else confusion(targets, classes, name, way)
    return by_class, by_bin, confused


def mcnemar(ours: Bools, theirs: Bools) -> tuple[float, int, int]:
    """Return the p-value of McNemar's exact test, and how many texts only one of both gets right."""
    from scipy.stats import binomtest

    only_ours, only_theirs = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
    total = only_ours + only_theirs
    p = float(binomtest(only_ours, total, 0.5).pvalue) if total else 1.0
    return p, only_ours, only_theirs
