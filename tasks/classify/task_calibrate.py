"""Task of `classify` that takes the label bias of a language model out; no model is run for it."""

from typing import get_args

import numpy as np

from configs.classify import CalibrationKind, Fit, Prompted
from tasks.classify.files import Saved
from tasks.classify.task import LIBRARIES, save_classifier, targets_of, texts_of
from tasks.data.classes import Divided, Identified, ProbabilitiesRef, Trial
from tasks.data.labels import CalibrationTried, LabelLikelihoods
from tasks.data.prompts import Prompting
from tasks.metrics.classification import accuracy, decide, macro_f1
from tasks.runtime.steps import step
from tasks.store import objects


@step(name="classify-calibrate", run_name="classify-calibrate {name}", libraries=LIBRARIES)
def calibrate_labels(
    divided: Divided, name: str, method: Prompted, model: Identified | Prompting, found: LabelLikelihoods, config: Fit
) -> Trial:
    """Make probabilities of the likelihoods of labels, by training texts alone, on which every kind is tried.

    Args:
        divided: Texts and labels.
        name: What the way is called.
        method: The way, and how it is calibrated.
        model: The model, and what it is told.
        found: How likely it takes the labels.
        config: Folds that labels are predicted in which a calibration learns from.
    """
    from tasks.classify.calibration import calibrated, fit_calibration, held_out
    from tasks.classify.ready import describe_ready

    rows = objects.load_array(divided.tried)
    targets, every = targets_of(divided.train, divided.classes)[rows], texts_of(divided.train.documents)
    texts = [every[row] for row in rows.tolist()]
    known, empty = (objects.load_array(ref).astype(np.float64) for ref in (found.tried, found.content_free))
    tried = {kind: held_out(kind, known, empty, targets, texts, config) for kind in get_args(CalibrationKind)}
    chosen = fit_calibration(method.calibration, known, empty, targets)
    ready = describe_ready(method, model, divided.classes, multiple=divided.multiple)
    saved = Saved(name, divided.classes, 1.0, None, ready={**ready, "calibration": chosen.model_dump(mode="json")})
    test, none = objects.load_array(found.test), fit_calibration("none", known, empty, targets)
    return Trial(
        name=name, kind=method.kind, learned=chosen.labelled > 0, tried_only=True, setting=str(ready["model"]),
        validation=objects.save_array(ProbabilitiesRef, tried[method.calibration]),
        test=objects.save_array(ProbabilitiesRef, calibrated(test, chosen)),
        raw=objects.save_array(ProbabilitiesRef, calibrated(test, none)),
        calibration=chosen, classifier=save_classifier(saved, None), asked=found.usage,
        calibrations=tuple(
            CalibrationTried(kind=kind, macro_f1=macro_f1(targets, given), accuracy=accuracy(targets, given))
            for kind, given in ((kind, decide(likely, None)) for kind, likely in tried.items())
        ),
        seconds_per_1000=found.seconds_per_1000,
    )  # fmt: skip
