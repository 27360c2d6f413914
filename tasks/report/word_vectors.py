"""The page of `word-vectors`: from references to what `report` shows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from configs.flows import WordVectors
from tasks.data.evaluation import Measure, MeasuresRef
from tasks.data.words import Learned, Line, Neighbour, NeighboursRef, Pair, PairsRef, SensePoint, SensesFound
from tasks.report import charts
from tasks.report import page as pages
from tasks.report.page import Figure, Page, Table
from tasks.runtime import tracking
from tasks.store import objects

SHOWN_PAIRS = 30
Found = tuple[NeighboursRef, PairsRef, NeighboursRef | None]
ModelCall = tuple[SensesFound | None, MeasuresRef | None]


def word_page(run: tracking.Run, learned: Learned, found: Found, told: ModelCall, config: WordVectors) -> Path:
    """Write the page of `word-vectors`.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    near, pairs, following = found
    names, rows = names_of(learned), objects.load_rows(near, Neighbour)
    judged = objects.load_rows(learned.judged, Measure) if learned.judged else []
    apart = objects.load_rows(told[1], Measure) if told[1] else []
    facts = [("words", f"{learned.vectors.rows:,}"), ("dimensions", f"{learned.vectors.shape[1]:,}")]
    if learned.lines is not None:
        facts.insert(0, ("lines", f"{learned.lines.rows:,}"))
    if learned.predicted is not None:
        facts.append(("lists judged", f"{learned.predicted.lists:,}"))
    page = Page(
        title="Vectors of words" if learned.names is None else "Vectors of items",
        subtitle="learned from neighbouring words" if learned.lines else "read from a file",
        facts=facts,
        tables=[
            *_following(following, names),
            *_judged("Predicted next items", judged, "Means over the lists, 95 % intervals. All methods "
                     "choose among the same items; items in no other list are missed by all."),
            _near(rows, names, config),
            _pairs(pairs, names),
            *_judged("Senses separated", apart, "Share of sentences whose sense the word's vector predicts from the "
                     "other sentences; a static vector is the same in every sentence and leaves this to chance."),
        ],
        run={"facts": {}, "links": run.links(), "versions": run.versions()},
        template="words.html.j2",
        figures=[*charts.bars("ways", charts.grouped([*judged, *apart])), *_senses(told[0])],
        more={"word": config.senses.word if config.senses is not None else ""},
    )  # fmt: skip
    return pages.write_page(run, page)


def word_summary(
    learned: Learned, near: NeighboursRef, following: NeighboursRef | None, told: MeasuresRef | None,
    config: WordVectors,
) -> dict[str, Any]:  # fmt: skip
    """Return what `word-vectors` answers its caller."""
    names, stated = names_of(learned), {(s.word, s.neighbour): s.score for s in config.ask.stated}
    neighbours: dict[str, list[dict[str, Any]]] = {}
    for row in objects.load_rows(near, Neighbour):
        neighbours.setdefault(row.asked, []).append(_said(row, names, stated))
    measures = [m for ref in (learned.judged, told) if ref is not None for m in objects.load_rows(ref, Measure)]
    return {
        "words": learned.vectors.rows,
        "vector_size": learned.vectors.shape[1],
        "neighbours": neighbours,
        "after": [_said(row, names, {}) for row in objects.load_rows(following, Neighbour)] if following else [],
        "measures": {f"{m.name} {m.what}": m.stated() for m in measures},
    }


def names_of(learned: Learned) -> dict[str, str]:
    """Return what items are called, by item; empty where they are words."""
    if learned.names is None:
        return {}
    return {line.id: line.words[0] for line in objects.load_rows(learned.names, Line)}


def _said(row: Neighbour, names: dict[str, str], stated: dict[tuple[str, str], float]) -> dict[str, Any]:
    if row.rank == 0:
        return {"unknown": row.word}
    said: dict[str, Any] = {"word": row.word, "score": round(row.score, 4)}
    if row.word in names:
        said["name"] = names[row.word]
    if (row.asked, row.word) in stated:
        said["stated"] = stated[row.asked, row.word]
    return said


def _named(word: str, names: dict[str, str]) -> str:
    return f"{names[word]} ({word})" if word in names else word


def _near(rows: Sequence[Neighbour], names: dict[str, str], config: WordVectors) -> Table:
    stated = {(s.word, s.neighbour): f"{s.score:.3f}" for s in config.ask.stated}
    cells = [
        (_named(r.asked, names), r.rank or "", _named(r.word, names), f"{r.score:.3f}" if r.rank else "",
         stated.get((r.asked, r.word), "")) for r in rows
    ]  # fmt: skip
    note = "" if stated else "Scores are cosines."
    columns = ("asked", "rank", "neighbour", "cosine", "published")
    return Table("Neighbours", columns if stated else columns[:4], cells if stated else [c[:4] for c in cells], note)


def _pairs(pairs: PairsRef, names: dict[str, str]) -> Table:
    rows = objects.load_rows(pairs, Pair)
    cells = [(_named(p.word, names), _named(p.neighbour, names), ", ".join(_named(n, names) for n in p.negatives))
             for p in rows]  # fmt: skip
    note = "Training moves the vectors of word and neighbour together, and those of word and negatives apart. "
    note += f"{len(rows)} pairs of the sentence" if rows else "Fewer than two words of the sentence have vectors."
    return Table("Training pairs of one sentence", ("word", "neighbour", "negatives"), cells, note, SHOWN_PAIRS)


def _following(following: NeighboursRef | None, names: dict[str, str]) -> list[Table]:
    if following is None:
        return []
    rows = objects.load_rows(following, Neighbour)
    cells = [(r.rank or "", _named(r.word, names), f"{r.score:.3f}" if r.rank else "") for r in rows]
    asked = ", ".join(_named(item, names) for item in rows[0].asked.split()) if rows else ""
    return [Table("Recommended", ("rank", "item", "score"), cells, f"after {asked}")]


def _judged(title: str, measures: Sequence[Measure], note: str) -> list[Table]:
    rows = [(m.name, m.what, f"{m.value:.3f}", m.interval, m.n) for m in measures]
    return [Table(title, ("measure", "of", "value", "interval", "n"), rows, note)] if rows else []


def _senses(found: SensesFound | None) -> list[Figure]:
    """Return the word's vectors in sentences as points of two charts, contextual and static, at one scale."""
    if found is None:
        return []
    points = objects.load_rows(found.points, SensePoint)
    reach = (max((abs(p.x) for p in points), default=0.0), max((abs(p.y) for p in points), default=0.0))
    drawn: dict[str, dict[str, list[charts.Point]]] = {}
    for p in sorted(points, key=lambda p: p.sense):
        drawn.setdefault(p.way, {}).setdefault(p.sense, []).append((p.x, p.y, p.text))
    ways = dict.fromkeys(p.way for p in points)
    return [charts.places("senses", f"{way} vectors", drawn[way], reach) for way in ways]
