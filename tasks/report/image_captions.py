"""The page of `image-captions`: what is said of pictures, how well, and how that was learned.

Captions are written by a model from the pixels of strangers: they are untrusted, as names of files and descriptions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from configs.flows_captions import ImageCaptions
from tasks.data.captions import Caption, CaptionsRef, DescribedPicture, DividedPictures, PicturePart, TrainedCaptioner
from tasks.data.documents import RejectedRef
from tasks.data.evaluation import Measure, MeasuresRef
from tasks.data.messages import Generator
from tasks.data.pictures import IngestedPictures, Picture
from tasks.data.training import StepLoss
from tasks.report import page as pages
from tasks.report.page import Page, Table
from tasks.report.picture_cards import card_of, notes_of, other_kinds, rejected_tables, unused_descriptions
from tasks.report.training import loss_curves
from tasks.runtime import tracking
from tasks.store import objects, rejections

SHOWN, ANSWERED = 60, 12  # pictures of a part that the page shows, and that the result holds
DIFFERENCES = {
    "captions - shuffled pictures": "captions name no more of a picture for sure than captions of other pictures do",
    "captions - nearest description": "captions name no more for sure than the description of the most alike picture "
    "learned from does",
}


@dataclass(frozen=True)
class ShownCaptions:
    """What a run has found.

    Attributes:
        read: The pictures.
        others: Files of other kinds, which were not read.
        rows: Rows of the table of descriptions that were rejected.
        divided: What was learned from, and what was held out.
        base: The language model.
        trained: The captioner.
        held_out: Captions of held-out pictures.
        new: Captions of pictures without a description.
        measures: Of the held-out ones.
        config: What was asked.
    """

    read: IngestedPictures
    others: int
    rows: Sequence[RejectedRef]
    divided: DividedPictures
    base: Generator
    trained: TrainedCaptioner
    held_out: CaptionsRef
    new: CaptionsRef
    measures: MeasuresRef
    config: ImageCaptions

    def said(self) -> list[tuple[str, list[DescribedPicture], list[Caption]]]:
        """Return the captioned parts: name, pictures, captions row by row."""
        parts = (("held out", self.divided.test, self.held_out), ("without a description", self.divided.new, self.new))
        return [(name, _pictures(part), objects.load_rows(captions, Caption)) for name, part, captions in parts]

    def measured(self) -> list[Measure]:
        """Return what was measured of held-out pictures."""
        return objects.load_rows(self.measures, Measure)

    def warnings(self) -> list[str]:
        """Say what captions cannot be relied on for, and what was left out."""
        return [*other_kinds(self.others), *unused_descriptions(self.read), *self._doubts(), *self._cut()]

    def _doubts(self) -> Iterator[str]:
        for measure in self.measured():
            if measure.name == "named difference" and measure.low <= 0:
                yield (
                    f"{DIFFERENCES[measure.what]} ({measure.value:+.3f}, {measure.low:+.3f} to {measure.high:+.3f}, "
                    f"n={measure.n}): describe more pictures, or train longer"
                )

    def _cut(self) -> Iterator[str]:
        ends = [caption.finish for _, _, captions in self.said() for caption in captions]
        if self.trained.cut:
            yield (
                f"{self.trained.cut} descriptions have more than {self.config.captioner.max_new_tokens} tokens and "
                "were cut (captioner.max_new_tokens)"
            )
        if length := ends.count("length"):
            yield f"{length} of {len(ends)} captions were cut (captioner.max_new_tokens)"
        if repeated := ends.count("repetition"):
            yield f"{repeated} of {len(ends)} captions say the same over and over"


def captions_page(run: tracking.Run, shown: ShownCaptions) -> Path:
    """Write the page of `image-captions`, and captions as a table beside it.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    read, divided, trained = shown.read, shown.divided, shown.trained
    page = Page(
        title="Captions of pictures",
        subtitle=f"by {shown.base.model}, begun by a network that was trained on described pictures",
        facts=[
            ("pictures", f"{read.pictures.rows:,}"), ("learned from", f"{divided.train.pictures.rows:,}"),
            ("held out", f"{divided.test.pictures.rows:,}"),
            ("without a description", f"{divided.new.pictures.rows:,}"),
            ("weights trained", f"{trained.trainable:,}"), ("weights frozen", f"{trained.frozen:,}"),
            ("steps", f"{trained.steps:,}"), ("rejected", f"{read.rejected.rows:,}"),
        ],
        figures=loss_curves("training", {"captioner": objects.load_rows(trained.curve, StepLoss)}),
        tables=[_measures(shown), _training(shown), *notes_of(read), *rejected_tables("Rejected", [read.rejected]),
                *rejected_tables("Rows of descriptions that were rejected", shown.rows)],
        missing=shown.warnings(),
        run={"facts": {}, "links": run.links(), "versions": run.versions()},
        template="image_captions.html.j2",
        more={"said": _cards(shown)},
    )  # fmt: skip
    path = pages.write_page(run, page)
    if path.name:
        pages.write_tables(
            path.parent, {"captions": captions_table(shown), "measures": objects.load_table(shown.measures)}
        )
    return path


def captions_table(shown: ShownCaptions) -> pa.Table:
    """Return a row a picture: file, text (its description, else its caption), caption, description, part."""
    rows = []
    for part, pictures, captions in shown.said():
        for picture, caption in zip(pictures, captions, strict=True):
            rows.append((picture.name, picture.text or caption.text, caption.text, picture.text, part))
    for part, of in (("learned from", shown.divided.train), ("chose the step", shown.divided.validation)):
        rows += [(picture.name, picture.text, "", picture.text, part) for picture in _pictures(of)]
    columns = ("file", "text", "caption", "description", "part")
    return pa.table({name: pa.array([row[at] for row in rows], pa.string()) for at, name in enumerate(columns)})


def captions_summary(shown: ShownCaptions) -> dict[str, Any]:
    """Return what `image-captions` answers its caller."""
    read, divided = shown.read, shown.divided
    return {
        "pictures": read.pictures.rows,
        "described": read.described,
        "learned_from": divided.train.pictures.rows,
        "validation": divided.validation.pictures.rows,
        "held_out": divided.test.pictures.rows,
        "without_description": divided.new.pictures.rows,
        "other_files": shown.others,
        "rejected": rejections.by_reason([read.rejected]),
        "rejected_rows": rejections.by_reason(shown.rows),
        "warnings": shown.warnings(),
        "measures": {f"{m.name} {m.what}": m.stated() for m in shown.measured()},
        "captioner": _captioner(shown),
        "captions": [
            {"picture": picture.name, "caption": caption.text, "description": picture.text, "finish": caption.finish}
            for _, pictures, captions in shown.said()
            for picture, caption in list(zip(pictures, captions, strict=True))[:ANSWERED]
        ],
    }  # fmt: skip


def _captioner(shown: ShownCaptions) -> dict[str, Any]:
    """Return what writes captions, and what its training took."""
    trained, base = shown.trained, shown.base
    return {
        "kind": shown.config.captioner.kind, "language_model": base.model, "weights": base.weights,
        "precision": base.precision, "engine": base.engine, "trained": trained.model.digest,
        "trained_in": f"{trained.precision}, {trained.device}", "trainable_parameters": trained.trainable,
        "frozen_parameters": trained.frozen, "steps": trained.steps, "best_step": trained.best_step,
        "seconds": round(trained.seconds, 1), "processor_seconds": round(trained.processor_seconds, 1),
        "stopped_because": trained.stopped_because,
    }  # fmt: skip


def _pictures(part: PicturePart) -> list[DescribedPicture]:
    return objects.load_rows(part.pictures, DescribedPicture)


def _cards(shown: ShownCaptions) -> list[tuple[str, list[dict[str, str]], int]]:
    """Return of each captioned part the first pictures as cards, and how many there are."""
    row_of = {name: row for row, name in enumerate(objects.load_table(shown.read.documents, ["id"])["id"].to_pylist())}
    found = []
    for part, pictures, captions in shown.said():
        some = list(zip(pictures, captions, strict=True))[:SHOWN]
        copies = objects.rows_at(shown.read.pictures, Picture, [row_of[picture.name] for picture, _ in some])
        cards = [
            {**card_of(picture.name, caption.text, copies[row_of[picture.name]]), "said": picture.text,
             "score": "" if caption.finish == "stop" else f"({caption.finish})"}
            for picture, caption in some
        ]  # fmt: skip
        found.append((part, cards, len(pictures)))
    return found


def _measures(shown: ShownCaptions) -> Table:
    rows = [(m.name, m.what, f"{m.value:.3f}", m.interval, m.n) for m in shown.measured()]
    note = (
        "Of held-out pictures, no near copy of which was learned from; 95 % intervals. Named: every word that must be "
        "named stands in the caption. Shuffled pictures: each is taken for another. Nearest description: that of the "
        "most alike picture learned from. Loss: nats a token of the picture's own description."
    )
    return Table("Measures", ("measure", "of", "value", "interval", "pictures"), rows, note)


def _training(shown: ShownCaptions) -> Table:
    trained, base = shown.trained, shown.base
    rows = [
        ("language model", f"{base.model}, {base.precision}, {base.engine}"),
        ("training computed in", f"{trained.precision}, {trained.device}"),
        ("steps", f"{trained.steps:,}, the best {trained.best_step:,}"),
        ("seconds", f"{trained.seconds:.0f}; on cores, {trained.processor_seconds:.0f}"),
        ("ended because", trained.stopped_because), ("groups of near copies", f"{shown.divided.groups:,}"),
    ]  # fmt: skip
    return Table("Training", ("what", "value"), rows)
