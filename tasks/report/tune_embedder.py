"""The pages of `tune-embedder` and `tune-reranker`: from references to what `report` shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.flows_pairs import TuneEmbedder, TuneReranker
from tasks.data.documents import Rejected, RejectedRef
from tasks.data.evaluation import Measure
from tasks.data.pairs import PairsLook, SplitPairs, TuneCheck, TuneVerdict
from tasks.data.silver import SilverRows
from tasks.data.training import StepLoss, TrainingResult, TunedModel
from tasks.report import charts, training
from tasks.report import page as pages
from tasks.report.page import Page, Table
from tasks.runtime import tracking
from tasks.store import objects

GENERAL_NOTE = (
    "What was trained for must lie above 0 as a whole; what must not be lost may fall by as much as the gate "
    "tolerates."
)
RANKED_NOTE = (
    "The trained model must order the same texts better than the first stage, and than it did before if it could. "
    "Fused: both orders joined by reciprocal ranks."
)
NOT_GIVEN = {
    "similarity": "similarity of general pairs: give the parameter `similarity` a source of scored pairs",
    "retrieval": "retrieval of general documents: give the parameter `retrieval` a source with questions",
}
ROLES = {"domain": "in domain", "general": "general", "shown": "shown beside"}
SHOWN_REMOVED = 50
SHOWN_LABELS = 100
Shown = tuple[TunedModel, TuneVerdict, TrainingResult, PairsLook, SplitPairs]


def embedder_page(
    run: tracking.Run,
    shown: Shown,
    rejected: Sequence[RejectedRef],
    config: TuneEmbedder,
    silver: SilverRows | None = None,
) -> Path:
    """Write the page of a run that has trained an encoder, and its tables as files beside it.

    Args:
        run: The run.
        shown: The model as it is kept, what the gate found, what training took, what the examples look like.
        rejected: Rows of sources that were rejected, and sentences that were removed.
        config: What was asked for.
        silver: Pairs that a cross-encoder has labelled; None where none were asked for.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    there = {check.name for check in objects.load_rows(shown[1].checks, TuneCheck)}
    lacks = [text for name, text in NOT_GIVEN.items() if name not in there]
    asked = {"loss": config.loss.kind, "tolerance": f"{config.gate.tolerance:g}"}
    return _write(run, shown, rejected, Told("an encoder", GENERAL_NOTE, asked, lacks, silver))


def reranker_page(
    run: tracking.Run, shown: Shown, rejected: Sequence[RejectedRef], config: TuneReranker, head: str
) -> Path:
    """Write the page of a run that has trained a reranker; `head` says whether its head was new, else see above."""
    asked = {"first stage": config.embed.model, "texts a question ranks": str(config.candidates), "head": head}
    return _write(run, shown, rejected, Told("a reranker", RANKED_NOTE, asked, []))


@dataclass(frozen=True)
class Told:
    """What the pages of the two flows say differently.

    Attributes:
        what: That is trained.
        note: Below the chart of differences.
        asked: What was asked for.
        lacks: What could not be shown.
        silver: Pairs that a cross-encoder has labelled.
    """

    what: str
    note: str
    asked: Mapping[str, str]
    lacks: Sequence[str]
    silver: SilverRows | None = None


def _write(run: tracking.Run, shown: Shown, rejected: Sequence[RejectedRef], told: Told) -> Path:
    kept, found, trained, look, split = shown
    checks = objects.load_rows(found.checks, TuneCheck)
    curve = {kept.name: objects.load_rows(trained.curve, StepLoss)}
    domain = next(check for check in checks if check.role == "domain")
    page = Page(
        title=f"Training {told.what} for {kept.name}",
        subtitle=f"{kept.id}, from {kept.base}: {'released' if kept.released else 'not released'}",
        facts=[
            ("examples trained on", f"{look.pairs:,}"),
            ("rows judged by", f"{split.test.rows:,}"),
            ("removed as repeated", f"{split.removed.rows:,}"),
            (f"{domain.metric} before", f"{domain.before:.3f}"),
            (f"{domain.metric} after", f"{domain.after:.3f}"),
        ],
        tables=[
            checks_table(checks), training.cost_table({kept.name: trained}), looked_table(look, split),
            *silver_table(told.silver), *labels_table(look), *removed_table([split.removed, *rejected]),
        ],
        missing=told.lacks,
        run={"facts": {"base": kept.base, **told.asked}, "links": run.links(), "versions": run.versions()},
        template="tuned_pairs.html.j2",
        figures=[
            charts.whiskers("checks", "difference, after less before", differences(checks), domain.name),
            *training.loss_curves("training", curve),
            *training.metric_curves("training", domain.metric, curve),
        ],
        more={
            "gate": kept.why,
            "released": kept.released,
            "note": told.note,
            "warnings": [*look.warnings, *silver_warnings(told.silver), *training.remarks({kept.name: trained})],
        },
    )  # fmt: skip
    path = pages.write_page(run, page)
    if path.name:
        refs = {"checks": found.checks, "curve": trained.curve, "removed": split.removed}
        refs |= {"silver": told.silver.silver} if told.silver else {}
        pages.write_tables(path.parent, {name: objects.load_table(ref) for name, ref in refs.items()})
    return path


def embedder_summary(
    kept: TunedModel,
    found: TuneVerdict,
    trained: TrainingResult,
    look: PairsLook,
    split: SplitPairs,
    silver: SilverRows | None = None,
) -> dict[str, Any]:
    """Return what a flow that trains on pairs answers."""
    return {
        "model": kept.id,
        **({"replaced": kept.replaced} if kept.replaced else {}),
        "released": kept.released,
        "why": kept.why,
        "base": kept.base,
        "checks": {check.name: stated(check) for check in objects.load_rows(found.checks, TuneCheck)},
        "rows": {
            "train": split.train.rows, "examples": look.pairs, "validation": split.validation.rows,
            "test": split.test.rows, "removed": split.removed.rows, "exact": split.exact, "near": split.near,
            "repeated": look.repeated, "contradictions": look.contradictions,
            "truncated_share": round(look.truncated, 4),
        },
        "training": training.stated(trained),
        "warnings": [*look.warnings, *silver_warnings(silver), *training.remarks({kept.name: trained})],
    }  # fmt: skip


def rows_summary(silver: SilverRows | None, removed: Sequence[RejectedRef]) -> dict[str, Any]:
    """Return what the caller gets of the rows that are none of the source: silver pairs, and removed sentences."""
    told: dict[str, Any] = {"removed_sentences": sum(ref.rows for ref in removed)} if removed else {}
    if silver is not None:
        told["silver"] = {
            "reranker": silver.reranker, "weights": silver.weights, "gold": silver.gold, "silver": silver.silver.rows,
            "same": silver.same, "same_above": silver.same_above, "unscored": silver.unscored,
            "tenths": list(silver.tenths), "warnings": silver_warnings(silver),
            "agreement": {"metric": "Spearman", "value": round(silver.agreement, 4), "low": round(silver.low, 4),
                          "high": round(silver.high, 4), "n": silver.judged},
        }  # fmt: skip
    return told


def silver_table(silver: SilverRows | None) -> list[Table]:
    """Return how many rows people and a cross-encoder have labelled, and the labels of the latter; none without."""
    if silver is None:
        return []
    count = max(silver.silver.rows, 1)
    rows = [
        ("rows of the source (gold)", f"{silver.gold:,}", ""),
        ("pairs labelled by the cross-encoder (silver)", f"{silver.silver.rows:,}", ""),
        (f"of these with a score of {silver.same_above:g} or more", f"{silver.same:,}", f"{silver.same / count:.1%}"),
        ("pairs without a score, left out", f"{silver.unscored:,}", ""),
        (f"its scores against {silver.judged:,} validation labels, Spearman", agreed(silver), ""),
    ]
    rows += [
        (f"silver pairs with a score from {tenth / 10:.1f} to {(tenth + 1) / 10:.1f}", f"{n:,}", f"{n / count:.1%}")
        for tenth, n in enumerate(silver.tenths)
    ]
    note = (
        f"Labelled by {silver.reranker}, weights {silver.weights[:12]}. Nothing is judged or stopped by silver pairs."
    )
    return [Table("Gold and silver rows", ("what", "rows", "of silver"), rows, note)]


def agreed(silver: SilverRows) -> str:
    """Return how the scores of a cross-encoder follow labels of people, in words."""
    return f"{silver.agreement:.3f} ({silver.low:.3f} to {silver.high:.3f})"


def silver_warnings(silver: SilverRows | None) -> list[str]:
    """Return what makes silver pairs doubtful: a cross-encoder that does not know the labels, or says one thing."""
    if silver is None:
        return []
    found = []
    if silver.low <= 0:
        reverse, unsure = "says the reverse of the labels of people", "does not follow the labels of people for sure"
        said = reverse if silver.high < 0 else unsure
        found.append(
            f"{silver.reranker} {said}: Spearman {agreed(silver)}, n={silver.judged:,}; its silver pairs may teach "
            "nothing, or what is false. Train it first, or set silver=null"
        )
    if silver.silver.rows in silver.tenths:
        found.append(f"{silver.reranker} gives all {silver.silver.rows:,} silver pairs nearly the same score")
    return found


def stated(check: TuneCheck) -> dict[str, Any]:
    """Return a measure before and after, as the caller of a flow gets it."""
    numbers = {"before": check.before, "after": check.after, "difference": check.difference}
    numbers |= {"low": check.low, "high": check.high} if check.items else {}
    return {
        "role": check.role, "metric": check.metric, **{name: round(n, 4) for name, n in numbers.items()},
        **({"n": check.items} if check.items else {}), "passed": None if check.role == "shown" else check.passed,
    }  # fmt: skip


def differences(checks: Sequence[TuneCheck]) -> list[Measure]:
    """Return the differences as measures, for a chart."""
    return [Measure("difference", c.name, c.difference, c.low, c.high, c.items) for c in checks]


def checks_table(checks: Sequence[TuneCheck]) -> Table:
    """Return every measure before and after training."""
    rows = [
        (c.name, ROLES[c.role], c.metric, f"{c.before:.4f}", f"{c.after:.4f}",
         f"{c.difference:+.4f}" + (f" ({c.low:+.4f} to {c.high:+.4f})" if c.items else ""),
         f"{c.items:,}" if c.items else "", c.why, "" if c.role == "shown" else "yes" if c.passed else "no")
        for c in checks
    ]  # fmt: skip
    columns = ("set", "what for", "measure", "before", "after", "difference", "items", "condition", "passed")
    return Table("Measures before and after", columns, rows, "Differences of the same items, with 95 % intervals.")


def looked_table(look: PairsLook, split: SplitPairs) -> Table:
    """Return what the examples look like before training."""
    rows = [
        ("rows to learn from", f"{split.train.rows:,}"),
        ("examples made of them, and trained on", f"{look.pairs:,}"),
        ("validation rows", f"{split.validation.rows:,}"),
        ("rows judged by", f"{split.test.rows:,}"),
        ("tokens of a text, median and longest", f"{look.median_tokens:,} and {look.longest_tokens:,}"),
        ("texts that are cut", f"{look.truncated:.1%}"),
        ("rows that repeat another, removed", f"{look.repeated:,}"),
        ("rows with a text that is judged by, removed", f"{split.exact:,} equal, {split.near:,} nearly equal"),
        ("rows that say otherwise than another", f"{look.contradictions:,}"),
        ("guess of what training takes here", f"{look.seconds:.0f} s, {look.memory / 1e9:.1f} GB"),
    ]
    return Table("Before training", ("what", "examples"), rows)


def labels_table(look: PairsLook) -> list[Table]:
    """Return how many rows each label has; nothing where there are none."""
    rows = [(name, f"{count:,}") for name, count in look.labels]
    return [Table("Training rows of each label", ("label", "rows"), rows, most=SHOWN_LABELS)] if rows else []


def removed_table(refs: Sequence[RejectedRef], title: str = "Removed and rejected") -> list[Table]:
    """Return the rows that were removed or rejected, and why; nothing where none were."""
    found = {(row.item, row.reason): row for ref in refs for row in objects.load_rows(ref, Rejected)}.values()
    rows = [(row.item, row.reason, row.detail) for row in found]
    note = "removed.csv has all" if len(rows) > SHOWN_REMOVED else ""
    return [Table(title, ("row", "reason", "detail"), rows, note, SHOWN_REMOVED)] if rows else []
