"""The pages of the flows: from references to what `report` shows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from configs.retrieve import Weighted
from tasks.data.answers import Answer, Calibration
from tasks.data.documents import REPEATED, Document, Ingested, Rejected
from tasks.data.evaluation import Evaluation, Measure, Question
from tasks.data.releases import Release
from tasks.data.search import Generation
from tasks.data.topics import Topic, TopicMap
from tasks.data.vectors import Embedded, Encoded
from tasks.report import charts
from tasks.report import page as pages
from tasks.report.languages import languages_table, reading_summary, warnings_about
from tasks.report.measures import DIFFERENCE, measures_of
from tasks.report.page import Figure, Page, Table
from tasks.runtime import tracking
from tasks.runtime.steps import Finished
from tasks.store import objects

T = TypeVar("T")

SHOWN_REJECTED = 50
SHOWN_ANSWERS = 12
SHOWN_CHARACTERS = 4_000
COUNTED = {
    "left_out": "documents beyond max_tokens",
    "pages": "pages of PDF files",
    "headings": "headings of sections",
    "joined_words": "words joined from spaced letters",
    "hyphens": "hyphenated words joined",
    "ligatures": "ligatures written out",
    "split_files": "long files read by section",
    "sections": "sections of these",
    "repeated_sections": "of which repeat another",
    "navigation": "characters of navigation left out",
    "banners": "characters of consent banners left out",
    "unseen": "characters of html that are not shown",
    "scripts": "scripts and styles left out",
    "footnote_marks": "footnote marks removed",
    "repeated": "headers and footers removed",
    "hidden": "hidden characters removed",
    "slanted": "rotated characters removed",
    "pages_without_text": "pages without text",
    "pictured": "pages that are pictures with little text; source.ocr={} reads them",
    "recognised": "pages whose text was recognised (OCR)",
    "turned": "of these, turned upright",
    "hidden_slides": "hidden slides left out",
    "hidden_sheets": "hidden sheets left out",
    "deletions": "tracked deletions left out",
    "formulas": "formulas without a value; open the file in Excel and save it",
    "errors": "cells that hold an error",
    "attachments": "attachments of mails, not read",
    "mails_of_html": "mails read from html",
    "undecodable": "characters of mails that cannot be decoded",
    "pictures": "pictures in Office files, not read",
    "charts": "charts in Office files, not read",
    "diagrams": "diagrams in Office files, not read",
    "objects": "embedded objects in Office files, not read",
    "margins": "headers and footers of Word files, not read",
    "list_numbers": "lists of Word files without the numbers of their items",
    "odd_parts": "parts of Word files that their reader does not know",
    "unsure": "recognised lines left out, below ocr.min_score",
}
DEFAULT = Weighted().kind  # every two ways are compared
INSTEAD = {"bm25": "retrieve.kind=sparse", "dense": "retrieve.kind=dense", "fused": "retrieve.kind=fused"}
SATURATED = 0.98  # of a measure whose most is 1
GIVES = ("cluster-outliers", "represent-outliers")  # steps
MOST_CHARACTERS = 60_000_000  # of all documents of a map: a browser opens no larger page in a few seconds


def collection_page(
    run: tracking.Run,
    released: Release,
    ingested: Ingested,
    embedded: Embedded,
    topics: TopicMap | None,
    evaluation: Evaluation | None,
) -> Path:
    """Write the page of `knowledge-base`: numbers, map, quality, answers, what was rejected, what took how long."""
    live = released.generation
    passages = objects.load_table(live.passages, ["tokens"])["tokens"].to_numpy()
    rejected = objects.load_rows(ingested.rejected, Rejected) + objects.load_rows(embedded.rejected, Rejected)
    bad = [r for r in rejected if r.reason not in REPEATED]
    facts = [
        ("documents", f"{live.documents.rows:,}"),
        ("passages", f"{live.passages.rows:,}"),
        ("tokens in passages", f"{int(passages.sum()):,}"),
        ("duplicates", f"{len(rejected) - len(bad) + ingested.counts.get('duplicates', 0):,}"),
        ("rejected", f"{len(bad):,}"),
    ]
    tables: list[Table] = []
    points: list[dict[str, Any]] = []
    clusters: list[dict[str, Any]] = []
    figures: list[Figure] = []
    answers: list[dict[str, Any]] = []
    missing: list[str] = []
    judged = ""
    if topics is None:
        missing.append("topics: turned off, or too few documents; topics.unit=passages takes passages")
    else:
        points, clusters = map_of(topics)
        named = [t for t in clusters if t["topic"] >= 0]
        noise = sum(t["size"] for t in clusters if t["topic"] < 0)
        facts += [("topics", str(len(named))), ("outside all topics", f"{noise / topics.documents.rows:.0%}")]
        facts += [("given to a topic afterwards", f"{given:,}")] if (given := given_to_topics(run.finished)) else []
        tables.append(
            Table("Topics", ("topic", topics.unit, "words"), [(t["label"], t["size"], t["words"]) for t in named])
        )
    if evaluation is None:
        tables.append(Table("When nothing is answered", ("calibration",), [(_calibration(live),)]))
        missing.append("evaluation: no question has an answer in this collection; set evaluate.questions=FILE")
    else:
        tables[:0] = [quality_table(evaluation, live)]
        figures = charts.bars("compared", charts.grouped(objects.load_rows(evaluation.rankings, Measure)))
        answers, judged = answered_examples(evaluation)
    tables.insert(0 if released.comparison.refused else len(tables), table(released))
    facts += [(words, f"{ingested.counts[name]:,}") for name, words in COUNTED.items() if ingested.counts.get(name)]
    tables += languages_table(ingested.reading)
    if bad:
        rows = [(r.item, r.reason, r.detail) for r in bad]
        tables.append(Table("Rejected", ("item", "reason", "detail"), rows, most=SHOWN_REJECTED))
    page = Page(
        title=f"{live.collection}, {f'generation {live.number}' if live.number else 'not published'}",
        subtitle=f"{live.source} source: documents, index, topics and evaluation",
        facts=facts, tables=tables, figures=figures, points=points, clusters=clusters, answers=answers,
        missing=missing, warnings=[*warnings_about(ingested.reading), *saturated(evaluation), *outranked(evaluation)],
        run=_how(run, live), more={"judged": judged},
    )  # fmt: skip
    return pages.write_page(run, page)


def collection_summary(
    released: Release, ingested: Ingested, topics: TopicMap | None, evaluation: Evaluation | None
) -> dict[str, Any]:
    """Return what `knowledge-base` answers its caller."""
    live = released.generation
    found: dict[str, Any] = {
        "collection": live.collection,
        "generation": live.number,
        "documents": live.documents.rows,
        "passages": live.passages.rows,
        **_recognised(ingested.counts),
        **reading_summary(ingested.reading),
        **summary(released),
        "topics": "not done: turned off, or too few documents",
        "evaluation": "not done: no questions",
        "calibration": _calibration(live),
    }
    if topics is not None:
        found["topics"] = sum(t.topic >= 0 for t in objects.load_rows(topics.topics, Topic))
    if evaluation is not None:
        measures = measures_of(evaluation)
        found["evaluation"] = {f"{m.name} {m.what}": m.stated() for m in measures}
        found |= {"saturated": saturated(evaluation), "outranked": outranked(evaluation)}
    return found


def saturated(evaluation: Evaluation | None) -> list[str]:
    """Return of each measure by which every way to search is nearly perfect that it can show no gain."""
    least: dict[str, float] = {}
    for m in [] if evaluation is None else objects.load_rows(evaluation.rankings, Measure):
        least[m.name] = min(m.value, least.get(m.name, 1.0))
    return [
        f"{name} is saturated: every way to search reaches {value:.3f} or more, so these questions tell no way and no "
        "build from a better one; add harder questions"
        for name, value in least.items()
        if value >= SATURATED
    ]


def outranked(evaluation: Evaluation | None) -> list[str]:
    """Return which ways rank better here than the one that is searched by unless another is named; not by chance."""
    rows = [] if evaluation is None else objects.load_rows(evaluation.rankings, Measure)
    found = []
    for m in rows:
        ours, _, theirs = m.what.partition(" - ")
        if m.name.endswith(DIFFERENCE) and ours == DEFAULT and theirs in INSTEAD and m.high < 0:
            found.append(
                f"{theirs} ranks better here than {ours}: {m.name} {-m.value:.3f} ({-m.high:.3f} to {-m.low:.3f}, "
                f"n={m.n}); search with {INSTEAD[theirs]}"
            )
    return found


def _recognised(counts: Mapping[str, int]) -> dict[str, str]:
    """Say what of the text was recognised, and may have errors; nothing where none was."""
    if not (pages := counts.get("recognised", 0)):
        return {}
    turned, unsure = counts.get("turned", 0), counts.get("unsure", 0)
    said = f"the text of {pages:,} pages (OCR), {turned:,} of them turned; {unsure:,} unsure lines left out"
    return {"recognised": said}


def _calibration(live: Generation) -> str:
    """Say what the threshold below which nothing is answered was fitted on, or why it was not."""
    if live.calibration is None:
        return "not done: turned off"
    fitted = Calibration.model_validate(objects.load_json(live.calibration))
    if fitted.reason:
        return f"not used: {fitted.reason}"
    return (
        f"{fitted.by}, "
        f"AUROC {fitted.auroc:.3f} ({fitted.low:.3f} to {fitted.high:.3f}), "
        f"of which {fitted.false_abstentions:.0%} and {fitted.abstained:.0%} get no answer"
    )


def map_of(topics: TopicMap) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what the map shows: a point a document, and the topics."""
    layout, labels = objects.load_array(topics.layout), objects.load_array(topics.labels)
    documents = objects.load_rows(topics.documents, Document)
    shown = min(SHOWN_CHARACTERS, MOST_CHARACTERS // max(1, len(documents)))
    points = [
        {"x": round(float(x), 4), "y": round(float(y), 4), "topic": int(label), "id": d.id, "title": d.title,
         "text": d.text[:shown], "place": place_of(d)}
        for (x, y), label, d in zip(layout, labels, documents, strict=True)
    ]  # fmt: skip
    clusters = [
        {"topic": t.topic, "label": t.label, "size": t.size, "words": ", ".join(t.words)}
        for t in objects.load_rows(topics.topics, Topic)
    ]
    return points, clusters


def given_to_topics(finished: Sequence[Finished]) -> int:
    """Return how many documents no cluster held, which their neighbours, vectors or words gave to a topic."""
    made = [step.record for step in finished if step.name in GIVES and step.record is not None]
    return sum(int(record.metrics.get("given", 0)) for record in made)


def place_of(document: Document) -> str:
    """Return file and line of a document, or its page."""
    return f"{document.path}:{document.line}" if document.line else document.path_of(0)


def quality_table(evaluation: Evaluation, live: Generation) -> Table:
    """Return a row for each measure of an evaluation."""
    measures = measures_of(evaluation)
    rows = [(m.name, m.what, f"{m.value:.3f}", m.interval, m.n) for m in measures]
    asked = evaluation.asked
    note = f"{asked.answerable} of {asked.questions.rows} questions have an answer in this collection; 95 % intervals"
    note += f"; calibration of the threshold: {_calibration(live)}"
    return Table("Quality", ("measure", "of", "value", "interval", "questions"), rows, note)


def answered_examples(evaluation: Evaluation) -> tuple[list[dict[str, Any]], str]:
    """Show a few questions and say how many of all are right.

    Shown are the right and the wrong answers with the highest scores, and questions without an answer, evenly spread.
    """
    answers = [Answer.model_validate(a) for a in objects.load_json(evaluation.answers)]
    pairs = list(zip(objects.load_rows(evaluation.asked.questions, Question), answers, strict=True))
    inside = sorted((pair for pair in pairs if pair[0].answers), key=lambda pair: -_sure(pair[1]))
    outside = [pair for pair in pairs if not pair[0].answers]
    right, wrong = ([pair for pair in inside if _cites(*pair) is wanted] for wanted in (True, False))
    withheld = sum(bool(answer.abstained) for _, answer in outside)
    count = SHOWN_ANSWERS // 3
    shown = right[:count] + wrong[:count] + _spread(outside, count)
    examples = [
        {
            "question": question.question,
            "expected": ", ".join(question.answers) or "no answer",
            "right": _cites(question, answer) if question.answers else bool(answer.abstained),
            "answer": answer.model_dump(mode="json"),
        }
        for question, answer in shown
    ]
    return examples, (
        f"Right: {len(right)} of {len(right) + len(wrong)} questions with an answer in this collection, which cite an "
        f"expected document, and {withheld} of {len(outside)} without one, which get no answer. Shown: the right and "
        "the wrong answers with the highest scores, then questions without an answer."
    )


def _cites(question: Question, answer: Answer) -> bool:
    """Say whether an answer cites a document that is expected."""
    return any(c.document in question.answers for c in answer.citations)


def _sure(answer: Answer) -> float:
    """Return what an answer was given by: its probability where calibrated, else its score."""
    found = answer.score if answer.probability is None else answer.probability
    return -1.0 if found is None else found


def _spread(rows: list[T], count: int) -> list[T]:
    """Return at most `count` rows, evenly spread."""
    return rows[:: max(1, -(-len(rows) // count))] if count else []


def _encoding(taken: Encoded | None) -> dict[str, str]:
    """Say what encoding the passages took: tokens, padding, what was cached, speed; None where all was stored."""
    if taken is None or not taken.padded:
        return {"encoded in this run": "0 tokens"}
    reached = taken.roofline_share
    return {
        "encoded in this run": f"{taken.tokens:,} tokens of {taken.encoded:,} texts",
        "found in the cache": f"{taken.texts - taken.encoded:,} texts, or equal to another",
        "padding": f"{1 - taken.tokens / taken.padded:.0%} of the tokens encoded",
        "speed": f"{taken.tokens / taken.seconds:,.0f} tokens a second"
        + ("" if reached is None else f", {reached:.0%} of the measured peak of this machine"),
    }


def _how(run: tracking.Run, live: Generation) -> dict[str, Any]:
    numerics = live.fingerprint.numerics
    facts = {
        "encoder": f"{live.fingerprint.encoder.model}, {live.fingerprint.encoder.width} wide",
        "device and precision": f"{numerics.engine}, {numerics.precision}: {numerics.reason}",
        **_encoding(run.encoded.get("passages")),
    }
    return {"facts": facts, "links": run.links(), "versions": run.versions()}


def table(released: Release) -> Table:
    """Return a row for each thing that was found out before a generation became live."""
    verified, found = released.verified, released.comparison
    rows = [
        ("documents", changes(released)),
        ("complete", f"{verified.passages:,} passages, as many vectors and as many rows in both indexes"),
        ("found again", f"{verified.by_vector} of {verified.probes} passages by their vector, "
                        f"{verified.by_words} of {verified.with_words} by their words"),
        ("retrieval", found.words),
    ]  # fmt: skip
    note = f"refused: generation {found.against} stays live" if found.refused else ""
    return Table("Release", ("what", "found"), rows, note)


def summary(released: Release) -> dict[str, str]:
    """Return the same in the words of a result."""
    return {"changes": changes(released), "gate": released.comparison.words}


def changes(released: Release) -> str:
    """Say how many documents were added, changed, removed and left as they were, and since when."""
    delta = released.delta
    since = f"since generation {delta.against}" if delta.against else "in the first generation"
    return (
        f"{delta.added:,} added, {delta.changed:,} changed, {delta.removed:,} removed, {delta.unchanged:,} unchanged "
        f"{since}"
    )
