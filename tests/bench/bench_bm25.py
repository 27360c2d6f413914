"""BM25 search against `rank_bm25`, the same words, one thread; its scores against Lucene's formula, written out."""

import math
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from configs.index import Bm25
from tasks.index.bm25 import build_bm25
from tasks.ingest.python_docs import read_package
from tasks.retrieve.bm25 import SparseIndex
from tasks.text.terms import terms
from tests.bench.pairs import alternate, at_least, at_most, plain

PASSAGES, QUERIES, ROUNDS, HITS = 5_000, 40, 3, 10
LENGTH, ASKED = 120, 8  # words of a passage, and of a query
PROMISED, CLOSE = 20.0, 1e-4


def measure() -> list[dict[str, Any]]:
    """Compare on passages of package documentation; queries are stretches of it."""
    from rank_bm25 import BM25Okapi

    passages, queries = texts()
    words = [terms(text, ["en"]) for text in passages]
    config = Bm25()
    with tempfile.TemporaryDirectory() as folder:
        build_bm25(passages, Path(folder), config)
        index, other = SparseIndex(Path(folder)), BM25Okapi(words, k1=config.k1, b=config.b)
        theirs_found: Callable[[str], Any] = lambda q: np.argsort(-other.get_scores(terms(q, ["en"])))[:HITS]  # noqa: E731
        index.search(queries[0], HITS)
        ours_s, theirs_s = alternate(
            lambda: [index.search(query, HITS) for query in queries],
            lambda: [theirs_found(query) for query in queries],
            ROUNDS,
        )
        found = [index.search(query, HITS) for query in queries]
        scores = lucene(words, [terms(query, ["en"]) for query in queries], config)
    wrong = max(float(np.abs(s - truth[rows]).max(initial=0)) for (rows, s), truth in zip(found, scores, strict=True))
    tops = [-np.sort(-truth)[: len(rows)] for (rows, _), truth in zip(found, scores, strict=True)]
    missed = max(float(np.abs(s - top).max(initial=0)) for (_, s), top in zip(found, tops, strict=True))
    shared = [len({*rows.tolist()} & {*theirs_found(q).tolist()}) for (rows, _), q in zip(found, queries, strict=True)]
    return [
        at_least("times as many queries a second as rank_bm25", theirs_s / ours_s, "times", PROMISED),
        plain("speed", len(queries) / ours_s, "queries/s"),
        plain("rank_bm25", len(queries) / theirs_s, "queries/s"),
        at_most("largest difference to the score that the formula gives", wrong, "", CLOSE),
        at_most("largest difference to the best scores there are", missed, "", CLOSE),
        plain(f"hits shared with rank_bm25, of {HITS}", float(np.mean(shared)), ""),
    ]


def texts() -> tuple[list[str], list[str]]:
    """Return passages of package documentation, and stretches of them to ask for."""
    words = [document.text.split() for name in ("sklearn", "numpy") for document in read_package(name).names]
    cut = [text[i : i + LENGTH] for text in words for i in range(0, len(text), LENGTH)][:PASSAGES]
    drawn = random.Random(0)
    asked = [text for text in drawn.sample(cut, len(cut)) if len(text) > 2 * ASKED][:QUERIES]
    return [" ".join(text) for text in cut], [" ".join(text[ASKED : 2 * ASKED]) for text in asked]


def lucene(
    passages: Sequence[Sequence[str]], queries: Sequence[Sequence[str]], config: Bm25
) -> list[np.ndarray[Any, Any]]:
    """Score every passage for every query by Lucene's formula, in 64 bits."""
    lengths = np.array([len(words) for words in passages], dtype=np.float64)
    norm = config.k1 * (1 - config.b + config.b * lengths / lengths.mean())
    asked = {word for query in queries for word in query}
    frequency = {word: np.zeros(len(passages)) for word in asked}
    for row, words in enumerate(passages):
        for word, count in Counter(words).items():
            if word in asked:
                frequency[word][row] = count
    weights = {}
    for word, counts in frequency.items():
        holding = int((counts > 0).sum())
        weights[word] = math.log(1 + (len(passages) - holding + 0.5) / (holding + 0.5)) * counts / (counts + norm)
    return [sum((weights[word] for word in query), np.zeros(len(passages))) for query in queries]
