"""The page of `tune-classifier`: from references to what `report` shows."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.data.class_tuning import ClassLook, TrainedWays, TunedWay
from tasks.data.classes import Bin, Confused, Paired, Verdict
from tasks.data.documents import Ingested, Rejected
from tasks.data.evaluation import Measure
from tasks.data.training import StepLoss, TunedModel
from tasks.report import charts, pretraining, training
from tasks.report import page as pages
from tasks.report.page import Page, Table
from tasks.report.text_classifier import (
    class_table,
    confusions_table,
    filled,
    pairs_table,
    rejected_table,
    warnings_of,
    with_interval,
)
from tasks.runtime import tracking
from tasks.store import objects

SHOWN_CLASSES = 100
MEASURES = ("macro-F1", "micro-F1", "accuracy", "AUROC", "calibration error")


def tuned_page(
    run: tracking.Run,
    kept: TunedModel,
    found: Verdict,
    trained: TrainedWays,
    look: ClassLook,
    read: Sequence[Ingested],
) -> Path:
    """Write the page of a run that has trained classifiers, and its tables as files beside it.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    measures = objects.load_rows(found.judgement.measures, Measure)
    scores = sorted((m for m in measures if m.name == "macro-F1"), key=lambda m: -m.value)
    best = next(m for m in scores if m.what == found.chosen)
    cells = [c for c in objects.load_rows(found.judgement.confused, Confused) if c.way == found.chosen]
    bins = [b for b in objects.load_rows(found.judgement.bins, Bin) if b.way == found.chosen]
    curves = {way.name: objects.load_rows(way.result.curve, StepLoss) for way in trained.ways}
    first, told = pretraining.of(trained.pretrained), rejections(found, read)
    page = Page(
        title=f"Training a classifier for {kept.name}",
        subtitle=f"{kept.id}, from {kept.base}: "
        f"{'released' if kept.released else 'not released'}",
        facts=[
            ("texts that weights learn from", f"{look.train:,}"),
            ("validation texts", f"{look.validation:,}"),
            ("held-out texts", f"{look.test:,}"),
            ("classes", f"{len(found.divided.classes):,}"),
            (f"macro-F1 of {found.chosen}", with_interval(best)),
        ],
        tables=[
            _methods(found, measures, trained.ways), pairs_table(found), *first.tables,
            training.cost_table(trained.results),
            class_table(found), *confusions_table(cells, found.divided.classes), _looked(look, told), _labels(look),
            *rejected_table(found.divided.rejected, read),
        ],
        missing=["confusion matrix: texts may have several labels"] if found.divided.multiple else [],
        run={"facts": {"base": kept.base}, "links": run.links(), "versions": run.versions()},
        template="tuned_classes.html.j2",
        figures=[
            charts.whiskers("ways", "macro-F1", scores, found.chosen),
            *first.figures,
            *training.loss_curves("training", curves),
            *training.metric_curves("training", "macro-F1", curves),
            *charts.reliability(bins),
        ],
        more={
            "measure": "Macro-F1",
            "gate": kept.why,
            "released": kept.released,
            "warnings": [*look.warnings, *warnings_of(found.divided.noticed), *training.remarks(trained.results)],
            "matrix": charts.matrix(cells, found.divided.classes),
            "chosen": found.chosen,
        },
    )  # fmt: skip
    path = pages.write_page(run, page)
    if path.name:
        _write_tables(path.parent, found, curves)
    return path


def rejections(found: Verdict, read: Sequence[Ingested]) -> Counter[str]:
    """Return how many texts were rejected for each reason, when they were read or when they were divided."""
    refs = [found.divided.rejected, *(ingested.rejected for ingested in read)]
    return Counter(row.reason for ref in refs for row in objects.load_rows(ref, Rejected))


def tuned_summary(
    kept: TunedModel, found: Verdict, trained: TrainedWays, look: ClassLook, read: Sequence[Ingested]
) -> dict[str, Any]:
    """Return what `tune-classifier` answers."""
    told = rejections(found, read)
    chosen = next(way for way in trained.ways if way.name == found.chosen)
    first = trained.pretrained
    return {
        "model": kept.id,
        **({"replaced": kept.replaced} if kept.replaced else {}),
        "released": kept.released,
        "why": kept.why,
        "chosen": found.chosen,
        "base": kept.base,
        "classes": list(found.divided.classes),
        "texts": {
            "train": look.train, "validation": look.validation, "test": look.test,
            "repeated": told["duplicate"] - look.leaked, "leaked": look.leaked,
            "contradictions": told["contradiction"], "rejected": told.total(),
            "truncated_share": round(look.truncated, 4), "cut_at_tokens": look.limit,
        },
        "measures": {
            f"{m.name} {m.what}": m.stated() for m in objects.load_rows(found.judgement.measures, Measure)
        },
        "paired": {
            f"{p.metric} {p.ours} less {p.theirs}":
                {"value": round(p.difference, 4), "low": round(p.low, 4), "high": round(p.high, 4)}
            for p in objects.load_rows(found.judgement.paired, Paired) if p.ours == found.chosen
        },
        **({} if first is None else {"pretraining": pretraining.stated(first)}),
        "training": training.stated(chosen.result),
        "methods": training.ways_stated(trained.ways),
        "warnings": [*look.warnings, *warnings_of(found.divided.noticed), *training.remarks(trained.results)],
    }  # fmt: skip


def _methods(found: Verdict, measures: Sequence[Measure], ways: Sequence[TunedWay]) -> Table:
    by_way = {(m.what, m.name): m for m in measures}
    tried = {m.what: m.value for m in objects.load_rows(found.judgement.validation, Measure) if m.name == "macro-F1"}
    rates = {way.name: f"{way.learning_rate:g}" for way in ways}
    took = {trial.name: (trial.setting if trial.name not in rates else "", f"{trial.fit_seconds:.1f}")
            for trial in found.trials}  # fmt: skip
    order = sorted({what for what, _ in by_way}, key=lambda what: -by_way[what, "macro-F1"].value)
    rows = [
        (what, *(with_interval(by_way.get((what, name))) for name in MEASURES),
         f"{tried[what]:.3f}" if what in tried else "", rates.get(what, ""), *took.get(what, ("", "")))
        for what in order
    ]  # fmt: skip
    columns = ("method", *MEASURES, "on validation texts", "learning rate", "chosen", "fit, s")
    note = (
        "Held-out texts, 95 % intervals. The trained method was chosen by the validation texts; of the frozen ones, "
        "which saw them when they were fitted, the column is by cross-validation."
    )
    return filled(Table("All methods", columns, rows, note))


def _looked(look: ClassLook, told: Counter[str]) -> Table:
    rows = [
        ("tokens of a text, median", f"{look.median_tokens:,}"),
        ("tokens of the longest text", f"{look.longest_tokens:,}"),
        ("cut at", f"{look.limit:,} tokens: {look.truncated:.1%} of the texts"),
        ("texts that repeat another of the same label, rejected", f"{told['duplicate'] - look.leaked:,}"),
        ("texts that repeat a held-out one, rejected", f"{look.leaked:,}"),
        ("texts that an earlier row gives another label, rejected", f"{told['contradiction']:,}"),
        ("tokens of one epoch", f"{look.tokens:,}"),
        ("guess of an epoch of full training here", f"{look.seconds:.0f} s, {look.memory / 1e9:.1f} GB"),
    ]
    return Table("Before training", ("what", "training texts"), rows)


def _labels(look: ClassLook) -> Table:
    total = max(1, sum(count for _, count in look.labels))
    rows = [(label, f"{count:,}", f"{count / total:.1%}") for label, count in look.labels]
    return Table("Training texts of each class", ("class", "texts", "share"), rows, most=SHOWN_CLASSES)


def _write_tables(folder: Path, found: Verdict, curves: dict[str, list[StepLoss]]) -> None:
    """Write every table as Parquet and CSV beside the page."""
    judged = found.judgement
    points = [point for points in curves.values() for point in points]
    named = [name for name, points in curves.items() for _ in points]
    tables = {
        "measures": objects.load_table(judged.measures), "validation": objects.load_table(judged.validation),
        "class-scores": objects.load_table(judged.classes), "paired": objects.load_table(judged.paired),
        "confusion": objects.load_table(judged.confused), "calibration": objects.load_table(judged.bins),
        "curve": objects.table_of(StepLoss, points).append_column("method", pa.array(named, pa.string())),
    }  # fmt: skip
    pages.write_tables(folder, tables)
