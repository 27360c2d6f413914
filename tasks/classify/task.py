"""Tasks of `classify`: read labels, try ways to classify, find label issues, predict."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from configs.classify import Combined, Curve, Fit, LabelIssues, Labelled, Simple, Trained, ZeroShot
from tasks.classify.files import Saved, read_classifier, write_classifier
from tasks.classify.labels import rejected_for
from tasks.classify.model import Features, first_rows
from tasks.data.classes import (
    ClassifierRef,
    Divided,
    Examples,
    LabelIssue,
    LabelIssuesRef,
    LabelledTexts,
    LabelReport,
    LabelWording,
    ProbabilitiesRef,
    Target,
    TargetsRef,
    Texts,
    Trial,
    ZeroShotRef,
)
from tasks.data.curves import CurvePoint, CurveRef, LearningCurve
from tasks.data.documents import DocumentsRef, Reason, Rejected, RejectedRef
from tasks.data.models import Fingerprint
from tasks.data.topics import RowsRef
from tasks.data.vectors import VectorsRef
from tasks.errors import ContractError
from tasks.metrics.classification import Bools, table
from tasks.metrics.spreads import spread_of
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects

if TYPE_CHECKING:
    from tasks.classify.fitting import FittedMethod

LIBRARIES = ("scikit-learn", "scipy", "numpy")


@step(name="classify-labels")
def label_documents(texts: Texts, column: str, config: Labelled) -> LabelledTexts:
    """Read the labels of documents; those without one are rejected.

    Args:
        texts: Documents.
        column: Where their labels stand.
        config: How labels are written.

    Raises:
        DataError: No document has anything in the column.
    """
    from tasks.classify.labels import cells_of, read_labels

    documents = objects.load_table(texts.documents)
    read = read_labels(
        documents["id"].to_pylist(),
        cells_of(documents, column),
        column=column,
        multiple=config.multiple,
        separator=config.separator,
        rename=config.rename,
    )
    steps.log_metrics(labelled=len(read.rows), unlabelled=len(read.rejected))
    return LabelledTexts(
        examples=_kept(texts.documents, texts.vectors, np.array(read.rows, dtype=np.int64), read.labels),
        rejected=objects.save_rows(RejectedRef, Rejected, read.rejected),
    )


@step(name="classify-divide", libraries=("numpy",))
def divide_examples(given: LabelledTexts, held: LabelledTexts | None, config: Labelled, fit: Fit) -> Divided:
    """Divide texts into those to learn from and those kept back.

    Args:
        given: Texts with labels.
        held: Texts kept back, None where some of those given are.
        config: How many are kept back, and which classes are too small.
        fit: How many ready models are tried on.

    Raises:
        DataError: There is only one class, or too few texts.
    """
    from tasks.classify import labels as reading

    labels, gone, rare = reading.without_rare(_labels(given.examples), config.min_examples, multiple=config.multiple)
    noticed = LabelReport(alike=reading.alike(_labels(given.examples)), rare=rare)
    rejected = [*objects.load_rows(given.rejected, Rejected), *_rejected(given.examples, gone, "rare-label")]
    train = _left(given.examples, gone, labels)
    classes = reading.classes_of(_labels(train), rare)
    if held is None:
        targets, groups = targets_of(train, classes), first_rows(texts_of(train.documents))
        rows, back = reading.kept_back(targets, groups, config.test_share, config.seed, multiple=config.multiple)
        known = _labels(train)
        test, train = (_kept(train.documents, train.vectors, r, [known[i] for i in r]) for r in (back, rows))
    else:
        labels, gone, unseen = reading.only_known(_labels(held.examples), classes, multiple=config.multiple)
        rejected += [*objects.load_rows(held.rejected, Rejected), *_rejected(held.examples, gone, "unseen-label")]
        test = _left(held.examples, gone, labels)
        overlap = sum(map(set(texts_of(train.documents)).__contains__, texts_of(test.documents)))
        noticed = noticed.model_copy(update={"unseen": unseen, "overlap": overlap})
    count = min(fit.validate_rows, train.documents.rows)
    drawn = np.sort(np.random.default_rng(fit.seed).permutation(train.documents.rows)[:count])
    kept = {"train": train.documents.rows, "test": test.documents.rows}
    steps.log_metrics(**kept, classes=len(classes), rejected=len(rejected))
    return Divided(
        train=train, test=test, classes=classes, multiple=config.multiple, noticed=noticed,
        tried=objects.save_array(RowsRef, drawn), rejected=objects.save_rows(RejectedRef, Rejected, rejected),
    )  # fmt: skip


@step(name="classify-trained", run_name="classify-trained {name}", libraries=LIBRARIES)
def try_trained(divided: Divided, name: str, method: Simple, config: Fit, encoder: Fingerprint | None) -> Trial:
    """Fit a way on the training texts, its setting chosen by cross-validation, and predict the texts kept back.

    Args:
        divided: Texts and labels.
        name: What the way is called.
        method: The way.
        config: How it is fitted.
        encoder: Whose vectors they are.
    """
    from tasks.classify.fitting import fit_method

    train, started = features_of(divided.train), time.perf_counter()
    fitted = fit_method(train, targets_of(divided.train, divided.classes), method, config, multiple=divided.multiple)
    return _trial(divided, name, method, fitted, encoder, time.perf_counter() - started)


@step(name="classify-combined", run_name="classify-combined {name}", libraries=LIBRARIES)
def try_combined(
    divided: Divided, name: str, method: Combined, words: Trial, vectors: Trial, encoder: Fingerprint | None
) -> Trial:
    """Weigh what a way by words and a way by vectors say, which were fitted before.

    Args:
        divided: Texts and labels.
        name: What the way is called.
        method: Shares to choose from.
        words: The way by words, tried on the same texts.
        vectors: The way by vectors.
        encoder: Whose vectors they are.
    """
    from tasks.classify.fitting import combine

    started = time.perf_counter()
    parts = _fitted(words), _fitted(vectors)
    fitted = combine(*parts, targets_of(divided.train, divided.classes), method, multiple=divided.multiple)
    seconds = time.perf_counter() - started + words.fit_seconds + vectors.fit_seconds
    return _trial(divided, name, method, fitted, encoder, seconds)


@step(name="classify-zero-shot", run_name="classify-zero-shot {name}", libraries=LIBRARIES)
def try_wordings(divided: Divided, name: str, method: ZeroShot, phrases: VectorsRef, encoder: Fingerprint) -> Trial:
    """Give texts the class whose descriptions have the closest vectors; each wording is tried alone too.

    Args:
        divided: Texts and labels; the labels have no part in it but to judge each wording.
        name: What the way is called.
        method: The wordings.
        phrases: (W * K, D) vectors of the classes, wording by wording.
        encoder: Whose vectors they are.
    """
    from tasks.classify.zero_shot import judge_wordings, zero_shot_model

    wordings = objects.load_array(phrases).reshape(len(method.wordings), len(divided.classes), -1)
    saved = Saved(name, divided.classes, method.temperature, None, zero_shot_model(wordings))
    test, started = features_of(divided.test), time.perf_counter()
    likely = saved.probabilities(test)
    seconds = time.perf_counter() - started
    judged = judge_wordings(wordings, test, targets_of(divided.test, divided.classes))
    rows = [LabelWording(name, wording, *values) for wording, values in zip(method.wordings, judged, strict=True)]
    return Trial(
        name=name, kind=method.kind, learned=False, setting=f"{len(method.wordings)} wordings",
        validation=objects.save_array(ProbabilitiesRef, saved.probabilities(features_of(divided.train))),
        test=objects.save_array(ProbabilitiesRef, likely), classifier=save_classifier(saved, encoder),
        zero_shot=objects.save_rows(ZeroShotRef, LabelWording, rows), encodes=True,
        seconds_per_1000=seconds * 1_000 / max(1, len(likely)), wordings=spread_of(name, [r.macro_f1 for r in rows]),
    )  # fmt: skip


@step(name="classify-curve", run_name="classify-curve {name}", libraries=LIBRARIES)
def learning_curve(divided: Divided, name: str, method: Trained, config: Fit, curve: Curve) -> LearningCurve:
    """Fit a way on shares of the training texts; each is fitted as all of them are, its setting chosen anew.

    Args:
        divided: Texts and labels.
        name: What the way is called.
        method: The way.
        config: How it is fitted.
        curve: Which shares, how often.
    """
    from tasks.classify.fitting import curve_of, learn_from_shares

    targets = targets_of(divided.test, divided.classes)
    train = features_of(divided.train), targets_of(divided.train, divided.classes)
    found = learn_from_shares(train, features_of(divided.test), method, config, curve, multiple=divided.multiple)
    points, means = curve_of(name, targets, found)
    return LearningCurve(points=objects.save_rows(CurveRef, CurvePoint, points), means=means)


@step(name="classify-label-issues", libraries=("numpy",))
def find_label_issues(divided: Divided, trial: Trial, config: LabelIssues) -> LabelIssuesRef:
    """List training texts whose label is probably wrong, and first all texts of which two rows say different things.

    Args:
        divided: Texts and labels.
        trial: A way that learned from labels, whose predictions of texts it was not fitted on are used.
        config: Which way was asked for.

    Raises:
        ContractError: The way has learned from no labels, or texts have several.
    """
    from tasks.classify.label_issues import contradictions, label_issues_of

    if not trial.learned or trial.tried_only or divided.multiple:
        raise ContractError(f"{trial.name} cannot find label issues; it needs one label a text, and to learn from all")
    parts = [objects.load_table(part.documents, ["id", "text"]).to_pylist() for part in (divided.train, divided.test)]
    targets = [targets_of(part, divided.classes).argmax(axis=1) for part in (divided.train, divided.test)]
    likely = [objects.load_array(trial.validation), objects.load_array(trial.test)]
    disputed = contradictions(
        np.concatenate(targets), np.concatenate(likely), divided.classes, list(itertools.chain(*parts))
    )
    known = {issue.row for issue in disputed}
    found = label_issues_of(targets[0], likely[0], divided.classes, parts[0])
    issues = [*disputed, *(issue for issue in found if issue.row not in known)]
    steps.log_metrics(label_issues=len(issues), contradictions=len(disputed), texts=len(targets[0]))
    return objects.save_rows(LabelIssuesRef, LabelIssue, issues)


def _fitted(trial: Trial) -> "FittedMethod":
    """Return a way that was fitted and kept."""
    from tasks.classify.fitting import FittedMethod

    saved = read_classifier(objects.path(trial.classifier))
    if saved.model is None:
        raise ContractError(f"{trial.name} is a ready model but one with numbers of its own was needed")
    held_out = objects.load_array(trial.validation)
    return FittedMethod(saved.model, saved.temperature, saved.thresholds, held_out, trial.setting)


def _trial(
    divided: Divided, name: str, method: Trained, fitted: "FittedMethod", encoder: Fingerprint | None, seconds: float
) -> Trial:
    """Return a way that was fitted in so many seconds, and what it says of the texts kept back."""
    test = features_of(divided.test)
    started = time.perf_counter()
    likely = fitted.probabilities(test)
    predicted = time.perf_counter() - started
    saved = Saved(name, divided.classes, fitted.temperature, fitted.thresholds, fitted.model)
    return Trial(
        name=name, kind=method.kind, learned=True, setting=fitted.setting,
        validation=objects.save_array(ProbabilitiesRef, fitted.held_out),
        test=objects.save_array(ProbabilitiesRef, likely),
        classifier=save_classifier(saved, encoder),
        thresholds=() if fitted.thresholds is None else tuple(map(float, fitted.thresholds)),
        fit_seconds=seconds, seconds_per_1000=predicted * 1_000 / max(1, len(likely)), encodes=saved.needs_vectors,
    )  # fmt: skip


def targets_of(examples: Examples, classes: Sequence[str]) -> Bools:
    """Return (N, K) whether each text has each label."""
    return table(_labels(examples), classes)


def features_of(texts: Examples | Texts) -> Features:
    """Return what is known of texts."""
    return Features(texts_of(texts.documents), None if texts.vectors is None else objects.load_array(texts.vectors))


def texts_of(documents: DocumentsRef) -> list[str]:
    """Return the text of each document."""
    return list(objects.load_table(documents, ["text"])["text"].to_pylist())


def _labels(examples: Examples) -> list[tuple[str, ...]]:
    return [row.labels for row in objects.load_rows(examples.targets, Target)]


def _rejected(examples: Examples, rows: Sequence[int], reason: Reason) -> list[Rejected]:
    ids = objects.load_table(examples.documents, ["id"])["id"].to_pylist()
    return rejected_for(ids, _labels(examples), rows, reason)


def _kept(
    documents: DocumentsRef, vectors: VectorsRef | None, rows: npt.NDArray[np.int64], labels: Sequence[tuple[str, ...]]
) -> Examples:
    """Return some rows of documents and vectors with their labels."""
    every = len(rows) == documents.rows
    return Examples(
        documents=documents if every else objects.save_table(DocumentsRef, objects.load_table(documents).take(rows)),
        vectors=vectors
        if every or vectors is None
        else objects.save_array(VectorsRef, objects.load_array(vectors)[rows]),
        targets=objects.save_rows(TargetsRef, Target, map(Target, labels)),
    )


def _left(examples: Examples, gone: Sequence[int], labels: Sequence[tuple[str, ...]]) -> Examples:
    """Return examples without some rows, all with new labels."""
    rows = np.setdiff1d(np.arange(examples.documents.rows), np.array(gone, dtype=np.int64))
    return _kept(examples.documents, examples.vectors, rows, [labels[row] for row in rows])


def save_classifier(saved: Saved, encoder: Fingerprint | None) -> ClassifierRef:
    """Store a classifier, with what its vectors must be made by."""
    if saved.needs_vectors and encoder is not None:
        known = {"model": encoder.encoder.model, "identity": encoder.encoder.identity, "width": encoder.encoder.width}
        saved = replace(saved, encoder=known)
    return objects.save_files(
        ClassifierRef, lambda folder: write_classifier(folder, saved), shape=(len(saved.classes),)
    )
