"""Maximal marginal relevance: order hits so that each one adds something new.

Shapes: N candidates, K picks, D width.
Source: Carbonell & Goldstein, SIGIR 1998, doi:10.1145/290941.291025.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.data.search import Hit
from tasks.errors import ContractError

Floats = npt.NDArray[np.floating]


def mmr_order(query: Floats, candidates: Floats, *, k: int, diversity: float) -> npt.NDArray[np.int64]:
    """Pick `k` candidates, each time the best of relevance minus redundancy.

    Args:
        query: (D,), unit length.
        candidates: (N, D), unit-length rows.
        k: Picks to make, 1..N.
        diversity: 0 keeps the order of relevance; 1 looks only at novelty after the first pick.

    Returns:
        (k,) row numbers of `candidates` in the order picked; a tie goes to the lower row.

    Raises:
        ContractError: The widths differ, or `k` is outside 1..N.
    """
    if candidates.ndim != 2 or query.shape != candidates.shape[1:]:
        raise ContractError(f"query has shape {query.shape} but candidates {candidates.shape}; need (D,) and (N, D)")
    if not 1 <= k <= len(candidates):
        raise ContractError(f"k is {k} but there are {len(candidates)} candidates; lower rerank.k or retrieve more")

    relevance = candidates @ query  # (N,)
    redundancy = np.full(len(candidates), -np.inf)  # (N,) closest pick so far
    picks = [int(relevance.argmax())]
    while len(picks) < k:
        redundancy = np.maximum(redundancy, candidates @ candidates[picks[-1]])
        score = (1 - diversity) * relevance - diversity * redundancy
        score[picks] = -np.inf
        picks.append(int(score.argmax()))
    return np.array(picks, dtype=np.int64)


def marginal_scores(query: Floats, picks: Floats, *, diversity: float) -> npt.NDArray[np.float64]:
    """Return what each pick was chosen by: relevance minus redundancy with those before it.

    Args:
        query: (D,), unit length.
        picks: (K, D) unit-length rows, in the order of `mmr_order`.
        diversity: As it was for the order.

    Returns:
        (K,) scores that do not rise. Before the first pick nothing is redundant: it counts as -1, the least there is.
    """
    before = np.tril(np.ones((len(picks), len(picks)), dtype=bool), -1)
    redundancy = np.where(before, picks @ picks.T, -1.0).max(axis=1, initial=-1.0)
    return np.asarray((1 - diversity) * (picks @ query) - diversity * redundancy, dtype=np.float64)


def rerank_by_novelty(hits: Sequence[Hit], query: Floats, passages: Floats, *, k: int, diversity: float) -> list[Hit]:
    """Reorder the hits of one query by maximal marginal relevance.

    Args:
        hits: At least one, in any order; a tie goes to the earlier.
        query: (D,), unit length.
        passages: (N, D) unit-length rows that the hits point into.
        k: Hits kept; where there are fewer, all are.
        diversity: 0 keeps the order of relevance; 1 looks only at novelty after the first pick.

    Returns:
        Hits in the order picked, with a rank from 1 and the marginal score; dense and sparse scores stay.
    """
    rows = passages[[hit.passage for hit in hits]]
    picks = mmr_order(query, rows, k=min(k, len(hits)), diversity=diversity)
    scores = marginal_scores(query, rows[picks], diversity=diversity)
    return [
        dataclasses.replace(hits[row], rank=rank, score=float(score))
        for rank, (row, score) in enumerate(zip(picks, scores, strict=True), start=1)
    ]
