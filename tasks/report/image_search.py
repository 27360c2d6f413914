"""The page of `image-search`: pictures that were found, with scores, classes, near copies, and what was rejected.

Names of files and descriptions are untrusted, as everywhere.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.flows_pictures import ImageSearch
from tasks.data.documents import Document, RejectedRef
from tasks.data.evaluation import Measure
from tasks.data.pictures import (
    ClassifiedPictures,
    IngestedPictures,
    LearnedHead,
    NearPictures,
    NearPicturesRef,
    Picture,
    PictureClass,
    PictureHit,
    PictureHitsRef,
)
from tasks.data.search import Generation, Hit, HitsRef
from tasks.report import page as pages
from tasks.report.page import Page, Table
from tasks.report.picture_cards import card_of, notes_of, rejected_tables, scored, unused_descriptions
from tasks.runtime import tracking
from tasks.store import objects, rejections

SHOWN_PAIRS, OF_A_CLASS = 12, 8


@dataclass(frozen=True)
class ShownPictures:
    """What a run has found.

    Attributes:
        name: Of the collection.
        read: The pictures.
        rows: Rows of the table of descriptions that were rejected.
        near: Near copies.
        made: The collection; None where pictures are not among texts.
        learned: The head that put them there.
        queries: Texts that were asked for.
        hits: What they found.
        pictures: Pictures that were asked for.
        alike: What they found.
        classes: The class of each picture; None where there are none.
        config: What was asked.
    """

    name: str
    read: IngestedPictures
    rows: Sequence[RejectedRef]
    near: NearPicturesRef
    made: Generation | None
    learned: LearnedHead | None
    queries: Sequence[str]
    hits: HitsRef | None
    pictures: Sequence[str]
    alike: PictureHitsRef | None
    classes: ClassifiedPictures | None
    config: ImageSearch

    def warnings(self) -> list[str]:
        """Say what was left out or went unused, and what to do."""
        told, read, classes = [], self.read, self.classes
        if self.made is None:
            told.append(
                f"{read.described} pictures are described and {self.config.head.least} are needed (head.least): texts "
                "find none of them, no classes are told apart, and no collection is made"
            )
        told += unused_descriptions(read)
        if classes is not None and classes.others:
            told.append(f"{classes.others} pictures are of classes that were not named, as {', '.join(classes.named)}"
                        "; they are not judged")  # fmt: skip
        if classes is not None and classes.unmet:
            told.append(f"no picture is of {', '.join(classes.unmet)}: look at the spelling of classes.names")
        return told

    def found(self) -> list[tuple[str, list[tuple[int, float]]]]:
        """Return each query with the rows of its pictures and their scores, best first."""
        by_text: list[list[tuple[int, float]]] = [[] for _ in self.queries]
        for hit in objects.load_rows(self.hits, Hit) if self.hits is not None else []:
            by_text[hit.query].append((hit.passage, hit.score))
        by_picture: list[list[tuple[int, float]]] = [[] for _ in self.pictures]
        for like in objects.load_rows(self.alike, PictureHit) if self.alike is not None else []:
            by_picture[like.query].append((like.picture, like.score))
        return [*zip(self.queries, by_text, strict=True), *zip(self.pictures, by_picture, strict=True)]

    def measures(self) -> list[Measure]:
        """Return what was measured of the head and of the classes."""
        of_head = objects.load_rows(self.learned.measures, Measure) if self.learned is not None else []
        return of_head + (objects.load_rows(self.classes.measures, Measure) if self.classes is not None else [])


def pictures_page(run: tracking.Run, shown: ShownPictures) -> Path:
    """Write the page of `image-search`.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    read, found = shown.read, shown.found()
    pairs, examples = objects.load_rows(shown.near, NearPictures), _examples(shown)
    wanted = {row for _, rows in [*found, *examples] for row, _ in rows}
    wanted |= {row for pair in pairs[:SHOWN_PAIRS] for row in (pair.first, pair.second)}
    documents = objects.rows_at(read.documents, Document, wanted)
    copies = objects.rows_at(read.pictures, Picture, wanted)
    cards = {row: card_of(documents[row].id, documents[row].text, copies[row]) for row in wanted}
    page = Page(
        title=f"Pictures of {shown.name}",
        subtitle="found by texts and by pictures" if shown.made is not None else "found by pictures",
        facts=[
            ("pictures", f"{read.pictures.rows:,}"), ("described", f"{read.described:,}"),
            ("near copies, pairs", f"{shown.near.rows:,}"), ("rejected", f"{read.rejected.rows:,}"),
        ],
        tables=[*_measured(shown), *notes_of(read), *rejected_tables("Rejected", [read.rejected]),
                *rejected_tables("Rows of descriptions that were rejected", shown.rows)],
        missing=shown.warnings(),
        run={"facts": {}, "links": run.links(), "versions": run.versions()},
        template="image_search.html.j2",
        more={
            "found": [(query, [scored(cards[row], score) for row, score in rows]) for query, rows in found],
            "classes": [(label, [scored(cards[row], score) for row, score in rows]) for label, rows in examples],
            "near": [[scored(cards[row], pair.cosine) for row in (pair.first, pair.second)]
                     for pair in pairs[:SHOWN_PAIRS]],
            "more_near": max(0, len(pairs) - SHOWN_PAIRS),
        },
    )  # fmt: skip
    return pages.write_page(run, page)


def pictures_summary(shown: ShownPictures) -> dict[str, Any]:
    """Return what `image-search` answers its caller."""
    read, found = shown.read, shown.found()
    names = objects.load_table(read.documents, ["id", "path", "text"]).to_pylist()
    return {
        "collection": shown.name if shown.made is not None else "",
        "generation": shown.made.number if shown.made is not None else 0,
        "pictures": read.pictures.rows,
        "described": read.described,
        "unknown_descriptions": read.unknown,
        "pairs_of_near_copies": shown.near.rows,
        "rejected": rejections.by_reason([read.rejected]),
        "rejected_rows": rejections.by_reason(shown.rows),
        "warnings": shown.warnings(),
        "measures": {f"{m.name} {m.what}": m.stated() for m in shown.measures()},
        "queries": [
            {"query": query,
             "hits": [{"rank": rank, "document": names[row]["id"], "path": names[row]["path"], "line": 0,
                                       "text": names[row]["text"],
                                       "score": round(score, 4)} for rank, (row, score) in enumerate(rows, start=1)]}
            for query, rows in found
        ],
        "classes": dict(Counter(c.label for c in _classes(shown)).most_common()),
    }  # fmt: skip


def _classes(shown: ShownPictures) -> list[PictureClass]:
    return objects.load_rows(shown.classes.classes, PictureClass) if shown.classes is not None else []


def _examples(shown: ShownPictures) -> list[tuple[str, list[tuple[int, float]]]]:
    """Return for each class the pictures it is surest of, by the margin to the next class."""
    by_label: dict[str, list[PictureClass]] = {}
    for row in sorted(_classes(shown), key=lambda c: -c.margin):
        by_label.setdefault(row.label, []).append(row)
    return [
        (f"{label}: {len(rows):,}", [(row.picture, row.margin) for row in rows[:OF_A_CLASS]])
        for label, rows in by_label.items()
    ]


def _measured(shown: ShownPictures) -> list[Table]:
    rows = [(m.name, m.what, f"{m.value:.3f}", m.interval, m.n) for m in shown.measures()]
    note = (
        "Each picture by a head that never saw it or a near copy, asked for by its own description among its fold; "
        "95 % intervals. The hits above are by a head that learned from all."
    )
    return [Table("Measures", ("measure", "of", "value", "interval", "pictures"), rows, note)] if rows else []
