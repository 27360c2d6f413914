"""What a page and a result say of the lineage of answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.data.lineage import GivenAnswers, Trail
from tasks.report import page as pages
from tasks.report.page import Page, Table
from tasks.runtime import tracking

SHORT = 12  # characters of a digest that are shown
Live = Mapping[str, Mapping[str, str]]  # document to collection to version


@dataclass(frozen=True, slots=True)
class Followed:
    """Answers that were given together, and the trails of their citations."""

    given: GivenAnswers
    trails: Sequence[Trail]


def lineage_summary(followed: Sequence[Followed], live: Live, document: str | None, known: int) -> dict[str, Any]:
    """Return what `answer-lineage` answers its caller.

    Args:
        followed: Answers and their trails, newest first.
        live: Versions that are live, by document and collection.
        document: The document that was asked for, if one was.
        known: Answers there are, followed or not.
    """
    trails = [
        {
            "answers": one.given.answers.digest,
            **trail.model_dump(exclude={"answer"}),
            "live": is_live(one.given, trail, live),
            "generations": [f"{made.collection}/{made.number}" for made in one.given.generations],
            "encoder": encoder_of(one.given),
        }
        for one in followed
        for trail in one.trails
    ]
    asked = {} if document is None else {"document": document, "live_versions": dict(live.get(document, {}))}
    return {**asked, "answers": known, "followed": len(followed), "trails": trails}


def is_live(given: GivenAnswers, trail: Trail, live: Live) -> bool:
    """Whether a document is still as it was when it was cited: in its own collection, or in any if none is known."""
    own = {made.collection for made in given.generations}
    return any(
        version == trail.version for name, version in live.get(trail.document, {}).items() if name in own or not own
    )


def encoder_of(given: GivenAnswers) -> dict[str, str]:
    """Return what encoded the passages, and how."""
    encoder, numerics = given.fingerprint.encoder, given.fingerprint.numerics
    return {
        "model": encoder.model,
        "identity": encoder.identity,
        "precision": numerics.precision,
        "engine": numerics.engine,
    }


def lineage_page(run: tracking.Run, followed: Sequence[Followed], live: Live, document: str | None) -> Path:
    """Write the page of `answer-lineage`: a line from each citation back to its file, and what it was found with."""
    trails = [(one.given, trail) for one in followed for trail in one.trails]
    fresh = sum(is_live(given, trail, live) for given, trail in trails)
    page = Page(
        title=f"Answers that cite {document}" if document else "Sources of answers",
        subtitle="citation, passage, version of the document, file, generation, encoder",
        facts=[
            ("answers traced", f"{len(followed):,}"),
            ("citations", f"{len(trails):,}"),
            ("of a live version", f"{fresh:,}"),
        ],
        tables=[_table(trails, live), _made_with(followed)],
        missing=[] if trails else ["no citation: no answer was given, or none cites the document"],
        run={"facts": {}, "links": run.links(), "versions": run.versions()},
    )
    return pages.write_page(run, page)


def _table(trails: Sequence[tuple[GivenAnswers, Trail]], live: Live) -> Table:
    columns = ("question", "quoted", "passage", "document", "version", "live", "file", "sha256 of the file", "answers")
    rows = [
        (t.question, t.sentence, t.passage, t.document, t.version[:SHORT], "yes" if is_live(given, t, live) else "no",
         t.item, t.item_sha256[:SHORT], given.answers.digest[:SHORT])
        for given, t in trails
    ]  # fmt: skip
    return Table("Lineage", columns, rows, "a version is the sha256 of the document's text")


def _made_with(followed: Sequence[Followed]) -> Table:
    rows = []
    for one in followed:
        encoder = encoder_of(one.given)
        kept = ", ".join(f"{made.collection} {made.number}" for made in one.given.generations) or "none is kept"
        how = f"{encoder['engine']}, {encoder['precision']}"
        rows.append((one.given.answers.digest[:SHORT], kept, encoder["model"], encoder["identity"][:SHORT], how))
    return Table("Found with", ("answers", "generations", "encoder", "identity", "numerics"), rows)
