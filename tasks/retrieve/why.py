"""Say why one document stands before another: by words, by meaning, by filters and by what reorders, in numbers.

Shapes: N passages.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt

from configs.retrieve import Dense, Fused, Retrieve, Sparse, Weighted
from tasks.retrieve.fuse import LEAST_COSINE

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
            case Fused(rank_constant=constant, candidates=most):
                return self._reciprocal(self.cosines, constant, most), self._reciprocal(
                    np.where(self.bm25 > 0, self.bm25, -np.inf), constant, most
                )
            case Weighted(weight=weight):
                span = max(float(self.cosines[self.allowed].max()) - LEAST_COSINE, 1e-9)
                best = max(float(self.bm25[self.allowed].max()), 1e-9)
                return weight * (self.cosines - LEAST_COSINE) / span, (1 - weight) * self.bm25 / best
            case _:
                assert_never(self.config)

    def _reciprocal(self, scores: Floats, constant: int, most: int) -> Floats:
        found = np.where(self.allowed, scores, -np.inf)
        order = np.lexsort((np.arange(len(found)), -found))[:most]
        shares = np.zeros_like(self.cosines)
        shares[order] = 1 / (constant + 1 + np.arange(len(order)))
        return np.where(np.isfinite(found), shares, 0.0)


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
    told = [f"{why}: {brought[0]}", brought[1], f"{_decisive(first, second)}"]
    told += [f"{one.document} is no hit, at rank {one.found:,} of all passages" for one in (first, second)
             if one.shown is None]  # fmt: skip
    return "; ".join(told)


def _decisive(first: Standing, second: Standing) -> str:
    """Say what puts the one before the other."""
    if (first.found or 0) > (second.found or 0):
        if first.score is not None and second.score is not None:
            return f"the reranker decides (scores {first.score:.3f} and {second.score:.3f})"
        return "the reranker decides"
    meaning, words = first.meaning - second.meaning, first.by_words - second.by_words
    if abs(meaning - words) < SAME:
        return "both decide"
    return "meaning decides" if meaning > words else "words decide"


def _place(one: Standing) -> tuple[float, float]:
    return (one.shown or np.inf, one.found or np.inf)


def _words(one: Standing) -> str:
    return ", ".join(one.words) or "no word"
