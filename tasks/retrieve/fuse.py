"""Join ranked lists into one.

Source: reciprocal rank fusion, Cormack, Clarke & Buettcher, SIGIR 2009, doi:10.1145/1571941.1572114; convex
combination of scores between their theoretical least and the best of a query, Bruch, Gai & Ingber 2022,
arXiv:2210.11934.
"""

from collections.abc import Mapping, Sequence

from tasks.errors import ContractError

LEAST_COSINE = -1.0
LEAST_BM25 = 0.0
ROUNDING = 1e-5  # what 32-bit unit vectors may be off


def reciprocal_ranks(lists: Sequence[Sequence[int]], *, rank_constant: int) -> dict[int, float]:
    """Score rows by the sum over lists of 1 / (rank_constant + rank), ranks from 1.

    Args:
        lists: Rows of each list, best first, none twice in a list.
        rank_constant: Larger values make the first ranks count for less.

    Returns:
        Row to score, best first; a tie goes to the lower row.

    Raises:
        ContractError: A list names a row twice.
    """
    scores: dict[int, float] = {}
    for ranked in lists:
        if len(set(ranked)) != len(ranked):
            raise ContractError("a ranked list names a row twice; merge its duplicates before fusion")
        for rank, row in enumerate(ranked, start=1):
            scores[row] = scores.get(row, 0.0) + 1.0 / (rank_constant + rank)
    return _best_first(scores)


def weighted_scores(dense: Mapping[int, float], sparse: Mapping[int, float], *, weight: float) -> dict[int, float]:
    """Score rows by the weighted mean of cosine and BM25, each put between its least possible value and its best.

    Args:
        dense: Row to cosine.
        sparse: The same rows to BM25, zero where no word is shared.
        weight: Share of the cosine, 0..1; the rest is that of BM25.

    Returns:
        Row to score, above 0 to 1, best first; a tie goes to the lower row. What scores zero is left out: with weight
        0 the rows that share no word.

    Raises:
        ContractError: The two name other rows, or a score lies below the least possible.
    """
    if dense.keys() != sparse.keys():
        raise ContractError(f"{len(dense.keys() ^ sparse.keys())} rows have one score of two; give each row both")
    by_meaning, by_words = between(dense, least=LEAST_COSINE), between(sparse, least=LEAST_BM25)
    scores = {row: weight * by_meaning[row] + (1 - weight) * by_words[row] for row in dense}
    return _best_first({row: score for row, score in scores.items() if score > 0})


def between(scores: Mapping[int, float], *, least: float) -> dict[int, float]:
    """Put scores between 0, the least possible, and 1, the best of them; all are 0 where the best is the least.

    Raises:
        ContractError: A score lies below the least possible.
    """
    lowest, best = min(scores.values(), default=least), max(scores.values(), default=least)
    if lowest < least - ROUNDING:
        raise ContractError(f"a score is {lowest} but none below {least} can be; fuse cosines and BM25 scores")
    span = best - least
    return {row: max(0.0, score - least) / span if span > 0 else 0.0 for row, score in scores.items()}


def _best_first(scores: Mapping[int, float]) -> dict[int, float]:
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))
