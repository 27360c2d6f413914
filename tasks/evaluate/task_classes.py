"""Tasks of `evaluate` that judge ways to classify."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from configs.classify import Measured
from tasks.data.classes import (
    Bin,
    BinsRef,
    ClassScore,
    ClassScoresRef,
    Confused,
    ConfusedRef,
    Divided,
    Judgement,
    Paired,
    PairedRef,
    Target,
    Trial,
)
from tasks.data.evaluation import Measure, MeasuresRef
from tasks.evaluate.classes import MAJORITY, ScoredTexts, gains, judge_order, judge_ways, look_closer, majority
from tasks.metrics.classification import decide, table
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects


@step(name="evaluate-classes", libraries=("numpy", "scipy"))
def evaluate_classes(divided: Divided, trials: Sequence[Trial], config: Measured) -> Judgement:
    """Judge ways to classify by the texts kept back, and find the best of them by training texts alone.

    Args:
        divided: Texts and labels.
        trials: The ways, and what each says of every text.
        config: Intervals, bins, seed.
    """
    targets, train = (
        table([row.labels for row in objects.load_rows(part.targets, Target)], divided.classes)
        for part in (divided.test, divided.train)
    )
    ways = _said(trials) | {MAJORITY: majority(train, len(targets), multiple=divided.multiple)}
    options = {"bins": config.bins, "resamples": config.resamples, "seed": config.seed}
    measures, paired = judge_ways(targets, ways, multiple=divided.multiple, **options)
    measures += judge_order(targets, ways, resamples=config.resamples, seed=config.seed)
    measures += gains(paired, {t.name: t.uncalibrated for t in trials if t.uncalibrated}, len(targets))
    # An encoder of SetFit has learned from all others, so what it says of them is no validation.
    some = any(trial.tried_only or trial.kind == "setfit" for trial in trials)
    tried = objects.load_array(divided.tried) if some else np.arange(len(train))
    seen = {t.name: _given(t, objects.load_array(t.validation)[... if t.tried_only else tried]) for t in trials}
    validation, _ = judge_ways(train[tried], seen, multiple=divided.multiple, **options)
    steps.log_measures("classify", measures)
    by_class, by_bin, confused = look_closer(
        targets, divided.classes, ways, bins=config.bins, multiple=divided.multiple
    )
    return Judgement(
        measures=objects.save_rows(MeasuresRef, Measure, measures),
        validation=objects.save_rows(MeasuresRef, Measure, validation),
        classes=objects.save_rows(ClassScoresRef, ClassScore, by_class),
        paired=objects.save_rows(PairedRef, Paired, paired),
        bins=objects.save_rows(BinsRef, Bin, by_bin),
        confused=objects.save_rows(ConfusedRef, Confused, confused),
        ranked=tuple(m.what for m in sorted(validation, key=lambda m: -m.value) if m.name == "macro-F1"),
    )


def _said(trials: Sequence[Trial]) -> dict[str, ScoredTexts]:
    """Return what each way says of the texts kept back, and beside it what it says before it is calibrated."""
    ways = {}
    for trial in trials:
        ways[trial.name] = _given(trial, objects.load_array(trial.test))
        if trial.uncalibrated and trial.raw is not None:
            ways[trial.uncalibrated] = _given(trial, objects.load_array(trial.raw))
    return ways


def _given(trial: Trial, likely: Any) -> ScoredTexts:
    return ScoredTexts(decide(likely, trial.thresholds or None), likely, trial.sure)
