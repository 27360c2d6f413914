"""What the page of `text-classifier` says of language models: what they were asked, its cost, and their label bias."""

from collections.abc import Iterator
from typing import Any

from configs.classify import Method, Prompted
from configs.flows import TextClassifier
from configs.generators import ModelServer
from tasks.data.chains import PromptUsage
from tasks.data.classes import ClassScore, Trial, Verdict
from tasks.data.evaluation import Measure
from tasks.data.labels import LabelCalibration
from tasks.data.messages import Cost
from tasks.report.page import Table
from tasks.store import objects
from tasks.text.prompts import shown

SHOWN_LABELS = 200
GAINS = ("macro-F1", "accuracy")
Asked = tuple[Trial, Prompted, PromptUsage]


def tables_of(found: Verdict, config: TextClassifier) -> list[Table]:
    """Return what language models were asked, by which prompt, what that took, and how they were calibrated."""
    asked = list(_asked(found, config))
    if not asked:
        return []
    prompts = [(trial.name, a.prompt.name, shown(a.prompt.turns)) for trial, _, a in asked]
    told = Table("Prompts of language models", ("method", "prompt", "text"), prompts)
    return [_bias(found, asked), *_kinds(asked), *_labels(found, asked), _requests(asked), told]


def stated(found: Verdict, config: TextClassifier) -> dict[str, Any]:
    """Return what a caller is told of every language model: what it was asked, and how its labels were calibrated."""
    return {
        trial.name: {
            **usage.counted(),
            "tokens_per_1000": _per_thousand(usage),
            "bytes_sent_per_1000": sent_of(trial, method, encodes_remotely=False) or 0,
            "cost_per_1000": _money(trial, method),
            "calibration": calibration_of(trial, method),
            "on_training_texts": {c.kind: round(c.macro_f1, 4) for c in trial.calibrations},
        }
        for trial, method, usage in _asked(found, config)
    }


def calibration_of(trial: Trial, method: Prompted) -> str:
    """Say how the label bias of a language model was taken out, or why it was not."""
    if trial.calibration is not None:
        return _in_words(trial.calibration)
    if method.generator.kind == "transformers":
        return "not available: replies are free (enforced is false), so that labels have no likelihoods"
    if isinstance(method.generator, ModelServer):
        return "not available: a server gives the label it has chosen, and no likelihoods of the others"
    return f"not available: {method.generator.kind} gives the label it has chosen, and no likelihoods of the others"


def cost_of(trial: Trial, method: Method, seconds: float | None, price_per_hour: float) -> str:
    """Return what 1,000 texts cost: by the prices of a server, else by the time they take."""
    if (money := _money(trial, method)) is not None:
        return f"{money:.4f}" if money else "no price given"
    if not price_per_hour or seconds is None:
        return "no price given" if not price_per_hour else ""
    return f"{seconds / 3600 * price_per_hour:.4f}"


def _asked(found: Verdict, config: TextClassifier) -> Iterator[Asked]:
    for trial, method in zip(found.trials, config.methods, strict=True):
        if trial.asked is not None and isinstance(method, Prompted):
            yield trial, method, trial.asked


def _money(trial: Trial, method: Method) -> float | None:
    """Return what 1,000 texts cost by the prices of a server, 0 where it has none; None without a server."""
    if trial.asked is None or not isinstance(method, Prompted) or not isinstance(method.generator, ModelServer):
        return None
    cost = Cost(trial.asked.prompt_tokens, trial.asked.completion_tokens).money(method.generator.prices)
    return 1_000 * cost / trial.asked.texts


def sent_of(trial: Trial, method: Method, *, encodes_remotely: bool) -> int | str | None:
    """Return the bytes of 1,000 texts and their prompts that leave this machine; None where nothing does.

    Of a server that encodes only that every text goes there: it is asked once for all methods.
    """
    if trial.asked is not None and isinstance(method, Prompted) and isinstance(method.generator, ModelServer):
        return round(1_000 * trial.asked.prompt_bytes / trial.asked.texts)
    return "every text" if trial.encodes and encodes_remotely else None


def _in_words(calibration: LabelCalibration) -> str:
    match calibration.kind:
        case "none":
            return "none, as configured"
        case "contextual":
            return f"contextual, by {calibration.texts:,} texts without content"
        case "batch":
            return (
                f"batch, by {calibration.texts:,} training texts without labels, as if classes were equally frequent"
            )
        case "threshold":
            return f"threshold, by the labels of {calibration.labelled:,} training texts"


def _per_thousand(usage: PromptUsage) -> int:
    return round(1_000 * (usage.prompt_tokens + usage.completion_tokens) / usage.texts)


def _bias(found: Verdict, asked: list[Asked]) -> Table:
    """Return every language model before and after its calibration."""
    measures = {(m.name, m.what): m for m in objects.load_rows(found.judgement.measures, Measure)}
    rows = []
    for trial, method, _ in asked:
        cells: list[str] = []
        for name in GAINS:
            values = [measures.get((name, way)) for way in (trial.uncalibrated or trial.name, trial.name)]
            raw, after = (f"{m.value:.3f}" if m is not None else "" for m in values)
            gain = measures.get((f"{name} gained by calibration", trial.name))
            cells += (
                [raw, "", ""]
                if gain is None
                else [raw, after, f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"]
            )
        rows.append((trial.name, calibration_of(trial, method), *cells))
    columns = [f"{name}, {what}" for name in GAINS for what in ("raw", "calibrated", "difference")]
    note = (
        "Raw: the label with the highest likelihood, or the one replied. Calibrated: after taking out that the model "
        "favours labels whatever the text says. 95 % intervals of the difference, of the same held-out texts."
    )
    return Table("Label bias of language models", ("method", "calibration", *columns), rows, note)


def _kinds(asked: list[Asked]) -> list[Table]:
    """Return what each kind of calibration reaches on training texts."""
    rows = [
        (trial.name, c.kind, f"{c.macro_f1:.3f}", f"{c.accuracy:.3f}")
        for trial, *_ in asked
        for c in trial.calibrations
    ]
    note = "On training texts, to choose by; threshold is fitted on the labels of other folds."
    columns = ("method", "calibration", "macro-F1", "accuracy")
    return [Table("Each calibration on training texts", columns, rows, note)] if rows else []


def _labels(found: Verdict, asked: list[Asked]) -> list[Table]:
    """Return how often each label is given before and after calibration, and what is added to it."""
    given = {(s.way, s.label): s for s in objects.load_rows(found.judgement.classes, ClassScore)}
    rows = []
    for trial, *_ in asked:
        if trial.calibration is None or not trial.uncalibrated:
            continue
        for label, offset in zip(found.divided.classes, trial.calibration.offsets, strict=True):
            before, after = given[trial.uncalibrated, label], given[trial.name, label]
            rows.append((trial.name, label, before.support, before.predicted, after.predicted, f"{offset:+.2f}"))
    note = "Held-out texts. Added: to the logarithm of the probability of the label."
    columns = ("method", "label", "texts", "predicted, raw", "predicted, calibrated", "added")
    return [Table("Labels before and after calibration", columns, rows, note, SHOWN_LABELS)] if rows else []


def _requests(asked: list[Asked]) -> Table:
    rows = [
        (trial.name, f"{a.texts:,}", f"{a.no_label:,}", f"{a.repeated:,}", f"{a.shortened:,}",
         f"{a.spent_tokens:,}", f"{a.saved_tokens:,}", f"{_per_thousand(a):,}")
        for trial, _, a in asked
    ]  # fmt: skip
    columns = (
        "way",
        "texts",
        "replies that are no label",
        "that repeat themselves",
        "texts cut",
        "tokens spent",
        "tokens saved",
        "of 1,000 texts",
    )
    note = (
        "Training texts that were tried, held-out texts, texts without content; a stored reply costs nothing again. "
        "Tokens of a model of this machine are those of prompts and of every label behind them. Where labels are "
        "replied there are no probabilities, and so no calibration error; a reply that is no label counts as wrong."
    )
    return Table("Requests to language models", columns, rows, note)
