"""Calibrations against the formulas of their papers, against scikit-learn, and against a bias that was planted."""

from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.linear_model import LogisticRegression

from configs.classify import CalibrationKind, Fit, Measured, Prompted
from configs.generators import LocalModel
from tasks.classify import calibrate_labels
from tasks.classify.calibration import calibrated, fit_calibration, held_out
from tasks.classify.fitting import folds
from tasks.classify.prompted import read_label_prompt
from tasks.data.chains import PromptUsage
from tasks.data.classes import Divided, Paired, Trial
from tasks.data.evaluation import Measure
from tasks.data.labels import LabelLikelihoods, LikelihoodsRef
from tasks.data.prompts import Prompting
from tasks.evaluate import evaluate_classes
from tasks.store import objects
from tests.tasks.classify.test_prompted import divided, scripted_generator

METHOD = Prompted(generator=LocalModel(model="m"))
KINDS = get_args(CalibrationKind)
Floats = npt.NDArray[np.float64]


def likelihoods(
    count: int, classes: int, bias: float = 3.0, seed: int = 0
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Return log-likelihoods of texts and of no content by a model that knows classes, and favours the last ones."""
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    favoured = np.linspace(0, bias, classes)
    values = np.eye(classes)[labels] * 1.5 + chance.normal(size=(count, classes)) + favoured - 9
    return (
        values,
        favoured[None] - 9 + chance.normal(scale=0.1, size=(3, classes)),
        np.eye(classes, dtype=bool)[labels],
    )


def right(likely: npt.NDArray[np.floating], targets: npt.NDArray[np.bool_]) -> float:
    return float((likely.argmax(axis=1) == targets.argmax(axis=1)).mean())


def shares(values: Floats) -> Floats:
    return np.asarray(np.exp(values) / np.exp(values).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("kind", ["contextual", "batch", "threshold"])
def test_a_bias_that_was_planted_is_taken_out(kind: CalibrationKind, classes: int) -> None:
    values, none, targets = likelihoods(1_000, classes)
    unbiased = right(values - np.linspace(0, 3, classes), targets)
    found = fit_calibration(kind, values, none, targets)
    assert right(values, targets) < unbiased - 0.1
    assert right(calibrated(values, found), targets) == pytest.approx(unbiased, abs=0.03)
    assert (found.texts, found.labelled) == {"contextual": (3, 0), "batch": (1_000, 0), "threshold": (1_000, 1_000)}[
        kind
    ]


def test_probabilities_without_calibration_are_the_shares_of_the_likelihoods() -> None:
    values, none, targets = likelihoods(20, 3)
    found = calibrated(values, fit_calibration("none", values, none, targets))
    np.testing.assert_allclose(found, shares(values), rtol=1e-5)


def test_contextual_is_the_diagonal_of_the_paper() -> None:
    values, none, targets = likelihoods(50, 4)
    content_free = shares(none).mean(axis=0)
    scores = shares(values) @ np.linalg.inv(np.diag(content_free))
    found = calibrated(values, fit_calibration("contextual", values, none, targets))
    np.testing.assert_allclose(found, scores / scores.sum(axis=1, keepdims=True), rtol=1e-5)


def test_batch_subtracts_the_mean_over_the_texts_and_takes_no_label() -> None:
    values, none, targets = likelihoods(50, 4)
    found = calibrated(values, fit_calibration("batch", values, none, targets))
    np.testing.assert_allclose(found, shares(values - values.mean(axis=0)), rtol=1e-5)
    assert fit_calibration("batch", values, none, targets) == fit_calibration("batch", values, none, ~targets)


@pytest.mark.parametrize("kind", ["batch", "threshold"])
def test_what_a_label_has_of_all_texts_alike_as_by_its_length_cancels(kind: CalibrationKind) -> None:
    values, none, targets = likelihoods(300, 4)
    longer = values - np.array([0.0, 5.0, 20.0, 80.0])
    plain, other = (calibrated(v, fit_calibration(kind, v, none, targets)) for v in (values, longer))
    np.testing.assert_allclose(other, plain, atol=1e-4)


def test_threshold_of_two_classes_is_the_logistic_regression_on_their_difference() -> None:
    values, none, targets = likelihoods(4_000, 2)
    difference = (values[:, 1] - values[:, 0])[:, None]
    theirs = LogisticRegression(C=np.inf).fit(difference, targets[:, 1]).predict_proba(difference)
    found = calibrated(values, fit_calibration("threshold", values, none, targets))
    np.testing.assert_allclose(found, theirs, atol=5e-3)


def test_few_labels_leave_threshold_near_batch_even_where_texts_are_told_apart_wholly() -> None:
    values, none, targets = likelihoods(1_000, 2)
    few = [row for row in range(1_000) if values[row].argmax() == targets[row].argmax()][:4]
    batch = fit_calibration("batch", values[few], none, targets[few])
    found = fit_calibration("threshold", values[few], none, targets[few])
    np.testing.assert_allclose(found.offsets, batch.offsets, atol=2.0)
    assert 0.2 < found.temperature < 5


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_classes_changes_nothing(kind: CalibrationKind) -> None:
    (values, none, targets), order = likelihoods(200, 4), [2, 0, 3, 1]
    plain = calibrated(values, fit_calibration(kind, values, none, targets))
    moved = fit_calibration(kind, values[:, order], none[:, order], targets[:, order])
    np.testing.assert_allclose(calibrated(values[:, order], moved), plain[:, order], atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_texts_by_one_class_against_another_stays(kind: CalibrationKind) -> None:
    values, none, targets = likelihoods(200, 2)
    made = calibrated(values, fit_calibration(kind, values, none, targets)).astype(np.float64)
    order = np.argsort(values[:, 1] - values[:, 0])
    assert (np.diff(made[order, 1]) >= 0).all()


def test_training_texts_are_calibrated_by_the_labels_of_others() -> None:
    values, none, targets = likelihoods(60, 3)
    config = Fit(folds=3)
    texts = [str(row) for row in range(60)]
    made = held_out("threshold", values, none, targets, texts, config)
    for train, rest in folds(targets, config, texts, multiple=False):
        fitted = fit_calibration("threshold", values[train], none, targets[train])
        assert np.array_equal(made[rest], calibrated(values[rest], fitted))
    batch = [held_out("batch", values, none, given, texts, config) for given in (targets, ~targets)]
    assert np.array_equal(*batch)


def test_labels_of_one_text_each_leave_the_training_texts_to_batch() -> None:
    values, none, targets = likelihoods(3, 3)
    by_batch = calibrated(values, fit_calibration("batch", values, none, targets))
    assert np.array_equal(held_out("threshold", values, none, targets, ["a", "b", "c"], Fit()), by_batch)


def tried(parts: Divided, method: Prompted, test: Floats) -> Trial:
    """Return a trial of a model whose likelihoods of the training texts are made up, and those of the others given."""
    values, none, _ = likelihoods(objects.load_array(parts.tried).size, 2)
    prompting = Prompting(generator=scripted_generator(), prompt=read_label_prompt("label-text"))
    counts = dict.fromkeys(("texts", "no_label", "shortened", "prompt_tokens", "completion_tokens", "saved_tokens"), 1)
    usage = PromptUsage(prompt=prompting.prompt, timed=1, **counts)
    kept = (objects.save_array(LikelihoodsRef, part.astype(np.float32)) for part in (values, test, none))
    found = LabelLikelihoods(
        **dict(zip(("tried", "test", "content_free"), kept, strict=True)), usage=usage, seconds_per_1000=1.0
    )
    return calibrate_labels.fn(parts, "small", method, prompting, found, Fit(folds=2))


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_that_was_kept_back_has_a_part_in_a_calibration(kind: CalibrationKind) -> None:
    parts, method = divided(), METHOD.model_copy(update={"calibration": kind})
    one, other = (tried(parts, method, likelihoods(6, 2, seed=seed)[0]) for seed in (1, 2))
    assert one.calibration == other.calibration
    assert one.calibrations == other.calibrations
    assert one.test.digest != other.test.digest
    assert (one.learned, one.tried_only) == (kind == "threshold", True)


@pytest.mark.usefixtures("home")
def test_the_raw_choice_is_judged_beside_the_calibrated_one_and_cannot_be_chosen() -> None:
    parts = divided()
    trial = tried(parts, METHOD, likelihoods(6, 2, seed=1)[0])
    judged = evaluate_classes.fn(parts, [trial], Measured(resamples=100))
    values = {(m.name, m.what): m for m in objects.load_rows(judged.measures, Measure)}
    assert {what for _, what in values} == {"small", "small, raw", "majority class"}
    gained = values["accuracy gained by calibration", "small"]
    assert gained.value == pytest.approx(values["accuracy", "small"].value - values["accuracy", "small, raw"].value)
    assert ("small", "small, raw") in {(p.ours, p.theirs) for p in objects.load_rows(judged.paired, Paired)}
    assert judged.ranked == ("small",)
    plain = tried(parts, METHOD.model_copy(update={"calibration": "none"}), likelihoods(6, 2, seed=1)[0])
    assert plain.uncalibrated == ""
