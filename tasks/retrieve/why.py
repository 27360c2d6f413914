"""Say why one document stands before another: by words, by meaning, by filters and by what reorders, in numbers.

Shapes: N passages.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt

from configs.retrieve import Dense, Fused, Retrieve, Sparse, Weighted
from tasks.retrieve.core import scores_by_row
from tasks.retrieve.fuse import LEAST_BM25, LEAST_COSINE, between, reciprocal_ranks

Floats = npt.NDArray[np.float64]
SAME = 5e-4  # parts that are printed alike


@dataclass(frozen=True, slots=True)
class Considered:
    """Everything a ranking of one query goes by.

    Attributes:
        cosines: (N,) of the query with each passage.
        bm25: (N,) of each passage.
        allowed: (N,) whether a condition lets a passage be found, and it is no copy.
        config: How passages are found.
    """

    cosines: Floats
    bm25: Floats
    allowed: npt.NDArray[np.bool_]
    config: Retrieve

    def parts(self) -> tuple[Floats, Floats]:
        """Return what meaning and words bring to the score (N,) of each passage."""
        nothing = np.zeros_like(self.cosines)
        match self.config:
            case Dense():
                return self.cosines, nothing
            case Sparse():
                return nothing, self.bm25
            case Fused():
                return self._ranked(self.cosines, -np.inf), self._ranked(self.bm25, 0.0)
            case Weighted(weight=weight):
                meaning = self._spread(between(self._allowed(self.cosines), least=LEAST_COSINE))
                return weight * meaning, (1 - weight) * self._spread(
                    between(self._allowed(self.bm25), least=LEAST_BM25)
                )
            case _:
                assert_never(self.config)

    def _allowed(self, scores: Floats) -> dict[int, float]:
        """Return the scores of the passages that may be found, best first."""
        rows = np.flatnonzero(self.allowed)
        return scores_by_row(rows, scores[rows].astype(np.float32))

    def _ranked(self, scores: Floats, above: float) -> Floats:
        """Return what a list of the best passages brings to each, by its rank."""
        assert isinstance(self.config, Fused)  # noqa: S101 - the case it is called in
        listed = [row for row, score in self._allowed(scores).items() if score > above][: self.config.candidates]
        return self._spread(reciprocal_ranks([listed], rank_constant=self.config.rank_constant))

    def _spread(self, scores: Mapping[int, float]) -> Floats:
        """Return scores (N,) of rows, zero of the others."""
        spread = np.zeros_like(self.cosines)
        spread[list(scores)] = list(scores.values())
        return spread


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a document stands for a query, by its best passage.

    Attributes:
        document: Its id.
        passage: Row of its best passage.
        cosine: Of query and passage.
        bm25: Of the passage.
        words: Words of the query that the passage holds.
        meaning: What the cosine brings to the score.
        by_words: What BM25 brings to it.
        found: Rank among all passages as found; None where a filter leaves it out.
        shown: Rank among the hits, after whatever reorders and cuts; None where it is none.
        score: Of that hit.
    """

    document: str
    passage: int
    cosine: float
    bm25: float
    words: tuple[str, ...]
    meaning: float
    by_words: float
    found: int | None
    shown: int | None
    score: float | None

    def stated(self) -> dict[str, Any]:
        """Return it as a run answers its caller, numbers rounded."""
        return {name: round(v, 4) if isinstance(v, float) else v for name, v in asdict(self).items()}


def standing(
    document: str,
    rows: Sequence[int],
    seen: Considered,
    held: Mapping[int, Set[str]],
    shown: Mapping[int, tuple[int, float]],
) -> Standing:
    """Return where a document stands.

    Args:
        document: Its id.
        rows: Of its passages, one at least.
        seen: What the ranking goes by.
        held: Words of the query that each of these passages holds.
        shown: Row of a hit to its rank and score.
    """
    meaning, words = seen.parts()
    total = meaning + words
    free = [row for row in rows if seen.allowed[row]]
    best = max(free or rows, key=lambda row: (shown.get(row, (0, -np.inf))[1], total[row], -row))
    ahead = seen.allowed & ((total > total[best]) | ((total == total[best]) & (np.arange(len(total)) < best)))
    rank, score = shown.get(best, (None, None))
    return Standing(
        document, best, float(seen.cosines[best]), float(seen.bm25[best]), tuple(sorted(held[best])),
        float(meaning[best]), float(words[best]), int(ahead.sum()) + 1 if free else None, rank, score,
    )  # fmt: skip


def sentence(pair: tuple[Standing, Standing]) -> str:
    """Say in a sentence why one of two documents stands before the other."""
    first, second = sorted(pair, key=_place)
    if first.found is None or second.found is None:
        left = [one.document for one in (first, second) if one.found is None]
        return f"{' and '.join(left)} cannot be found: retrieve.where leaves it out, or it is a copy of another"
    brought = [
        f"meaning brings {first.meaning:.3f} against {second.meaning:.3f} (cosine {first.cosine:.3f}, "
        f"{second.cosine:.3f})",
        f"words bring {first.by_words:.3f} against {second.by_words:.3f} (BM25 {first.bm25:.2f}, {second.bm25:.2f}; "
        f"{_words(first)} against {_words(second)})",
    ]
    why = f"{first.document} stands before {second.document}"
    if first.found > second.found:
        why += f", which was found before it (ranks {second.found:,} and {first.found:,})"
    told = [f"{why}: {brought[0]}", brought[1], _decisive(first, second)]
    told += [f"{one.document} is no hit, at rank {one.found:,} of all passages" for one in (first, second)
             if one.shown is None]  # fmt: skip
    return "; ".join(told)


def _decisive(first: Standing, second: Standing) -> str:
    """Say what puts the one before the other."""
    if (first.found or 0) > (second.found or 0):
        if first.score is None or second.score is None:
            return f"the cutoff or a reranker left {second.document} out"
        return f"the reranker decides (scores {first.score:.3f} and {second.score:.3f})"
    meaning, words = first.meaning - second.meaning, first.by_words - second.by_words
    if abs(meaning - words) < SAME:
        return "both decide"
    return "meaning decides" if meaning > words else "words decide"


def _place(one: Standing) -> tuple[float, float]:
    return (one.shown or np.inf, one.found or np.inf)


def _words(one: Standing) -> str:
    return ", ".join(one.words) or "no word"
