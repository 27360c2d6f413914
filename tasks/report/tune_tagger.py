"""The pages of `tune-tagger`: from references to what `report` shows."""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.data.class_tuning import TunedWay
from tasks.data.documents import Ingested, Rejected
from tasks.data.evaluation import Measure
from tasks.data.tagging import EntityError, EntityScore, FoundEntitiesRef, PreparedTags, TagLook, TagVerdict
from tasks.data.training import StepLoss, TunedModel
from tasks.report import charts, training
from tasks.report import page as pages
from tasks.report.page import Page, Table
from tasks.report.text_classifier import rejected_table
from tasks.runtime import tracking
from tasks.store import objects

SHOWN = 60
ALL = "all"
FIRST = 10  # entities in the result of a run


@dataclass(frozen=True)
class TrainedTagger:
    """What a run of `tune-tagger` has made."""

    kept: TunedModel
    ways: Sequence[TunedWay]
    prepared: PreparedTags
    found: TagVerdict
    marked: FoundEntitiesRef | None

    @property
    def curves(self) -> dict[str, list[StepLoss]]:
        """The curve of each way."""
        return {way.name: objects.load_rows(way.result.curve, StepLoss) for way in self.ways}


def tagger_page(run: tracking.Run, made: TrainedTagger) -> Path:
    """Write the page of a run that has trained taggers, and its tables as files beside it.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    look, found, kept = made.prepared.look, made.found, made.kept
    measures = objects.load_rows(found.measures, Measure)
    overall = sorted((m for m in measures if m.name == "entity F1"), key=lambda m: -m.value)
    results = {way.name: way.result for way in made.ways}
    scores = objects.load_rows(found.scores, EntityScore)
    page = Page(
        title=f"Training a tagger for {kept.name}",
        subtitle=f"{kept.id}, from {kept.base}: "
        f"{'released' if kept.released else 'not released'}",
        facts=[
            ("sentences that weights learn from", f"{look.train:,}"),
            ("validation sentences", f"{look.validation:,}"),
            ("held-out sentences", f"{look.test:,}"),
            ("types", f"{len(look.entities):,}"),
            (f"entity F1 of {found.chosen}", next(_interval(s) for s in scores if _is(s, found.chosen, ALL))),
        ],
        tables=[
            _overall(scores), _types(scores, found.chosen), training.cost_table(results), _errors(found),
            _looked(look), *_rejected(made.prepared), *_marked(made.marked),
        ],
        run={"facts": {"base": kept.base}, "links": run.links(), "versions": run.versions()},
        template="tuned_classes.html.j2",
        figures=[
            charts.whiskers("ways", "entity F1", overall, found.chosen),
            *training.loss_curves("training", made.curves),
            *training.metric_curves("training", "entity F1", made.curves),
        ],
        more={
            "gate": kept.why, "released": kept.released, "matrix": {}, "chosen": found.chosen, "measure": "Entity F1",
            "warnings": [*look.warnings, *training.remarks(results)],
        },
    )  # fmt: skip
    path = pages.write_page(run, page)
    if path.name:
        _write_tables(path.parent, made)
    return path


def tagger_summary(made: TrainedTagger) -> dict[str, Any]:
    """Return what `tune-tagger` answers."""
    look, found, kept = made.prepared.look, made.found, made.kept
    chosen = next(way for way in made.ways if way.name == found.chosen)
    results = {way.name: way.result for way in made.ways}
    return {
        "model": kept.id,
        **({"replaced": kept.replaced} if kept.replaced else {}),
        "released": kept.released,
        "why": kept.why,
        "chosen": found.chosen,
        "base": kept.base,
        "types": [name for name, _ in look.entities],
        "sentences": {
            "train": look.train, "validation": look.validation, "test": look.test, "leaked": look.leaked,
            "rejected": made.prepared.rejected.rows, "windows": look.windows, "window_tokens": look.limit,
        },
        "measures": {f"{m.name}, {m.what}": m.stated() for m in objects.load_rows(found.measures, Measure)},
        "training": training.stated(chosen.result),
        "methods": training.ways_stated(made.ways),
        "entities": entities_summary(made.marked),
        "warnings": [*look.warnings, *training.remarks(results)],
    }  # fmt: skip


def found_page(
    run: tracking.Run, model: str, marked: FoundEntitiesRef | None, read: Ingested | None
) -> tuple[dict[str, Any], Path]:
    """Write the page of a run that has marked new texts; return its result too."""
    rejected = objects.load_rows(read.rejected, Rejected) if read is not None else []
    page = Page(
        title=f"Texts marked by {model}",
        subtitle="places of the texts, in characters",
        facts=[
            ("texts", f"{read.documents.rows if read is not None else 0:,}"),
            ("entities", f"{marked.rows if marked is not None else 0:,}"),
        ],
        tables=[*_marked(marked), *(rejected_table(None, [read]) if read is not None else [])],
        run={"facts": {}, "links": run.links(), "versions": run.versions()},
    )
    path = pages.write_page(run, page)
    if path.name and marked is not None:
        _copy(marked, path.parent)
    return {"model": model, "entities": entities_summary(marked), "rejected": len(rejected)}, path


def entities_summary(marked: FoundEntitiesRef | None) -> dict[str, Any] | None:
    """Return where the entities of new texts are, how many there are, and the first few."""
    if marked is None:
        return None
    path = objects.path(marked) / "entities.parquet"
    table = pq.read_table(path)
    return {"path": str(path), "count": table.num_rows, "first": table.slice(0, FIRST).to_pylist()}


def _overall(scores: Sequence[EntityScore]) -> Table:
    rows = [
        (s.way, _interval(s), f"{s.precision:.3f}", f"{s.recall:.3f}", s.support, s.found)
        for s in sorted((s for s in scores if s.label == ALL), key=lambda s: -s.f1)
    ]
    note = "An entity counts if its place and its type are right. 95 % intervals, sentences resampled."
    return Table("All methods", ("method", "entity F1", "precision", "recall", "entities", "found"), rows, note)


def _types(scores: Sequence[EntityScore], chosen: str) -> Table:
    rows = [
        (s.label, _interval(s), f"{s.precision:.3f}", f"{s.recall:.3f}", s.support, s.found)
        for s in scores
        if s.way == chosen and s.label != ALL
    ]
    columns = ("type", "entity F1", "precision", "recall", "entities", "found")
    return Table("Type by type", columns, rows, f"of {chosen}, on the held-out sentences")


def _errors(found: TagVerdict) -> Table:
    errors = objects.load_rows(found.errors, EntityError)
    rows = [(e.kind, e.text, e.label, e.found, pages.shortened(e.around, 160)) for e in errors]
    counts = ", ".join(f"{count:,} {kind}" for kind, count in Counter(e.kind for e in errors).most_common())
    note = f"{counts or 'none'}; entity-errors.csv has all" if len(errors) > SHOWN else counts
    return Table(
        "Errors on the held-out sentences", ("kind", "text", "is", "was marked", "sentence"), rows, note, SHOWN
    )


def _looked(look: TagLook) -> Table:
    rows = [
        ("words", f"{look.words:,}"),
        ("tokens of a sentence, median", f"{look.median_tokens:,}"),
        ("tokens of the longest sentence", f"{look.longest_tokens:,}"),
        ("windows of up to that many tokens", f"{look.windows:,} of {look.limit:,}"),
        ("sentences that repeat a held-out one, rejected", f"{look.leaked:,}"),
        ("labels I-TYPE that follow none of their type, read as O", f"{look.strays:,}"),
        *((f"entities: {name}", f"{count:,}") for name, count in look.entities),
    ]
    return Table("Before training", ("what", "training sentences"), rows)


def _rejected(prepared: PreparedTags) -> list[Table]:
    rows = [(r.item, r.reason, r.detail) for r in objects.load_rows(prepared.rejected, Rejected)]
    return [Table("Rejected", ("sentence", "reason", "detail"), rows, most=SHOWN)] if rows else []


def _marked(marked: FoundEntitiesRef | None) -> list[Table]:
    if marked is None:
        return []
    found = pq.read_table(objects.path(marked) / "entities.parquet").slice(0, SHOWN).to_pylist()
    rows = [(e["id"], e["start"], e["end"], e["label"], e["text"], f"{e['probability']:.3f}") for e in found]
    note = f"the first {len(rows)} of {marked.rows:,}; all are in entities.parquet and entities.csv"
    return [Table("Entities of new texts", ("id", "from", "to", "type", "text", "probability"), rows, note)]


def _is(score: EntityScore, way: str, label: str) -> bool:
    return score.way == way and score.label == label


def _interval(score: EntityScore) -> str:
    return f"{score.f1:.3f} ({score.low:.3f} to {score.high:.3f})"


def _write_tables(folder: Path, made: TrainedTagger) -> None:
    """Write every table as Parquet and CSV beside the page."""
    curves = made.curves
    points = [point for mine in curves.values() for point in mine]
    named = pa.array([name for name, mine in curves.items() for _ in mine], pa.string())
    tables = {
        "measures": objects.load_table(made.found.measures), "entity-scores": objects.load_table(made.found.scores),
        "entity-errors": objects.load_table(made.found.errors),
        "curve": objects.table_of(StepLoss, points).append_column("method", named),
    }  # fmt: skip
    pages.write_tables(folder, tables)
    if made.marked is not None:
        _copy(made.marked, folder)


def _copy(marked: FoundEntitiesRef, folder: Path) -> None:
    for file in ("entities.parquet", "entities.csv"):
        shutil.copyfile(objects.path(marked) / file, folder / file)
