"""Texts and labels before a classifier is trained: what repeats, what contradicts, which are kept for validation.

Shapes: N texts, K classes.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.errors import DataError
from tasks.finetune.contamination import plain, repeats
from tasks.finetune.look import RARE, TRUNCATED

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
FEWEST = 4  # texts that anything can be learned from


def repeated(texts: Sequence[str], labels: Sequence[tuple[str, ...]]) -> tuple[list[int], int]:
    """Return the rows that repeat an earlier one of the same labels, and how many rows have other labels elsewhere."""
    known: dict[str, dict[tuple[str, ...], int]] = defaultdict(dict)
    again = []
    flat = [plain(text) for text in texts]
    for row, (text, label) in enumerate(zip(flat, labels, strict=True)):
        if label in known[text]:
            again.append(row)
        known[text].setdefault(label, row)
    return again, sum(len(known[text]) > 1 for text in flat)


def leaked(texts: Sequence[str], judged: Sequence[str], near: float) -> dict[int, str]:
    """Return the rows that repeat a text to be judged by, exactly or nearly, and how, in words."""
    return {r.text: f"{r.kind}, {r.share:.2f} of its runs of characters" for r in repeats(texts, judged, near=near)}


def drawn(targets: Bools, count: int, seed: int) -> Ints:
    """Return rows, in order: so many of each class, all of a class that has fewer."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(targets))
    kept: set[int] = set()
    for column in targets.T:
        kept.update(order[column[order]][:count].tolist())
    return np.array(sorted(kept), dtype=np.int64)


def validation_rows(targets: Bools, share: float, seed: int) -> Ints:
    """Return the rows that no weight learns from: a share of each class, at least one, and never its last text.

    Raises:
        DataError: No class has two texts.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(targets))
    first = targets.argmax(axis=1)  # of several labels the first decides
    kept: list[int] = []
    for at in np.unique(first):
        mine = order[first[order] == at]
        kept += mine[: min(len(mine) - 1, max(1, round(share * len(mine))))].tolist()
    if not kept:
        raise DataError("no class has two texts to train on, so none can be kept for validation; give more texts")
    return np.array(sorted(kept), dtype=np.int64)


def require_learnable(targets: Bools, classes: Sequence[str], removed: int) -> None:
    """Refuse texts that nothing can be learned from.

    Raises:
        DataError: Too few are left, or of one class alone.
    """
    beside = f" after {removed:,} that repeat others or held-out ones were rejected" if removed else ""
    if len(targets) < FEWEST:
        raise DataError(
            f"{len(targets)} training texts are left{beside}, at least {FEWEST} are needed; give other texts"
        )
    counts = targets.sum(axis=0)
    if int((counts > 1).sum()) < 2 <= int((counts > 0).sum()):
        lone = next(name for name, count in zip(classes, counts.tolist(), strict=True) if count == 1)
        raise DataError(
            f"one training text is left{beside} of {lone!r}, and no two classes have two; methods are fitted on some "
            "texts and tried on others: give more texts"
        )
    if int(targets.any(axis=0).sum()) < 2:
        left = classes[int(targets.any(axis=0).argmax())]
        raise DataError(
            f"all training texts that are left{beside} have the label {left!r}; two classes or more are needed"
        )


def warnings_of(
    counts: Sequence[tuple[str, int]], *, truncated: float, leaked: int, contradictions: int, rows: int, limit: int
) -> list[str]:
    """Say in words what is odd about texts and labels, and what to do.

    Args:
        counts: Texts of each class, most first.
        truncated: Share of the texts that are cut.
        leaked: Texts that repeated a held-out one.
        contradictions: Texts that have another label elsewhere.
        rows: Texts in all.
        limit: Tokens a text is cut at.
    """
    found = []
    if rare := [name for name, count in counts if count < RARE * counts[0][1]]:
        found.append(
            f"{len(rare)} classes have under {RARE:.0%} of the texts of {counts[0][0]!r} ({counts[0][1]:,}): "
            f"{', '.join(map(repr, rare[:5]))}; give more of them, or set tuning.class_weight to balanced."
        )
    if truncated > TRUNCATED:
        found.append(
            f"{truncated:.0%} of the training texts are cut at {limit} tokens; raise training.max_seq_length."
        )
    if leaked:
        found.append(f"{leaked:,} training texts repeat a held-out one, or nearly; they were rejected.")
    if contradictions:
        found.append(
            f"{contradictions:,} of {rows:,} training texts also stand there with another label; look at the labels."
        )
    return found
