"""Search a stored BM25 index by words.

Shapes: N passages.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.errors import ContractError
from tasks.text.terms import stop_words, stored_languages, terms

AROUND = re.compile(r"^\W+|\W+$")  # a word of a query


class SparseIndex:
    """A stored index, memory-mapped."""

    def __init__(self, folder: Path) -> None:
        import bm25s

        self.languages = stored_languages(json.loads((folder / "language.json").read_text("utf-8")))
        self.index: Any = bm25s.BM25.load(folder, mmap=True)

    def scores(self, query: str) -> npt.NDArray[np.float32]:
        """Return the score (N,) of every passage, zero where it shares no word with the query."""
        found = self.index.get_tokens_ids(terms(query, self.languages))
        if not found:
            return np.zeros(self.index.scores["num_docs"], dtype=np.float32)
        scores: npt.NDArray[np.float32] = self.index.get_scores_from_ids(found)
        return scores

    def words_in(self, query: str, text: str) -> set[str]:
        """Return the words of a query that a text holds in any form."""
        held = set(terms(text, self.languages))
        return {word for word, found in self._words(query).items() if held.intersection(found)}

    def lacks(self, query: str) -> list[str]:
        """Return the words of a query that no passage holds in any form, each once, stop words left out."""
        said = {word for language in self.languages for word in stop_words(language)}
        words = {word: found for word, found in self._words(query).items() if word.lower() not in said}
        return [word for word, found in words.items() if found and not self._holds(found)]

    def _words(self, query: str) -> dict[str, list[str]]:
        """Return the words of a query as they are written, each once, with their terms."""
        return {word: terms(word, self.languages) for word in (AROUND.sub("", part) for part in query.split())}

    def _holds(self, found: list[str]) -> bool:
        """Return whether some passage holds a word: any of its terms; of `0x404` the whole, or all it is made of."""
        held = [bool(self.index.get_tokens_ids([term])) for term in found]
        compound = len(found) > 1 and len(found[0]) > max(map(len, found[1:]))
        return held[0] or all(held[1:]) if compound else any(held)

    def search(
        self, query: str, k: int, allowed: npt.NDArray[np.bool_] | None = None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return the rows and scores of the best passages that are allowed, best first; None allows all.

        A passage that shares no word with the query has score zero and is never returned; of equal scores the lower
        row comes first.

        Raises:
            ContractError: `k` is below 1.
        """
        if k < 1:
            raise ContractError(f"k is {k} but at least 1 was needed")
        scores = self.scores(query)
        rows = np.flatnonzero(scores > 0 if allowed is None else (scores > 0) & allowed)
        if len(rows) > k:
            cutoff = np.partition(scores[rows], len(rows) - k)[len(rows) - k]
            rows = rows[scores[rows] >= cutoff]
        order = rows[np.argsort(-scores[rows], kind="stable")][:k]
        return order.astype(np.int64), scores[order].astype(np.float32)
