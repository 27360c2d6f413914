"""The page of `image-captions`: what is said of pictures, how well, and how that was learned.

Captions are written by a model from the pixels of strangers: they are untrusted, as names of files and descriptions.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from configs.captions import EmbeddedCaptioner
from configs.flows_captions import ImageCaptions
from tasks.data.captions import Caption, DescribedPicture, DescribedPicturesRef, LearnedCaptioner, WrittenCaptions
from tasks.data.documents import RejectedRef
from tasks.data.evaluation import Measure
from tasks.data.pictures import IngestedPictures, Picture
from tasks.data.training import StepLoss
from tasks.report import page as pages
from tasks.report.page import Figure, Page, Table
from tasks.report.picture_cards import card_of, notes_of, other_kinds, rejected_tables, unused_descriptions
from tasks.report.training import loss_curves
from tasks.runtime import tracking
from tasks.store import objects, rejections
from tasks.text.lines import one_line

SHOWN, ANSWERED = 60, 12  # pictures of a part that the page shows, and that the result holds
NAMED = 5  # pictures that a warning names
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
        written: The captions.
        config: What was asked.
    """

    read: IngestedPictures
    others: int
    rows: Sequence[RejectedRef]
    written: WrittenCaptions
    config: ImageCaptions

    def said(self) -> list[tuple[str, list[DescribedPicture], list[Caption]]]:
        """Return the captioned parts: name, pictures, captions row by row."""
        judged = "with a description" if self.written.learned is None else "held out"
        parts = ((judged, self.written.judged), ("without a description", self.written.new))
        return [(name, _pictures(part.pictures), objects.load_rows(part.captions, Caption)) for name, part in parts]

    def measured(self) -> list[Measure]:
        """Return what was measured of the captions of described pictures."""
        return [] if self.written.measures is None else objects.load_rows(self.written.measures, Measure)

    def warnings(self) -> list[str]:
        """Say what captions cannot be relied on for, and what was left out."""
        sent = self.written.by.base_url
        left = (
            [f"the pictures were sent to {sent}, shrunk and encoded anew, by this run or one before it"]
            if sent
            else []
        )
        return [*left, *other_kinds(self.others), *unused_descriptions(self.read), *self._doubts(), *self._cut()]

    def _doubts(self) -> Iterator[str]:
        if self.written.measures is None:
            yield "fewer than two pictures are described (source.described): nothing says what the captions are worth"
        way_out = "ask otherwise (captioner.prompt), or take another model"
        way_out = way_out if self.written.learned is None else "describe more pictures, or train longer"
        for measure in self.measured():
            if measure.name == "named difference" and measure.low <= 0:
                yield (
                    f"{DIFFERENCES[measure.what]} ({measure.value:+.3f}, {measure.low:+.3f} to {measure.high:+.3f}, "
                    f"n={measure.n}): {way_out}"
                )

    def _cut(self) -> Iterator[str]:
        ends = [caption.finish for _, _, captions in self.said() for caption in captions]
        if self.written.learned is not None and (cut := self.written.learned.trained.cut):
            yield (
                f"{cut} descriptions have more than {self.config.captioner.max_new_tokens} tokens and "
                "were cut (captioner.max_new_tokens)"
            )
        every = [caption for _, _, captions in self.said() for caption in captions]
        if empty := sum(not c.text and not c.rejected and c.finish != "refused" for c in every):
            yield f"{empty} of {len(every)} captions are empty; they are kept, and another captioner.prompt asks anew"
        if wrong := _by_reason(every):
            reasons = ", ".join(f"{count} {reason}" for reason, count in wrong.items())
            yield (
                f"{_pictures_rejected(self.read)}, {sum(wrong.values())} of {len(every)} replies "
                f"rejected: {reasons}. The replies do not follow captioner.json_schema: ask for the form in the "
                "prompt, raise captioner.max_new_tokens, or take another model"
            )
        if unasked := sum(len(c.replies) < len(questions_of(self.config)) - 1 for c in every):
            yield f"{unasked} of {len(every)} conversations end early, after a reply without text"
        if length := ends.count("length"):
            yield f"{length} of {len(ends)} captions were cut (captioner.max_new_tokens)"
        if refused := _refused(every):
            named = "; ".join(f"{caption.name}: {caption.detail}" for caption in refused[:NAMED])
            more = "; ..." if len(refused) > NAMED else ""
            yield f"the server refuses to answer about {len(refused)} of {len(every)} pictures ({named}{more})"
        if repeated := ends.count("repetition"):
            yield f"{repeated} of {len(ends)} captions say the same over and over"


def captions_page(run: tracking.Run, shown: ShownCaptions) -> Path:
    """Write the page of `image-captions`, and captions as a table beside it.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    read, written = shown.read, shown.written
    learned = written.learned
    begun = ", begun by a network that was trained on described pictures" if learned is not None else ", as it is"
    page = Page(
        title="Captions of pictures",
        subtitle=f"by {written.by.model}{begun}",
        facts=[("pictures", f"{read.pictures.rows:,}"), *_facts(shown),
               ("pictures rejected", f"{read.rejected.rows:,}"), *_replies_rejected(shown)],
        figures=() if learned is None else _curve(learned),
        tables=[*([_measures(shown)] if shown.measured() else []), _captioner_table(shown), *notes_of(read),
                *_rejected_replies(shown), *rejected_tables("Rejected", [read.rejected]),
                *rejected_tables("Rows of descriptions that were rejected", shown.rows)],
        missing=shown.warnings(),
        run={"facts": {}, "links": run.links(), "versions": run.versions()},
        template="image_captions.html.j2",
        more={"said": _cards(shown)},
    )  # fmt: skip
    path = pages.write_page(run, page)
    if path.name:
        measures = {} if written.measures is None else {"measures": objects.load_table(written.measures)}
        pages.write_tables(path.parent, {"captions": captions_table(shown), **measures})
    return path


def _facts(shown: ShownCaptions) -> list[tuple[str, str]]:
    learned, judged = shown.written.learned, f"{shown.written.judged.pictures.rows:,}"
    new = ("without a description", f"{shown.written.new.pictures.rows:,}")
    if learned is None:
        return [("described", judged), new]
    return [
        ("learned from", f"{learned.divided.train.pictures.rows:,}"), ("held out", judged), new,
        ("weights trained", f"{learned.trained.trainable:,}"), ("weights frozen", f"{learned.trained.frozen:,}"),
        ("steps", f"{learned.trained.steps:,}"),
    ]  # fmt: skip


def _curve(learned: LearnedCaptioner) -> Sequence[Figure]:
    return loss_curves("training", {"captioner": objects.load_rows(learned.trained.curve, StepLoss)})


def captions_table(shown: ShownCaptions) -> pa.Table:
    """Return a row a picture: file, text (its description, else its caption), caption, description, part.

    Replies to further questions are `reply_2` and on; properties of the form asked for `field.NAME`.
    """
    rows, more = [], _more_columns(shown)
    for part, pictures, captions in shown.said():
        for picture, caption in zip(pictures, captions, strict=True):
            told = (picture.name, picture.text or caption.text, caption.text, picture.text, part)
            rows.append((*told, *(_cells(caption, shown.config) if more else ())))
    learned = shown.written.learned
    unasked = () if learned is None else (
        ("learned from", learned.divided.train), ("chose the step", learned.divided.validation)
    )  # fmt: skip
    for part, of in unasked:
        rows += [(picture.name, picture.text, "", picture.text, part) for picture in _pictures(of.pictures)]
    columns = ("file", "text", "caption", "description", "part", *more)
    return pa.table({name: pa.array([row[at] for row in rows], pa.string()) for at, name in enumerate(columns)})


def captions_summary(shown: ShownCaptions) -> dict[str, Any]:
    """Return what `image-captions` answers its caller."""
    read, written = shown.read, shown.written
    learned = written.learned
    counts = {"judged": written.judged.pictures.rows} if learned is None else {
        "learned_from": learned.divided.train.pictures.rows,
        "validation": learned.divided.validation.pictures.rows,
        "held_out": written.judged.pictures.rows,
    }  # fmt: skip
    return {
        "pictures": read.pictures.rows,
        "described": read.described,
        **counts,
        "without_description": written.new.pictures.rows,
        "other_files": shown.others,
        "rejected": rejections.by_reason([read.rejected]),
        "rejected_rows": rejections.by_reason(shown.rows),
        **_counted(shown),
        "warnings": shown.warnings(),
        "measures": {f"{m.name} {m.what}": m.stated() for m in shown.measured()},
        "captioner": _captioner(shown),
        "captions_left_out": sum(max(0, len(pictures) - ANSWERED) for _, pictures, _ in shown.said()),
        "captions": [
            {"picture": picture.name, "caption": caption.text,
             **({"description": picture.text} if picture.text else {}), "finish": caption.finish,
             **_further(caption)}
            for _, pictures, captions in shown.said()
            for picture, caption in list(zip(pictures, captions, strict=True))[:ANSWERED]
        ],
    }  # fmt: skip


def questions_of(config: ImageCaptions) -> tuple[str, ...]:
    """Return what is asked of each picture, in turn."""
    asked = config.captioner
    return (asked.prompt,) if isinstance(asked, EmbeddedCaptioner) else (asked.prompt, *asked.follow_ups)


def _properties(config: ImageCaptions) -> list[str]:
    """Return the properties of the form that replies were asked for in; none where none was."""
    asked = config.captioner
    schema = "" if isinstance(asked, EmbeddedCaptioner) else asked.json_schema
    return list(json.loads(schema)["properties"]) if schema else []


def _more_columns(shown: ShownCaptions) -> list[str]:
    turns = range(2, 1 + len(questions_of(shown.config)))
    return [*(f"reply_{turn}" for turn in turns), *(f"field.{name}" for name in _properties(shown.config))]


def _cells(caption: Caption, config: ImageCaptions) -> list[str]:
    """Return what a caption has in the columns of `_more_columns`: texts as they are, other values as JSON."""
    turns = len(questions_of(config)) - 1
    told, names = [*caption.replies, *[""] * turns][:turns], _properties(config)
    held = json.loads(caption.fields) if caption.fields else {}
    return [*told, *(_as_text(held[name]) if name in held else "" for name in names)]


def _as_text(value: Any) -> str:
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _further(caption: Caption) -> dict[str, Any]:
    """Return what stands in the result beside a caption: further replies, and its form or why it is rejected."""
    found: dict[str, Any] = {"replies": list(caption.replies)} if caption.replies else {}
    found |= {"fields": json.loads(caption.fields)} if caption.fields else {}
    found |= {"rejected": caption.rejected} if caption.rejected else {}
    return found | ({"detail": caption.detail} if caption.detail else {})


def _by_reason(captions: Sequence[Caption]) -> dict[str, int]:
    return dict(Counter(caption.rejected for caption in captions if caption.rejected).most_common())


def _refused(captions: Sequence[Caption]) -> list[Caption]:
    """Return those about whose picture a server refuses to answer, at the first question or a later one."""
    return [
        caption for caption in captions if caption.detail and (not caption.rejected or caption.finish == "refused")
    ]


def _pictures_rejected(read: IngestedPictures) -> str:
    return f"{read.rejected.rows:,} picture{'s' * (read.rejected.rows != 1)} rejected"


def _replies_rejected(shown: ShownCaptions) -> list[tuple[str, str]]:
    return [("replies rejected", f"{sum(found.values()):,}") for found in _counted(shown).values()]


def _counted(shown: ShownCaptions) -> dict[str, Any]:
    """Return how many replies are rejected, by reason; nothing where no form was asked for."""
    every = [caption for _, _, captions in shown.said() for caption in captions]
    return {"rejected_replies": _by_reason(every)} if _properties(shown.config) else {}


def _rejected_replies(shown: ShownCaptions) -> list[Table]:
    every = [caption for _, _, captions in shown.said() for caption in captions if caption.detail]
    rows = [(caption.name, caption.rejected or "refused", caption.detail) for caption in every]
    title = "Replies that were rejected, or refused by the server"
    return [Table(title, ("picture", "reason", "detail"), rows, most=SHOWN)] if rows else []


def _captioner(shown: ShownCaptions) -> dict[str, Any]:
    """Return what writes captions, and what its training took."""
    by, learned, config = shown.written.by, shown.written.learned, shown.config.captioner
    model: dict[str, Any] = {"kind": config.kind, "language_model": by.model, "weights": by.weights,
                             "precision": by.precision, "engine": by.engine, "prompt": config.prompt}  # fmt: skip
    model |= {"follow_ups": more} if (more := list(questions_of(shown.config)[1:])) else {}
    model |= {"base_url": by.base_url} if by.base_url else {}
    if learned is None:
        return model | {"prompt_tokens": round(shown.written.prompt_tokens or 0, 1), "context": by.context}
    trained = learned.trained
    return model | {
        "trained": trained.model.digest,
        "trained_in": f"{trained.precision}, {trained.device}", "trainable_parameters": trained.trainable,
        "frozen_parameters": trained.frozen, "steps": trained.steps, "best_step": trained.best_step,
        "seconds": round(trained.seconds, 1), "processor_seconds": round(trained.processor_seconds, 1),
        "stopped_because": trained.stopped_because,
    }  # fmt: skip


def _pictures(ref: DescribedPicturesRef) -> list[DescribedPicture]:
    return objects.load_rows(ref, DescribedPicture)


def _turns(caption: Caption, shown: ShownCaptions) -> list[tuple[str, str]]:
    """Return what a card shows below a caption: further questions with their replies, and the fields of a form."""
    names, cells = _more_columns(shown), _cells(caption, shown.config)
    asked = [*questions_of(shown.config)[1:], *(name for name in names if name.startswith("field."))]
    found = [(what, cell) for what, cell in zip(asked, cells, strict=True) if cell]
    return [*found, *([("rejected", caption.rejected)] if caption.rejected else [])]


def _cards(shown: ShownCaptions) -> list[tuple[str, list[dict[str, Any]], int]]:
    """Return of each captioned part the first pictures as cards, and how many there are."""
    row_of = {name: row for row, name in enumerate(objects.load_table(shown.read.documents, ["id"])["id"].to_pylist())}
    found = []
    for part, pictures, captions in shown.said():
        some = list(zip(pictures, captions, strict=True))[:SHOWN]
        copies = objects.rows_at(shown.read.pictures, Picture, [row_of[picture.name] for picture, _ in some])
        cards: list[dict[str, Any]] = [
            {**card_of(picture.name, caption.text, copies[row_of[picture.name]]), "said": picture.text,
             "score": "" if caption.finish == "stop" else f"({caption.finish})", "turns": _turns(caption, shown)}
            for picture, caption in some
        ]  # fmt: skip
        found.append((part, cards, len(pictures)))
    return found


def _measures(shown: ShownCaptions) -> Table:
    rows = [(m.name, m.what, f"{m.value:.3f}", m.interval, m.n) for m in shown.measured()]
    named = (
        "95 % intervals. Named: every word that must be named stands in the caption. Shuffled pictures: each is taken "
        "for another."
    )
    if shown.written.learned is None:
        return Table("Measures", ("measure", "of", "value", "interval", "pictures"), rows,
                     f"Of described pictures; {named}")  # fmt: skip
    note = (
        f"Of held-out pictures, no near copy of which was learned from; {named} Nearest description: that of the "
        "most alike picture learned from. Loss: nats a token of the picture's own description."
    )
    return Table("Measures", ("measure", "of", "value", "interval", "pictures"), rows, note)


def _captioner_table(shown: ShownCaptions) -> Table:
    by, learned = shown.written.by, shown.written.learned
    rows = [("language model", f"{by.model}, {by.precision}, {by.engine}"), ("prompt", shown.config.captioner.prompt)]
    rows += [(f"question {turn}", asked) for turn, asked in enumerate(questions_of(shown.config)[1:], start=2)]
    if learned is None:
        tokens = shown.written.prompt_tokens or 0
        share = f", {tokens / by.context:.1%} of the {by.context:,} it reads" if by.context else ""
        rows += [("tokens of a picture with its prompt", f"{tokens:,.0f} on average{share}")]
        return Table("Captioner", ("what", "value"), rows)
    trained = learned.trained
    rows += [
        ("training computed in", f"{trained.precision}, {trained.device}"),
        ("steps", f"{trained.steps:,}, the best {trained.best_step:,}"),
        ("seconds", f"{trained.seconds:.0f}; on cores, {trained.processor_seconds:.0f}"),
        ("ended because", trained.stopped_because), ("groups of near copies", f"{learned.divided.groups:,}"),
    ]  # fmt: skip
    return Table("Captioner", ("what", "value"), rows)
