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
    ProbedPictures,
)
from tasks.data.placed import AmongTexts, PlacedPictures, TowerLimits
from tasks.data.search import Generation, Hit, HitsRef
from tasks.data.topics import TopicMap
from tasks.report import page as pages
from tasks.report import picture_topics
from tasks.report.page import Page, Table
from tasks.report.picture_cards import card_of, notes_of, other_kinds, rejected_tables, scored, unused_descriptions
from tasks.runtime import tracking
from tasks.store import objects, rejections

HEAD_NOTE = (
    "Each picture by a head that never saw it or a near copy, asked for by its own description among its fold; 95 % "
    "intervals. The hits above are by a head that learned from all."
)
DUAL_NOTE = (
    "Each described picture asked for by its own description among all pictures; 95 % intervals. Nothing was learned "
    "from them here."
)
PROBE_NOTE = " Probe: each picture of a known class by one that never saw it or a near copy."
SHOWN_PAIRS, OF_A_CLASS, UNASKED = 12, 8, 60  # pictures of the collection that a page without queries shows


@dataclass(frozen=True)
class ShownPictures:
    """What a run has found.

    Attributes:
        name: Of the collection.
        read: The pictures.
        others: Files of other kinds, which were not read.
        rows: Rows of the table of descriptions that were rejected.
        near: Near copies.
        made: The collection; None where pictures are not among texts.
        learned: The head that put them there, or what a model that reads both did.
        queries: Texts that were asked for.
        hits: What they found.
        pictures: Pictures that were asked for.
        alike: What they found.
        classes: The class of each picture; None where there are none.
        probed: The class of each picture as it was learned; None where that was not asked for.
        config: What was asked.
        limits: What such a model does not read; None of other encoders.
        topics: Of the pictures; None where that was not asked for, or there are too few.
    """

    name: str
    read: IngestedPictures
    others: int
    rows: Sequence[RejectedRef]
    near: NearPicturesRef
    made: Generation | None
    learned: AmongTexts | None
    queries: Sequence[str]
    hits: HitsRef | None
    pictures: Sequence[str]
    alike: PictureHitsRef | None
    classes: ClassifiedPictures | None
    probed: ProbedPictures | None
    config: ImageSearch
    limits: TowerLimits | None = None
    topics: TopicMap | None = None

    def warnings(self) -> list[str]:
        """Say what was left out or went unused, and what to do."""
        told, read = [], self.read
        if self.made is None:
            told.append(
                f"{read.described} pictures are described and {self.config.head.least} are needed (head.least): texts "
                "find none of them, no classes are told apart, and no collection is made"
            )
        told += other_kinds(self.others)
        if self.limits is not None:
            told += _unread(self.limits)
        told += unused_descriptions(read)
        if isinstance(self.learned, LearnedHead) and (bare := read.pictures.rows - read.described):
            told.append(f"{bare:,} of {read.pictures.rows:,} pictures have no description: they are searched as the "
                        "others are, and the head was learned without them")  # fmt: skip
        if self.config.shift is not None:
            told.append(f"every query was moved: {self.config.shift.stated()}")
        if self.config.topics is not None:
            found = picture_topics.topics_of(self.topics)
            told += picture_topics.remarks(found, read, self.config.topics.min_documents)
        return [*told, *self._about_classes()]

    def _about_classes(self) -> list[str]:
        told, classes = [], self.classes
        if classes is not None and classes.others and classes.refused is None:
            told.append(f"{classes.others} pictures are of classes that were not named, as {', '.join(classes.named)}"
                        "; they are not judged (classes.none_of_these learns to tell them)")  # fmt: skip
        if classes is not None and classes.unmet:
            told.append(f"no picture is of {', '.join(classes.unmet)}: look at the spelling of classes.names")
        if self.probed is not None and self.probed.too_few:
            told.append(f"too few pictures are of {', '.join(self.probed.too_few[:5])}: the probe does not learn it")
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
        """Return what was measured of the pictures among texts and of the classes."""
        made = [part for part in (self.learned, self.classes, self.probed) if part is not None]
        return [measure for part in made for measure in objects.load_rows(part.measures, Measure)]


def pictures_page(run: tracking.Run, shown: ShownPictures) -> Path:
    """Write the page of `image-search`.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    read, found = shown.read, shown.found()
    pairs = objects.load_rows(shown.near, NearPictures)
    told = {"classes": _examples(shown.classes), "probed": _examples(shown.probed)}
    topics = picture_topics.sections(picture_topics.topics_of(shown.topics))
    wanted = {row for _, rows in [*found, *told["classes"], *told["probed"]] for row, _ in rows}
    every = range(min(read.pictures.rows, UNASKED)) if not found else range(0)
    wanted |= {*every} | {row for pair in pairs[:SHOWN_PAIRS] for row in (pair.first, pair.second)}
    wanted |= {row for *_, rows in topics for row in rows}
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
            "all": [cards[row] | {"score": ""} for row in every], "unshown": read.pictures.rows - len(every),
            "found": [(query, [scored(cards[row], score) for row, score in rows]) for query, rows in found],
            **{name: [(label, [scored(cards[row], score) for row, score in rows]) for label, rows in examples]
               for name, examples in told.items()},
            "topics": [(label, words, [cards[row] | {"score": ""} for row in rows]) for label, words, rows in topics],
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
        "other_files": shown.others,
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
        "classes": dict(Counter(c.label for c in _classes(shown.classes)).most_common()),
        **({"probe": _stated(shown.probed)} if shown.probed is not None else {}),
        **({"topics": picture_topics.stated(picture_topics.topics_of(shown.topics), read)}
           if shown.config.topics is not None else {}),
    }  # fmt: skip


def _unread(limits: TowerLimits) -> list[str]:
    """Return what a dual encoder did not read, in words."""
    told = []
    if limits.texts + limits.descriptions:
        told.append(
            f"{limits.texts} queries, words and classes and {limits.descriptions} descriptions are longer "
            f"than the {limits.tokens} tokens that the encoder reads; what stands behind was not read"
        )
    if limits.side > limits.copies:
        told.append(
            f"the encoder reads pictures of {limits.side} pixels a side, and working copies have {limits.copies}: "
            "they are enlarged, and small things in them are lost"
        )
    return told


def _stated(probed: ProbedPictures) -> dict[str, Any]:
    """Return what the probe found, as the caller of a flow gets it."""
    counted = Counter(c.label for c in _classes(probed)).most_common()
    return {"truth": probed.truth, "learned_from": probed.labelled, "without_a_class": probed.unlabelled,
            "classes": dict(counted)}  # fmt: skip


def _classes(found: ClassifiedPictures | ProbedPictures | None) -> list[PictureClass]:
    return objects.load_rows(found.classes, PictureClass) if found is not None else []


def _examples(found: ClassifiedPictures | ProbedPictures | None) -> list[tuple[str, list[tuple[int, float]]]]:
    """Return for each class the pictures it is surest of, by the margin to the next class."""
    by_label: dict[str, list[PictureClass]] = {}
    for row in sorted(_classes(found), key=lambda c: -c.margin):
        by_label.setdefault(row.label, []).append(row)
    return [
        (f"{label}: {len(rows):,}", [(row.picture, row.margin) for row in rows[:OF_A_CLASS]])
        for label, rows in by_label.items()
    ]


def _measured(shown: ShownPictures) -> list[Table]:
    rows = [(m.name, m.what, f"{m.value:.3f}", m.interval, m.n) for m in shown.measures()]
    note = DUAL_NOTE if isinstance(shown.learned, PlacedPictures) else HEAD_NOTE
    note += PROBE_NOTE if shown.probed is not None else ""
    return [Table("Measures", ("measure", "of", "value", "interval", "pictures"), rows, note)] if rows else []
