"""Marked sentences before a tagger is trained: which are kept apart, what is odd; and what is compared with.

Source: a list of the training entities as the baseline of CoNLL-2003, Tjong Kim Sang & De Meulder.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from tasks.data.tagging import MarkedSentence
from tasks.errors import DataError
from tasks.finetune.contamination import plain
from tasks.text.spans import labels_of, spans_of

FEWEST = 8  # sentences that anything can be learned from
RARE = 10  # entities below which a type is named as rare
Sentences = Sequence[MarkedSentence]


def divided(sentences: Sentences, share: float, seed: int) -> tuple[list[MarkedSentence], list[MarkedSentence]]:
    """Return sentences without a share of them, and the share, both in their order."""
    order = np.random.default_rng(seed).permutation(len(sentences))
    back = set(order[: max(1, round(share * len(sentences)))].tolist())
    kept = [row for at, row in enumerate(sentences) if at not in back]
    return kept, [row for at, row in enumerate(sentences) if at in back]


def without_repeats(sentences: Sentences, judged: Sentences) -> tuple[list[MarkedSentence], list[MarkedSentence]]:
    """Return the sentences that repeat none that is judged by, and those that do."""
    known = {plain(row.text) for row in judged}
    flags = [plain(row.text) in known for row in sentences]
    return (
        [row for row, again in zip(sentences, flags, strict=True) if not again],
        [row for row, again in zip(sentences, flags, strict=True) if again],
    )


def types_of(sentences: Sentences) -> tuple[tuple[str, int], ...]:
    """Return how many entities of each type there are, most first."""
    counted = Counter(kind for row in sentences for _, _, kind in spans_of(row.labels))
    return tuple(sorted(counted.items(), key=lambda c: (-c[1], c[0])))


def require_learnable(train: Sentences, validation: Sentences, test: Sentences) -> None:
    """Refuse what nothing can be learned from, or judged by.

    Raises:
        DataError: There are too few sentences, or no entities in one part.
    """
    if len(train) < FEWEST:
        raise DataError(f"{len(train)} sentences are left to train on, at least {FEWEST} are needed; give more")
    for name, part in (("training", train), ("validation", validation), ("held-out", test)):
        if not types_of(part):
            raise DataError(f"none of the {len(part)} {name} sentences has an entity; give marked ones")


def warnings_of(train: Sentences, test: Sentences, leaked: int, strays: int) -> list[str]:
    """Say in words what is odd about marked sentences, and what to do."""
    known, found = dict(types_of(train)), []
    if rare := [f"{name} ({count})" for name, count in known.items() if count < RARE]:
        found.append(f"Types of under {RARE} training entities: {', '.join(rare)}; little is learned of them.")
    if unseen := [name for name, _ in types_of(test) if name not in known]:
        found.append(f"Types that no training sentence has: {', '.join(unseen)}; their entities count as missed.")
    if leaked:
        found.append(f"{leaked:,} training sentences repeat a held-out one; they were rejected.")
    if strays:
        found.append(f"{strays:,} labels I-TYPE follow none of their type; they are read as O, as IOB2 has it.")
    return found


def listed(train: Sentences, sentences: Sentences) -> list[list[str]]:
    """Return the labels of sentences by a list: what was an entity in training is one, the longest first.

    A name that was of several types has the one it had most often.
    """
    counted: dict[tuple[str, ...], Counter[str]] = {}
    for row in train:
        words = [word.casefold() for word in row.words]
        for start, end, kind in spans_of(row.labels):
            counted.setdefault(tuple(words[start:end]), Counter())[kind] += 1
    names = {name: kinds.most_common(1)[0][0] for name, kinds in counted.items()}
    longest = max(map(len, names), default=0)
    return [_looked_up([word.casefold() for word in row.words], names, longest) for row in sentences]


def _looked_up(words: Sequence[str], names: dict[tuple[str, ...], str], longest: int) -> list[str]:
    spans, at = [], 0
    while at < len(words):
        size = next((n for n in range(min(longest, len(words) - at), 0, -1) if tuple(words[at : at + n]) in names), 0)
        if size:
            spans.append((at, at + size, names[tuple(words[at : at + size])]))
        at += max(1, size)
    return labels_of(spans, len(words))
