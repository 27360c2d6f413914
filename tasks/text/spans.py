"""Words with their offsets, labels of words to spans and back, and the windows that a long text is read in.

Labels are of the scheme IOB2, read strictly: a span begins with B-type and goes on with I-type of the same type; an
I-type that follows neither is no part of a span.
Source: Ramshaw & Marcus 1995, arXiv:cmp-lg/9505040; IOB2, Tjong Kim Sang & Veenstra 1999, arXiv:cs/9907006; the most
probable allowed sequence, Viterbi 1967, with the transitions of IOB2 alone.
"""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

OUTSIDE = "O"
WORD = re.compile(r"\w+|[^\w\s]")
Span = tuple[int, int, str]  # first word, word after the last, type
Floats = npt.NDArray[np.floating]


def words_of(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each word and each mark, in characters."""
    return [match.span() for match in WORD.finditer(text)]


def spans_of(labels: Sequence[str]) -> list[Span]:
    """Return the spans that the labels of words state, read strictly."""
    found: list[Span] = []
    begun, kind = -1, ""
    for at, label in enumerate([*labels, OUTSIDE]):
        if begun >= 0 and label != f"I-{kind}":
            found.append((begun, at, kind))
            begun = -1
        if label.startswith("B-"):
            begun, kind = at, label[2:]
    return found


def labels_of(spans: Sequence[Span], words: int) -> list[str]:
    """Return the labels of so many words that spans state."""
    labels = [OUTSIDE] * words
    for start, end, kind in spans:
        labels[start:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - start - 1)]
    return labels


def strays_of(labels: Sequence[str]) -> int:
    """Return how many labels are I-type without one of their type before them."""
    return sum(label.startswith("I-") for label in labels) - sum(end - start - 1 for start, end, _ in spans_of(labels))


def label_names(types: Sequence[str]) -> tuple[str, ...]:
    """Return the labels of some types, O first."""
    return (OUTSIDE, *(f"{part}-{kind}" for kind in types for part in "BI"))


def windows_of(pieces: Sequence[int], most: int, shared: int) -> list[tuple[int, int]]:
    """Return (first word, word after the last) of the windows that a text is read in.

    Args:
        pieces: Tokens of each word.
        most: Tokens of a window, without special ones; a longer word has a window of its own.
        shared: Tokens that two windows share at most.
    """
    found, start = [], 0
    while start < len(pieces):
        end, size = start, 0
        while end < len(pieces) and (end == start or size + pieces[end] <= most):
            size += pieces[end]
            end += 1
        found.append((start, end))
        if end == len(pieces):
            break
        back, behind = end, 0
        room = min(shared, most - pieces[end])  # what is shared must leave room for the next word
        while back > start + 1 and behind + pieces[back - 1] <= room:
            back -= 1
            behind += pieces[back]
        start = back
    return found


def owners_of(windows: Sequence[tuple[int, int]], words: int) -> npt.NDArray[np.int64]:
    """Return (W,) for each word the window in which it is farthest from an end that is none of the text."""
    best, owner = np.full(words, -1), np.zeros(words, dtype=np.int64)
    for number, (start, end) in enumerate(windows):
        at = np.arange(start, end)
        left = at - start if start else np.full(end - start, words)
        right = end - 1 - at if end < words else np.full(end - start, words)
        room = np.minimum(left, right)
        better = room > best[start:end]
        owner[start:end][better] = number
        best[start:end][better] = room[better]
    return owner


def best_labels(log_probabilities: Floats, labels: Sequence[str]) -> list[str]:
    """Return the most probable labels of words in which every I-type follows one of its type.

    Args:
        log_probabilities: (W, K), of each label for each word.
        labels: K names.
    """
    if not len(log_probabilities):
        return []
    kinds = [label[2:] for label in labels]
    inside = np.array([label.startswith("I-") for label in labels])
    allowed = ~inside[None, :] | np.array(
        [[before == after and name != OUTSIDE for after in kinds]
         for before, name in zip(kinds, labels, strict=True)]
    )  # fmt: skip
    cost = np.where(allowed, 0.0, -np.inf)
    score = np.where(inside, -np.inf, log_probabilities[0].astype(np.float64))
    back = []
    for row in log_probabilities[1:]:
        reached = score[:, None] + cost
        back.append(reached.argmax(axis=0))
        score = reached.max(axis=0) + row
    path = [int(score.argmax())]
    for step in reversed(back):
        path.append(int(step[path[-1]]))
    return [labels[at] for at in reversed(path)]
