"""Ask vectors of words: neighbours, sums, and what to say of a word they do not have.

Shapes: V words, D width.
Source: analogies as sums of unit vectors, Mikolov et al. 2013, arXiv:1301.3781.
"""

import difflib
import re
from collections.abc import Sequence

import numpy as np

from tasks.data.words import Neighbour
from tasks.errors import ContractError
from tasks.vectors.arithmetic import normalise
from tasks.word2vec.train import Floats, TrainedVectors

CLOSE = 3  # words of like spelling that are named for one that is not known
TERM = re.compile(r"\s*([+-]?)\s*([^\s+-]\S*)")


def neighbours_of(known: TrainedVectors, words: Sequence[str], k: int, said: int = 1) -> list[Neighbour]:
    """Return the `k` nearest words of each; a word without a vector gets one row of rank 0 that says so."""
    return [row for word in words for row in _near(known, word, [(1.0, word)], k, said)]


def solve_analogies(known: TrainedVectors, sums: Sequence[str], k: int, said: int = 1) -> list[Neighbour]:
    """Return the `k` words nearest to each sum of words, none of them in the sum.

    Args:
        known: Words and vectors.
        sums: As `king - man + woman`.
        k: How many.
        said: Times a neighbour must be said, where that is known.

    Raises:
        ContractError: A sum cannot be read.
    """
    return [row for text in sums for row in _near(known, text, parse_sum(text), k, said)]


def parse_sum(text: str) -> list[tuple[float, str]]:
    """Read a sum of words.

    Raises:
        ContractError: It has no word, or signs in the wrong place.
    """
    terms: list[tuple[float, str]] = []
    at = 0
    while at < len(text.rstrip()):
        match = TERM.match(text, at)
        if match is None or (terms and not match[1]):
            raise ContractError(f"{text!r} is not a sum of words; write it as: king - man + woman")
        terms.append((-1.0 if match[1] == "-" else 1.0, match[2]))
        at = match.end()
    if not terms:
        raise ContractError("an analogy has no words; write it as: king - man + woman")
    return terms


def _near(known: TrainedVectors, asked: str, terms: Sequence[tuple[float, str]], k: int, said: int) -> list[Neighbour]:
    places = known.places
    for _, word in terms:
        if word not in places:
            alike = difflib.get_close_matches(word, known.words[:50_000], n=CLOSE)
            hint = f"; similar words: {', '.join(alike)}" if alike else ""
            return [
                Neighbour(
                    asked, 0, f"{word!r} has no vector: it is not among the {len(known.words):,} words{hint}", 0.0
                )
            ]
    unit: Floats = normalise(known.vectors)
    query = np.sum([sign * unit[places[word]] for sign, word in terms], axis=0)
    length = float(np.linalg.norm(query))
    if not length:
        return [Neighbour(asked, 0, "the words cancel each other out", 0.0)]
    scores = unit @ (query / length)
    scores[[places[word] for _, word in terms]] = -np.inf
    if known.counts.any():
        scores[known.counts < said] = -np.inf
    best = [row for row in np.argsort(-scores, kind="stable")[:k] if np.isfinite(scores[row])]
    return [Neighbour(asked, rank, known.words[row], float(scores[row])) for rank, row in enumerate(best, start=1)]
