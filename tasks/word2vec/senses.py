"""Tell the senses of a word apart by its vectors in sentences.

A static vector is one and the same in every sentence, so it can tell nothing apart; a contextual one can.
Shapes: N sentences, D width.
Source: leave-one-out nearest centroid; principal axes for the map. The question is the book's, chapter 2.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.errors import DataError

Floats = npt.NDArray[np.float32]


def word_token(text: str, word: str, spans: Sequence[tuple[int, int]]) -> list[int]:
    """Return the places of the tokens that make up a word of a text.

    Args:
        text: The sentence.
        word: The word; upper and lower case are one.
        spans: First and past-last character of every token; special tokens have an empty span.

    Raises:
        DataError: The sentence does not say the word, or no token covers it.
    """
    start = text.casefold().find(word.casefold())
    end = start + len(word)
    found = [place for place, (first, last) in enumerate(spans) if first < end and last > start]
    if start < 0 or not found:
        raise DataError(f"the sentence {text[:60]!r} does not contain {word!r}; give one that does")
    return found


def told_apart(vectors: Floats, senses: Sequence[str]) -> list[float]:
    """Return for each sentence the chance that its sense is guessed from the others.

    The guess is the sense whose mean vector, without the sentence itself, is nearest by cosine; where several are
    equally near, each is guessed alike: vectors that are all the same give one over the number of senses.

    Args:
        vectors: (N, D) unit-length rows.
        senses: N names.

    Raises:
        DataError: A sense has fewer than two sentences, or there is one sense only.
    """
    names = sorted(set(senses))
    if len(names) < 2 or min(senses.count(name) for name in names) < 2:
        raise DataError(f"senses {names} need two at least, with two sentences each; give more sentences")
    labels = np.array([names.index(sense) for sense in senses])
    chances = []
    for row, vector in enumerate(vectors.astype(np.float64)):
        rest = np.arange(len(vectors)) != row
        means = np.stack(
            [vectors[rest & (labels == label)].mean(axis=0, dtype=np.float64) for label in range(len(names))]
        )
        scores = means @ vector / np.linalg.norm(means, axis=1)
        nearest = np.flatnonzero(scores >= scores.max() - 1e-6)
        chances.append(float(labels[row] in nearest) / len(nearest))
    return chances


def flat_map(vectors: Floats) -> npt.NDArray[np.float64]:
    """Return (N, 2) places of vectors on their first two principal axes; all alike lie at the origin."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    flat = centred @ axes[:2].T
    return np.where(np.abs(flat) < 1e-6, 0.0, flat)
