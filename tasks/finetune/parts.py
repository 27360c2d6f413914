"""Divide examples into parts to train on, to stop by and to judge by, so that none repeats what another is judged by.

Source: ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from configs.finetune_pairs import Holdout
from tasks.data.documents import Rejected
from tasks.data.pairs import TextPair
from tasks.errors import DataError
from tasks.finetune.contamination import repeats
from tasks.finetune.pairs import draw_groups, hold_out, without_repeats

SHOWN = 80  # characters of a text that is named


@dataclass(frozen=True, slots=True)
class Division:
    """Rows of each part, and those that are in none with the reason."""

    train: list[TextPair]
    validation: list[TextPair]
    test: list[TextPair]
    removed: list[Rejected]
    exact: int
    near: int


def divide(
    rows: Sequence[TextPair], test: Sequence[TextPair] | None, guarded: Sequence[str], kind: str, config: Holdout
) -> Division:
    """Divide rows; what is trained on repeats no text that is judged by.

    Args:
        rows: Examples.
        test: Examples to judge by; None holds some out.
        guarded: Texts that general quality is judged by.
        kind: Format of the examples.
        config: Shares, and from where on texts are nearly the same.

    Raises:
        DataError: Nothing is left to train on, or nothing can be held out.
    """
    labelled = kind == "labels"
    kept, twice = without_repeats(rows)
    removed = [Rejected(row.id, "duplicate", f"says what {of} says") for row, of in twice]
    if test is None:
        kept, held = hold_out(kept, config.test_share, by_label=labelled, seed=config.seed)
    else:
        held = without_repeats(test)[0]
    held = draw_groups(held, config.max_test, config.seed)
    train, stop = hold_out(kept, config.validation_share, by_label=labelled, seed=config.seed + 1)
    stop = draw_groups(stop, config.max_validation, config.seed)
    judged = [*(text for row in held for text in row.texts), *guarded]
    stop, out, counts = apart(stop, judged, config.near_duplicate)
    train, more, also = apart(train, [*judged, *(t for row in stop for t in row.texts)], config.near_duplicate)
    if not (train and stop and held):
        raise DataError(
            f"{len(train)} rows to train on, {len(stop)} to stop by and {len(held)} to judge by are left of "
            f"{len(rows)}, of which {len(removed)} repeat another and {len(out) + len(more)} repeat what is judged "
            "by; give more rows, or other ones to judge by"
        )
    return Division(train, stop, held, [*removed, *out, *more], counts[0] + also[0], counts[1] + also[1])


def apart(
    rows: Sequence[TextPair], judged: Sequence[str], near: float
) -> tuple[list[TextPair], list[Rejected], tuple[int, int]]:
    """Return the rows none of whose texts repeats a judged one, the others with the reason, and how many by kind.

    Args:
        rows: To be trained on.
        judged: Texts that are judged by.
        near: Share of runs of characters in common from which two texts are nearly the same.

    Returns:
        The rows to keep; those removed; and how many of these repeat a text exactly, and how many nearly.
    """
    texts = list(dict.fromkeys(text for row in rows for text in row.texts))
    found = {texts[repeat.text]: repeat for repeat in repeats(texts, judged, near=near)}
    kept, removed, counts = [], [], {"exact": 0, "near": 0}
    for row in rows:
        hits = sorted((found[text] for text in row.texts if text in found), key=lambda hit: -hit.share)
        if not hits:
            kept.append(row)
            continue
        counts[hits[0].kind] += 1
        how = "repeats" if hits[0].kind == "exact" else f"nearly repeats ({hits[0].share:.2f})"
        said = f"{how} a text that is judged by: {judged[hits[0].of][:SHOWN]!r}"
        removed.append(Rejected(row.id, "duplicate", said))
    return kept, removed, (counts["exact"], counts["near"])
