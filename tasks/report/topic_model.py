"""The page of `topic-model`: from references to what `report` shows."""

import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from configs.flows import TopicModel
from configs.topics import Slices
from tasks.data.documents import Document
from tasks.data.evaluation import Measure
from tasks.data.topic_names import WrittenNames
from tasks.data.topics import Fate, Merge, PlacesRef, Remark, Share, Topic, TopicMap, TopicMatch, TopicReport, Wording
from tasks.report import charts
from tasks.report import page as pages
from tasks.report.knowledge_base import given_to_topics, map_of, place_of
from tasks.report.languages import languages_table, reading_summary, warnings_about
from tasks.report.page import Figure, Page, Table
from tasks.runtime import tracking
from tasks.store import objects
from tasks.text.prompts import read_template, shown

SHOWN_TOPICS = 200
SHOWN_REMARKS = 20
SHOWN_TITLE = 90


def topic_page(run: tracking.Run, name: str, topics: TopicMap, found: TopicReport, config: TopicModel) -> Path:
    """Write the page of `topic-model`, and the topics as files beside it.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    rows = objects.load_rows(topics.topics, Topic)
    documents = objects.load_rows(topics.documents, Document)
    named = [t for t in rows if t.topic >= 0]
    names = {t.topic: t.label for t in rows}
    points, clusters = map_of(topics)
    noise = sum(t.size for t in rows if t.topic < 0)
    read = zip(config.slices, found.slices, strict=True)
    followed = [(over, objects.load_rows(cut.shares, Share)) for over, cut in read if cut.shares.rows]
    page = Page(
        title=f"Topics of {name}",
        subtitle="clusters, names, measures, and the comparison with the last run",
        facts=[
            (topics.unit, f"{len(documents):,}"),
            ("topics", f"{len(named):,}"),
            ("outside all topics", f"{noise / len(documents):.0%}"),
            ("given to a topic afterwards", f"{given_to_topics(run.finished):,}"),
            ("tokens per word", f"{found.coverage.pieces_per_word:.2f}"),
        ],
        tables=[
            _fates(found, names, stays=config.last_run.stay),
            *_beside(_published(topics, found, config.published)),
            _quality(found),
            *_remarks(found, documents),
            *_jargon(found),
            *languages_table(found.reading),
            *_told(config),
        ],
        points=points,
        clusters=clusters,
        warnings=warnings_about(found.reading),
        missing=all_noise(len(named), topics.unit),
        run={
            "facts": _how_named(topics.naming.written, config),
            "links": run.links(),
            "versions": run.versions(),
        },
        template="topics.html.j2",
        figures=[
            *charts.tree(objects.load_rows(found.tree, Merge), names),
            *(_over(over, shares, names) for over, shares in followed),
        ],
        more={
            "warnings": [*_warnings(found, config), *outside_slices(found)],
            "topics": [_bars(t, documents) for t in sorted(named, key=lambda t: -t.size)[:SHOWN_TOPICS]],
            "more_topics": max(0, len(named) - SHOWN_TOPICS),
            "ways": _ways(objects.load_rows(found.wordings, Wording), names),
            "slices": [_slices(over, shares, names) for over, shares in followed],
        },
    )
    path = pages.write_page(run, page)
    if path.name:
        for file in objects.path(found.files).iterdir():
            if file.name != "manifest.json":
                shutil.copyfile(file, path.parent / file.name)
    return path


def topic_summary(
    run: tracking.Run,
    name: str,
    topics: TopicMap,
    found: TopicReport,
    places: PlacesRef | None,
    find: Sequence[str],
) -> dict[str, Any]:
    """Return what `topic-model` answers its caller."""
    rows = objects.load_rows(topics.topics, Topic)
    names = {t.topic: t for t in rows}
    fates = objects.load_rows(found.matched.fates, Fate)
    measures = [m for ref in found.measures for m in objects.load_rows(ref, Measure)]
    placed = objects.load_rows(places, TopicMatch) if places is not None else []
    return {
        "name": name,
        **reading_summary(found.reading),
        topics.unit: topics.documents.rows,
        "topics": [{"topic": t.topic, "size": t.size, "label": t.label, "words": list(t.words)} for t in rows],
        "given_afterwards": given_to_topics(run.finished),
        "labels": {name: round(value, 4) for name, value in topics.naming.stated().items()},
        "fates": {fate: sum(f.fate == fate for f in fates) for fate in ("kept", "born", "died", "merged", "split")},
        "previous": found.matched.previous,
        "stayed": found.matched.stayed,
        "measures": {m.name: m.stated() for m in measures},
        "found": [
            {"text": find[p.query], "topic": p.topic, "label": names[p.topic].label, "score": round(p.score, 4)}
            for p in placed
        ],
        "files": str(objects.path(found.files)),
        "warnings": [*all_noise(sum(row.topic >= 0 for row in rows), topics.unit), *outside_slices(found)],
    }


def _how_named(told: WrittenNames | None, config: TopicModel) -> dict[str, str]:
    """Say how many names of a language model stand, and why the others do not."""
    if (written := config.topics.label.written) is None or told is None:
        return {}
    counted = told.model_dump(exclude={"written", "spent_tokens", "saved_tokens"})
    why = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counted.items() if count)
    return {
        f"topics named by {written.generator.model}": f"{told.written}"
        + (f"; own words name the others, for the reply was: {why}" if why else ""),
        "sampling of names": "greedy, whatever the model's own generation config states",
        "tokens of names": f"{told.spent_tokens:,} spent, {told.saved_tokens:,} saved by kept replies",
    }


def _told(config: TopicModel) -> list[Table]:
    """Return what a language model was told when it named topics."""
    if (written := config.topics.label.written) is None:
        return []
    prompt = read_template(written.prompt)
    return [Table("How a model was asked for names", ("prompt", "text"), [(prompt.name, shown(prompt.turns))])]


def _bars(topic: Topic, documents: Sequence[Document]) -> dict[str, Any]:
    most = max(topic.weights, default=1.0)
    return {
        "topic": topic.topic,
        "label": topic.label,
        "size": topic.size,
        "support": topic.support,
        "words": [(w, round(100 * v / most)) for w, v in zip(topic.words, topic.weights, strict=True)],
        "documents": [_title(documents[row]) for row in topic.documents],
    }


def _ways(rows: Sequence[Wording], names: dict[int, str]) -> dict[str, Any]:
    """Return the words of each topic, a column for each way they were chosen."""
    ways = list(dict.fromkeys(row.way for row in rows))
    cells: dict[int, dict[str, str]] = defaultdict(dict)
    for row in rows:
        cells[row.topic][row.way] = ", ".join(row.words)
    shown = list(cells.items())[:SHOWN_TOPICS]
    return {"names": ways, "rows": [(names[t], [by.get(way, "") for way in ways]) for t, by in shown]} if rows else {}


def _by_topic(shares: Sequence[Share]) -> list[tuple[int, list[Share]]]:
    """Return the shares of each topic, those of most documents first."""
    by_topic: dict[int, list[Share]] = defaultdict(list)
    for share in shares:
        if share.topic >= 0:
            by_topic[share.topic].append(share)
    return sorted(by_topic.items(), key=lambda item: -sum(s.documents for s in item[1]))[:SHOWN_TOPICS]


def _over(over: Slices, shares: Sequence[Share], names: dict[int, str]) -> Figure:
    """Return the share of each topic in the slices of a column as a chart."""
    slices = list(dict.fromkeys(s.slice for s in shares))
    rows = []
    for topic, mine in _by_topic(shares):
        known = {s.slice: s.share for s in mine}
        rows.append((names[topic], [known.get(name, 0.0) for name in slices]))
    return charts.shares(over.column, slices, rows)


def _slices(over: Slices, shares: Sequence[Share], names: dict[int, str]) -> dict[str, Any]:
    """Return the slice in which each topic has its largest share, and its words there."""
    rows = []
    for topic, mine in _by_topic(shares):
        peak = max(mine, key=lambda s: s.share)
        rows.append({"label": names[topic], "peak": peak.slice, "share": f"{peak.share:.1%}",
                     "words": ", ".join(peak.words)})  # fmt: skip
    return {"column": over.column, "rows": rows}


def _fates(found: TopicReport, names: dict[int, str], *, stays: bool) -> Table:
    fates = objects.load_rows(found.matched.fates, Fate)
    told = {"kept": "", "born": "", "died": "", "merged": "into ", "split": "from "}
    rows = [
        (f.topic, names.get(f.topic, ""), f.fate + (f" {told[f.fate]}{f.other}" if f.other >= 0 else ""), f.before,
         f.now, f.shared, f"{f.drift:.3f}") for f in fates
    ]  # fmt: skip
    counted = ", ".join(f"{sum(f.fate == fate for f in fates)} {fate}" for fate in told)
    columns = ("topic", "label", "fate", "documents before", "now", "in both", "drift")
    if not found.matched.previous:
        return Table("Since the last run", columns, rows, f"{counted}; the first run of this name")
    left = f"{found.matched.stayed:,} documents were left in the topic they had then (last_run.stay=true)"
    past = left if stays else "which gives numbers alone: what is together follows from documents and settings"
    return Table(
        f"Since run {found.matched.previous}",
        columns,
        rows,
        f"{counted}; compared with run {found.matched.previous}, {past}",
    )


def _quality(found: TopicReport) -> Table:
    measures = [m for ref in found.measures for m in objects.load_rows(ref, Measure)]
    rows = [(m.name, f"{m.value:.3f}", m.interval, m.n) for m in measures]
    return Table("Quality", ("measure", "value", "interval", "of"), rows, "95 % intervals")


def published_summary(topics: TopicMap, found: TopicReport, published: Mapping[str, float]) -> dict[str, Any]:
    """Return what others have printed beside what is here; nothing where nothing is to be shown beside it."""
    told = _published(topics, found, published)
    return {"published": told} if told else {}


def _published(topics: TopicMap, found: TopicReport, published: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """Return what others have printed beside what is here; None where nothing here has that name."""
    rows = objects.load_rows(topics.topics, Topic) if published else []
    here: dict[str, Any] = {"documents": topics.documents.rows, "topics": sum(row.topic >= 0 for row in rows)}
    here |= {m.name: m.value for ref in found.measures for m in objects.load_rows(ref, Measure)} if published else {}
    return {name: {"here": here.get(name), "published": value} for name, value in published.items()}


def _beside(published: Mapping[str, Mapping[str, Any]]) -> list[Table]:
    rows = [(name, *("none" if value is None else f"{value:,.4g}" for value in (both["here"], both["published"])))
            for name, both in published.items()]  # fmt: skip
    return [Table("Beside what others have printed", ("what", "here", "published"), rows)] if rows else []


def _remarks(found: TopicReport, documents: Sequence[Document]) -> list[Table]:
    titles = {
        "outlier": "Outliers",
        "near-duplicate": "Near-duplicates",
        "mislabelled": "Probably mislabelled",
    }
    remarks = objects.load_rows(found.remarks, Remark)
    tables = []
    for what, title in titles.items():
        mine = [r for r in remarks if r.what == what]
        rows = [
            (_title(documents[r.row]), place_of(documents[r.row]),
             _title(documents[r.other]) if r.other >= 0 else "", r.detail) for r in mine
        ]  # fmt: skip
        if rows:
            tables.append(Table(title, ("document", "where", "nearest", "why"), rows, most=SHOWN_REMARKS))
    return tables


def _jargon(found: TopicReport) -> list[Table]:
    cut = found.coverage.cut_up
    return [Table("Words the encoder splits into most tokens", ("words",), [(", ".join(cut),)])] if cut else []


def _warnings(found: TopicReport, config: TopicModel) -> list[str]:
    """Say where the encoder does not know the language of the documents."""
    told, seen = config.coverage, found.coverage
    warnings = []
    if seen.pieces_per_word > told.pieces_per_word:
        warnings.append(
            f"The encoder cuts a word into {seen.pieces_per_word:.2f} pieces on average, more than "
            f"{told.pieces_per_word:g}: it does not know these words, and topics may be vague; try another encoder."
        )
    if seen.unknown_share > told.unknown_share:
        warnings.append(
            f"{seen.unknown_share:.1%} of the words are not in the encoder's vocabulary, more than "
            f"{told.unknown_share:.1%}: it cannot distinguish them; try another encoder."
        )
    return warnings


def all_noise(count: int, unit: str) -> list[str]:
    """Say that no topic was found, where so many are none."""
    return [] if count else [f"topics: every one of the {unit} is noise; lower topics.scale or give it more"]


def outside_slices(found: TopicReport) -> list[str]:
    """Say how many documents are in no slice of a column, and why."""
    told = []
    for cut in found.slices:
        if cut.missing:
            told.append(f"{cut.missing:,} documents have nothing in column {cut.column} and are in no slice.")
        if cut.unread:
            told.append(
                f"{cut.unread:,} documents are in no slice: their {cut.column} is neither a date nor a number "
                f"({cut.odd[:40]!r})."
            )
    return told


def _title(document: Document) -> str:
    return pages.shortened(document.title or document.text.strip().partition("\n")[0] or document.id, SHOWN_TITLE)
