"""The pages of `text-classifier`: from references to what `report` shows."""

import shutil
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from configs.classify import Method
from configs.flows import TextClassifier
from configs.models import TaskCard
from tasks.data.classes import (
    Bin,
    Classifier,
    ClassScore,
    Confused,
    LabelIssue,
    LabelReport,
    LabelWording,
    Paired,
    PredictionsRef,
    Trial,
    Verdict,
)
from tasks.data.curves import CurveMean, CurvePoint
from tasks.data.documents import Ingested, Rejected, RejectedRef
from tasks.data.evaluation import Measure
from tasks.report import charts, language_models
from tasks.report import page as pages
from tasks.report.languages import languages_table, reading_summary, warnings_about
from tasks.report.page import Page, Table
from tasks.runtime import tracking
from tasks.store import objects

SHOWN_CLASSES = 200
SHOWN_PAIRS = 30
SHOWN_REJECTED = 50
SHOWN_PREDICTIONS = 50
SHOWN_TEXT = 160
Offers = Sequence[TaskCard]


def class_page(
    run: tracking.Run, name: str, found: Verdict, read: Sequence[Ingested], offers: Offers, config: TextClassifier
) -> Path:
    """Write the page of a run that has tried ways to classify, and its tables as files beside it.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    divided, measures = found.divided, objects.load_rows(found.judgement.measures, Measure)
    scores = sorted((m for m in measures if m.name == "macro-F1"), key=lambda m: -m.value)
    best = next(m for m in scores if m.what == found.chosen)
    right = next(m for m in measures if m.name == "accuracy" and m.what == found.chosen)
    means = [mean for curve in found.curve for mean in curve.means]
    bins = [b for b in objects.load_rows(found.judgement.bins, Bin) if b.way == found.chosen]
    cells = [c for c in objects.load_rows(found.judgement.confused, Confused) if c.way == found.chosen]
    page = Page(
        title=f"Methods of classification for {name}",
        subtitle=f"{len(found.trials)} methods on the same texts; kept: {found.chosen}",
        facts=[
            ("training texts", f"{divided.train.documents.rows:,}"),
            ("held-out texts", f"{divided.test.documents.rows:,}"),
            ("classes", f"{len(divided.classes):,}"),
            (f"macro-F1 of {found.chosen}", f"{best.value:.3f}"),
            ("its accuracy", f"{right.value:.3f}"),
        ],
        tables=[
            _ways(found, measures, config), *_offers(offers), *_label_issues(found, config), *_wordings(found),
            pairs_table(found), class_table(found), *confusions_table(cells, divided.classes), *_curve(means),
            *language_models.tables_of(found, config), *rejected_table(divided.rejected, read),
            *languages_table(read[0].reading),
        ],
        missing=_missing(found, config),
        warnings=warnings_about(read[0].reading),
        run={"facts": _how(found), "links": run.links(), "versions": run.versions()},
        template="classes.html.j2",
        figures=[
            charts.whiskers("ways", "macro-F1", scores, found.chosen),
            *charts.curves(means, scores, divided.train.documents.rows), *charts.reliability(bins),
        ],
        more={
            "warnings": warnings_of(divided.noticed),
            "matrix": charts.matrix(cells, divided.classes),
            "chosen": found.chosen,
        },
    )  # fmt: skip
    path = pages.write_page(run, page)
    if path.name:
        _write_tables(path.parent, found)
    return path


def class_summary(name: str, found: Verdict, offers: Offers, config: TextClassifier) -> dict[str, Any]:
    """Return what `text-classifier` answers a caller who gave labelled texts."""
    divided = found.divided
    return {
        "classifier": name,
        "chosen": found.chosen,
        "train": divided.train.documents.rows,
        "test": divided.test.documents.rows,
        "classes": list(divided.classes),
        "measures": {
            f"{m.name} {m.what}": m.stated()
            for m in objects.load_rows(found.judgement.measures, Measure)
        },
        "published": dict(config.measured.published),
        "seconds_per_1000": {
            trial.name: None if (seconds := _seconds(trial, found)) is None else round(seconds, 4)
            for trial in found.trials
        },
        "language_models": language_models.stated(found, config),
        "ready_models": [card.id for card in offers],
        "warnings": warnings_of(divided.noticed),
        "label_issues": [
            {"id": d.id, "given": d.given, "likely": d.likely, "probability": round(d.confidence, 4)}
            for d in (objects.load_rows(found.label_issues, LabelIssue) if found.label_issues is not None else [])[:10]
        ],
        "label_issue_count": found.label_issues.rows if found.label_issues is not None else None,
        "predictions": predictions_summary(found.predictions) if found.predictions is not None else None,
    }  # fmt: skip


def predictions_page(
    run: tracking.Run, kept: Classifier, predictions: PredictionsRef, read: Ingested
) -> tuple[dict[str, Any], Path]:
    """Write the page of a run that has classified texts with a kept classifier; return its result too."""
    table = pq.read_table(objects.path(predictions) / "predictions.parquet")
    labels = _listed(table["label"].to_pylist())
    counted = Counter(name for names in labels for name in names).most_common()
    rows = [
        (row["id"], pages.shortened(row["text"], SHOWN_TEXT), ", ".join(names), f"{row['probability']:.3f}")
        for row, names in zip(table.slice(0, SHOWN_PREDICTIONS).to_pylist(), labels, strict=False)
    ]
    note = f"the first {len(rows)} of {table.num_rows:,}; all are in predictions.parquet and predictions.csv"
    if none := sum(not names for names in labels):
        note += f"; {none:,} have no label"
    if set(table["probability"].to_pylist()) <= {0.0, 1.0}:
        note += "; a probability of 1 stands for a label without one"
    page = Page(
        title=f"Texts classified by {kept.name}",
        subtitle=f"{kept.way}, record {kept.number}",
        facts=[("texts", f"{table.num_rows:,}"), ("classes assigned", f"{len(counted):,}")],
        tables=[
            Table("Texts", ("id", "text", "label", "probability"), rows, note),
            Table("Frequency of each label", ("label", "texts"), counted, most=SHOWN_CLASSES),
            *rejected_table(None, [read]),
            *languages_table(read.reading),
        ],
        warnings=warnings_about(read.reading),
        run={"facts": {}, "links": run.links(), "versions": run.versions()},
    )
    path = pages.write_page(run, page)
    if path.name:
        _copy(predictions, path.parent)
    return {
        "classifier": kept.name,
        "way": kept.way,
        "predictions": predictions_summary(predictions),
        **reading_summary(read.reading),
    }, path


def predictions_summary(predictions: PredictionsRef) -> dict[str, Any]:
    """Return where predictions are, how many there are, and the first few."""
    path = objects.path(predictions) / "predictions.parquet"
    table = pq.read_table(path, columns=["id", "label", "probability"])
    return {"path": str(path), "texts": table.num_rows, "first": table.slice(0, 10).to_pylist()}


def warnings_of(noticed: LabelReport) -> list[str]:
    """Say what is odd about labels, and what to do."""
    told = [
        f"The labels {', '.join(map(repr, group))} differ only by case or spaces and count as different; "
        "if they mean the same, merge them with labels.rename."
        for group in noticed.alike
    ]
    if noticed.rare:
        told.append(f"Too few texts have the label {_some(noticed.rare)}; they were rejected.")
    if noticed.unseen:
        told.append(f"No training text has the label {_some(noticed.unseen)}; held-out texts with it were rejected.")
    if noticed.overlap:
        told.append(f"{noticed.overlap:,} held-out texts are also training texts: the results are too optimistic.")
    return told


def rejected_table(divided: RejectedRef | None, read: Sequence[Ingested]) -> list[Table]:
    """Return a table of the texts that were rejected; none where none were."""
    rejected = [row for ingested in read for row in objects.load_rows(ingested.rejected, Rejected)]
    rejected += objects.load_rows(divided, Rejected) if divided is not None else []
    rows = [(r.item, r.reason, r.detail) for r in rejected]
    return [Table("Rejected", ("item", "reason", "detail"), rows, most=SHOWN_REJECTED)] if rows else []


def _ways(found: Verdict, measures: Sequence[Measure], config: TextClassifier) -> Table:
    by_way: dict[str, dict[str, Measure]] = defaultdict(dict)
    for m in measures:
        by_way[m.what][m.name] = m
    tried = {m.what: m.value for m in objects.load_rows(found.judgement.validation, Measure) if m.name == "macro-F1"}
    every = ("macro-F1", "micro-F1", "accuracy", "AUROC", "calibration error", "no label")
    names = [n for n in every if any(n in mine for mine in by_way.values())]
    pairs = list(zip(found.trials, config.methods, strict=True))
    methods = {t.name: (t, method, t.setting) for t, method in pairs}
    methods |= {t.uncalibrated: (t, method, "before calibration") for t, method in pairs if t.uncalibrated}
    sent = _sent(pairs, config)
    rows: list[tuple[Any, ...]] = []
    for way in sorted(by_way, key=lambda way: -by_way[way]["macro-F1"].value):
        cells = [with_interval(by_way[way].get(n)) for n in names]
        published = config.measured.published.get(way)
        cells += [f"{tried[way]:.3f}" if way in tried else "", "" if published is None else f"{published:.3f}"]
        if way not in methods:
            rows.append((way, *cells, "", "", "", "", ""))
            continue
        trial, method, setting = methods[way]
        seconds = _seconds(trial, found)
        took = "replies were kept" if seconds is None else f"{seconds:.2f}"
        cost = language_models.cost_of(trial, method, seconds, config.measured.price_per_hour)
        rows.append((way, *cells, setting, f"{trial.fit_seconds:.1f}", took, cost, sent[trial.name]))
    last = ("fit, s", "1,000 texts, s", "their cost", "bytes that leave this machine")
    columns = ("method", *names, "on training texts", "published", "chosen", *last)
    note = "95 % intervals. On training texts: macro-F1 by cross-validation, by which the kept method was chosen."
    return filled(Table("All methods", columns, rows, note))


def _sent(pairs: Sequence[tuple[Trial, Method]], config: TextClassifier) -> dict[str, str]:
    """Return what of 1,000 texts leaves this machine by each method; nothing stands there if none sends any."""
    remote = config.embed.server is not None
    found = {trial.name: language_models.sent_of(trial, method, encodes_remotely=remote) for trial, method in pairs}
    local = "0" if any(found.values()) else ""
    return {name: local if sent is None else f"{sent:,}" if isinstance(sent, int) else sent
            for name, sent in found.items()}  # fmt: skip


def filled(table: Table) -> Table:
    """Return a table without the columns in which nothing stands."""
    kept = [at for at in range(len(table.columns)) if any(str(row[at]) for row in table.rows)]
    rows = [tuple(row[at] for at in kept) for row in table.rows]
    return Table(table.title, tuple(table.columns[at] for at in kept), rows, table.note)


def with_interval(measure: Measure | None) -> str:
    """Return a measure with its interval; empty where there is none."""
    return "" if measure is None else f"{measure.value:.3f} ({measure.low:.3f} to {measure.high:.3f})"


def _seconds(trial: Trial, found: Verdict) -> float | None:
    """Return what 1,000 texts take a way, encoding included; None where all replies were kept from before."""
    if trial.asked is not None and not trial.asked.timed:
        return None
    encoding = found.speed.seconds_per_1000 if trial.encodes and found.speed is not None else 0.0
    return trial.seconds_per_1000 + encoding


def _offers(offers: Offers) -> list[Table]:
    rows = [(c.id, c.task, ", ".join(c.labels), c.licence or "not stated") for c in offers]
    note = "They need no training: add one to methods with kind=task-model."
    return [Table("Models with these labels", ("model", "task", "labels", "licence"), rows, note)] if rows else []


def _label_issues(found: Verdict, config: TextClassifier) -> list[Table]:
    if found.label_issues is None or config.label_issues is None:
        return []
    issues = objects.load_rows(found.label_issues, LabelIssue)
    rows = [(d.id, pages.shortened(d.text, SHOWN_TEXT), d.given, d.likely, f"{d.confidence:.3f}") for d in issues]
    note = f"{len(issues):,} of {found.divided.train.documents.rows:,} training texts, by confident learning"
    note += "; texts with contradicting labels come first, held-out ones included"
    columns = ("id", "text", "label", "probably", "probability of its label")
    return [Table("Label issues: labels that are probably wrong", columns, rows, note, config.label_issues.shown)]


def _wordings(found: Verdict) -> list[Table]:
    rows = [
        w
        for trial in found.trials
        if trial.zero_shot is not None
        for w in objects.load_rows(trial.zero_shot, LabelWording)
    ]
    if not rows:
        return []
    spreads = [trial.wordings for trial in found.trials if trial.wordings is not None]
    note = "; ".join(
        f"{s.name}: macro-F1 in the mean {s.mean:.3f}, from {s.least:.3f} to {s.most:.3f}" for s in spreads
    )
    listed = [(w.way, w.wording, f"{w.macro_f1:.3f}", f"{w.accuracy:.3f}") for w in rows]
    return [Table("Each wording alone", ("method", "wording", "macro-F1", "accuracy"), listed, note)]


def pairs_table(found: Verdict) -> Table:
    """Return how every two methods compare on the same texts."""
    by_pair: dict[tuple[str, str], dict[str, Paired]] = defaultdict(dict)
    for p in objects.load_rows(found.judgement.paired, Paired):
        by_pair[p.ours, p.theirs][p.metric] = p
    rows = []
    for (ours, theirs), by_metric in by_pair.items():
        either = by_metric["accuracy"]
        cells = [
            f"{p.difference:+.3f} ({p.low:+.3f} to {p.high:+.3f})"
            for p in (by_metric["macro-F1"], either)
        ]  # fmt: skip
        rows.append((ours, theirs, *cells, f"{either.only_ours} : {either.only_theirs}", f"{either.p:.2g}"))
    note = "Of the same texts resampled together. McNemar's exact test looks at the texts that only one gets right."
    columns = ("method", "against", "macro-F1, difference", "accuracy, difference", "only one right", "McNemar p")
    return Table("Pairwise comparison", columns, rows, note)


def class_table(found: Verdict) -> Table:
    """Return how the kept method does on each class, the worst first."""
    scores = [s for s in objects.load_rows(found.judgement.classes, ClassScore) if s.way == found.chosen]
    scores.sort(key=lambda s: (s.f1, s.label))
    rows = [(s.label, s.support, s.predicted, f"{s.precision:.3f}", f"{s.recall:.3f}", f"{s.f1:.3f}") for s in scores]
    columns = ("class", "texts", "predicted", "precision", "recall", "F1")
    note = f"of {found.chosen}, worst first; class-scores.csv has every method"
    return Table("Class by class", columns, rows, note, SHOWN_CLASSES)


def confusions_table(cells: Sequence[Confused], classes: Sequence[str]) -> list[Table]:
    """Return the most frequent confusions, where there are too many classes for a matrix."""
    wrong = sorted((c for c in cells if c.given != c.predicted), key=lambda c: -c.count)
    if len(classes) <= charts.MOST_CELLS or not wrong:
        return []
    rows = [(c.given, c.predicted or "no label", c.count) for c in wrong]
    return [Table("Most frequent confusions", ("class", "predicted as", "texts"), rows, most=SHOWN_PAIRS)]


def _curve(means: Sequence[CurveMean]) -> list[Table]:
    rows = [
        (m.way, f"{m.share:.0%}", m.examples, f"{m.macro_f1:.3f}", f"{m.least:.3f} to {m.most:.3f}") for m in means
    ]
    columns = ("method", "share of labels", "labels", "macro-F1, mean", "from, to")
    return [Table("Learning curve", columns, rows)] if rows else []


def _missing(found: Verdict, config: TextClassifier) -> list[str]:
    missing = []
    if config.curve is None:
        missing.append("learning curve: turned off")
    if found.label_issues is None:
        missing.append("label issues: turned off, no method that learns from labels, or several labels a text")
    if found.divided.multiple:
        missing.append("confusion matrix: texts may have several labels")
    return missing


def _how(found: Verdict) -> dict[str, str]:
    if found.speed is None:
        return {}
    return {"encoding 1,000 texts": f"{found.speed.seconds_per_1000:.1f} seconds, in the seconds of ways that need it"}


def _write_tables(folder: Path, found: Verdict) -> None:
    """Write every table as Parquet and CSV beside the page."""
    judged = found.judgement
    points = [point for curve in found.curve for point in objects.load_rows(curve.points, CurvePoint)]
    tables: dict[str, pa.Table] = {
        "measures": objects.load_table(judged.measures), "validation": objects.load_table(judged.validation),
        "class-scores": objects.load_table(judged.classes), "paired": objects.load_table(judged.paired),
        "calibration": objects.load_table(judged.bins), "confusion": objects.load_table(judged.confused),
        "curve": objects.table_of(CurvePoint, points),
    }  # fmt: skip
    if found.label_issues is not None:
        tables["label-issues"] = objects.load_table(found.label_issues)
    pages.write_tables(folder, tables)
    if found.predictions is not None:
        _copy(found.predictions, folder)


def _copy(predictions: PredictionsRef, folder: Path) -> None:
    for file in ("predictions.parquet", "predictions.csv"):
        shutil.copyfile(objects.path(predictions) / file, folder / file)


def _listed(labels: Sequence[Any]) -> list[list[str]]:
    return [label if isinstance(label, list) else [label] if label is not None else [] for label in labels]


def _some(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - 8} more" if len(labels) > 8 else ""
    return ", ".join(map(repr, labels[:8])) + more
