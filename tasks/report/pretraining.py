"""What the page of `tune-classifier` shows of an encoder that guessed masked words first."""

from dataclasses import dataclass, field
from typing import Any

from tasks.data.class_tuning import PretrainedEncoder
from tasks.data.training import StepLoss
from tasks.report import training
from tasks.report.page import Figure, Table
from tasks.store import objects


@dataclass(frozen=True)
class PretrainingShown:
    """Tables and charts; none where nothing was trained before the classes."""

    tables: list[Table] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)


def of(found: PretrainedEncoder | None) -> PretrainingShown:
    """Return what is shown of an encoder that guessed masked words, if one did."""
    if found is None:
        return PretrainingShown()
    curve = {"masked words": objects.load_rows(found.result.curve, StepLoss)}
    return PretrainingShown([_scores(found), _examples(found)], training.loss_curves("pretraining", curve))


def stated(found: PretrainedEncoder) -> dict[str, Any]:
    """Return the same for the result of a run."""
    return {
        "head": head_in_words(found),
        "new_head": found.new_head,
        "tied_to_word_vectors": found.tied,
        "texts": {
            "train": found.texts, "chosen_by": found.chosen_by, "measured": found.measured,
            "repeat_validation": found.repeated, "cut": found.cut,
        },
        "guessed_tokens": found.guessed,
        "loss_before": round(found.loss_before, 4),
        "loss_after": round(found.loss_after, 4),
        "accuracy_before": round(found.accuracy_before, 4),
        "accuracy_after": round(found.accuracy_after, 4),
        "examples": [one.model_dump() for one in found.examples],
        **training.stated(found.result),
    }  # fmt: skip


def head_in_words(found: PretrainedEncoder) -> str:
    """Say whether the head that guesses was there, and what its output is."""
    new = "new, drawn by seed: the base has none" if found.new_head else "that of the base"
    tied = "its output is the table of word vectors" if found.tied else "its output has weights of its own"
    return f"{new}; {tied}; thrown away after"


def _scores(found: PretrainedEncoder) -> Table:
    rows = [
        ("loss of a masked token", f"{found.loss_before:.3f}", f"{found.loss_after:.3f}"),
        ("right guesses", f"{found.accuracy_before:.1%}", f"{found.accuracy_after:.1%}"),
    ]
    note = (
        f"{found.guessed:,} hidden tokens of the {found.measured:,} validation texts, the same before and after. "
        f"Learnt from: {found.texts:,} training texts, labels unread; the best step was chosen by {found.chosen_by:,} "
        f"others; {found.repeated:,} were left out because they repeat a validation text. "
        f"Head: {head_in_words(found)}."
    )
    return Table("Masked words before and after", ("what", "before", "after"), rows, note)


def _examples(found: PretrainedEncoder) -> Table:
    rows = [(one.text, one.word, one.before, one.after) for one in found.examples]
    columns = ("validation text", "masked word", "filled in before", "filled in after")
    note = "[?] is the place of the word; the model saw [MASK] there, and what else is hidden as it stands here."
    return Table("Masked words filled in", columns, rows, note)
