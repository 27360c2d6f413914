"""Learn vectors of words from what they stand beside.

Shapes: V words, D width.
Source: word2vec with negative sampling, Mikolov et al. 2013, arXiv:1310.4546, as gensim trains it; its settings for
lists of items, Caselles-Dupré et al. 2018, arXiv:1804.04212.
"""

import functools
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.word2vec import Word2Vec
from tasks.data.words import Pair
from tasks.errors import DataError

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TrainedVectors:
    """Words and their vectors.

    Attributes:
        words: V words, commonest first where that is known.
        vectors: (V, D) vectors as trained, not of unit length.
        output: (V, D) vectors of the words as neighbours; (0, D) where they are not known.
        counts: (V,) times each was said; zeros where that is not known.
    """

    words: list[str]
    vectors: Floats
    output: Floats
    counts: Ints

    @functools.cached_property
    def places(self) -> dict[str, int]:
        """Word to its row."""
        return {word: row for row, word in enumerate(self.words)}


def stable_hash(text: str) -> int:
    """Return a number for a word that is the same in every process, as Python's own `hash` is not."""
    return zlib.crc32(text.encode())


def train_word2vec(lines: Sequence[Sequence[str]], config: Word2Vec) -> TrainedVectors:
    """Train vectors, in one thread, so that the same lines give the same vectors.

    Args:
        lines: Sentences as words, or lists of items.
        config: Sizes, window, negatives, passes, seed.

    Raises:
        DataError: No word is said often enough, or no line has two of those that are.
    """
    model: Any = _model(config)
    model.build_vocab([list(line) for line in lines])
    known = model.wv.key_to_index
    if len(known) < 2 or not any(sum(word in known for word in line) > 1 for line in lines):
        raise DataError(
            f"{len(known)} words occur {config.min_count} times or more in {len(lines)} lines, and two in one line "
            "were needed; give more text or lower train.min_count"
        )
    model.train([list(line) for line in lines], total_examples=len(lines), epochs=config.epochs)
    counts = np.array([model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key], dtype=np.int64)
    vectors, output = (np.asarray(part, dtype=np.float32) for part in (model.wv.vectors, model.syn1neg))
    return TrainedVectors(list(model.wv.index_to_key), vectors, output, counts)


def _model(config: Word2Vec) -> Any:
    from gensim.models import Word2Vec as Gensim

    return Gensim(
        vector_size=config.vector_size, window=config.window, shrink_windows=config.shrink_windows,
        negative=config.negative, ns_exponent=config.ns_exponent, sg=int(config.skip_gram),
        min_count=config.min_count, sample=config.sample,
        alpha=config.learning_rate, seed=config.seed, workers=1, hashfxn=stable_hash, epochs=config.epochs,
    )  # fmt: skip


def training_pairs(line: Sequence[str], known: TrainedVectors, config: Word2Vec) -> list[Pair]:
    """Return the (word, neighbour, negatives) of one line, before any is left out at random.

    Args:
        line: Words; those without a vector are no part of a pair.
        known: Words that can be drawn, and how often each was said.
        config: Window, negatives, their exponent, seed.

    Returns:
        Pairs in the order of the words. Negatives are drawn as in training and are never the neighbour; where there is
        no other word there are none.
    """
    places = known.places
    words = [word for word in line if word in places]
    weights = np.maximum(known.counts, 1).astype(np.float64) ** config.ns_exponent
    random = np.random.default_rng(config.seed)
    pairs = []
    for at, word in enumerate(words):
        for near in range(max(0, at - config.window), min(len(words), at + config.window + 1)):
            if near != at:
                pairs.append(Pair(word, words[near], _drawn(words[near], known, weights, config.negative, random)))
    return pairs


def _drawn(
    neighbour: str, known: TrainedVectors, weights: npt.NDArray[np.float64], count: int, random: np.random.Generator
) -> tuple[str, ...]:
    others = weights.copy()
    others[known.places[neighbour]] = 0
    total = others.sum()
    if not total or not math.isfinite(total):
        return ()
    return tuple(known.words[row] for row in random.choice(len(others), count, p=others / total))
