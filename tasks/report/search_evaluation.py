"""The page of `search-evaluation`, and what it answers its caller."""

from pathlib import Path
from typing import Any

from tasks.data.evaluation import Evaluation, Measure
from tasks.data.search import Generation
from tasks.report import charts
from tasks.report import page as pages
from tasks.report.knowledge_base import answered_examples, outranked, quality_table, saturated
from tasks.report.measures import DIFFERENCE, measures_of
from tasks.report.page import Page, Table
from tasks.runtime import tracking
from tasks.store import objects

OWN = "each generation is asked the questions that it answers; a change within the intervals may be chance"


def changes_of(found: Evaluation, before: Evaluation | None) -> list[tuple[Measure, Measure]]:
    """Return each measure of a value, none of a difference, with the same of the generation before."""
    if before is None:
        return []
    known = {(m.name, m.what): m for m in measures_of(before)}
    pairs = ((m, known.get((m.name, m.what))) for m in measures_of(found) if not m.name.endswith(DIFFERENCE))
    return [(m, old) for m, old in pairs if old is not None]


def evaluation_page(
    run: tracking.Run, live: Generation, found: Evaluation, before: Evaluation | None, against: str
) -> Path:
    """Write the page: quality of every way to search, what changed since the generation before, some answers."""
    answers, judged = answered_examples(found)
    tables = [quality_table(found, live)]
    rows = [
        (m.name, m.what, f"{m.value:.3f}", f"{old.value:.3f}", f"{m.value - old.value:+.3f}", f"{m.n}, {old.n}")
        for m, old in changes_of(found, before)
    ]
    if rows:
        head = ("measure", "of", "now", against, "change", "questions")
        tables.append(Table("Change", head, rows, OWN))
    page = Page(
        title=f"{live.collection}, generation {live.number}, evaluated",
        subtitle="questions whose answers are known, in every way to search",
        facts=[
            ("documents", f"{live.documents.rows:,}"),
            ("questions", f"{found.asked.questions.rows:,}"),
            ("left out, for their answers are not here", f"{found.asked.left_out:,}"),
        ],
        tables=tables,
        figures=charts.bars("compared", charts.grouped(objects.load_rows(found.rankings, Measure))),
        answers=answers,
        missing=[] if rows else [f"change: {against}"],
        warnings=[*saturated(found), *outranked(found)],
        run={"facts": {"encoder": live.fingerprint.encoder.model}, "links": run.links(), "versions": run.versions()},
        more={"judged": judged},
    )
    return pages.write_page(run, page)


def evaluation_summary(live: Generation, found: Evaluation, before: Evaluation | None, against: str) -> dict[str, Any]:
    """Return what `search-evaluation` answers its caller."""
    changes = {
        f"{m.name} {m.what}": {"value": round(m.value - old.value, 6), "n": m.n}
        for m, old in changes_of(found, before)
    }
    return {
        "collection": live.collection,
        "generation": live.number,
        "questions": found.asked.questions.rows,
        "left_out": found.asked.left_out,
        "evaluation": {f"{m.name} {m.what}": m.stated() for m in measures_of(found)},
        "against": against,
        "change": changes,
        "saturated": saturated(found),
        "outranked": outranked(found),
    }
