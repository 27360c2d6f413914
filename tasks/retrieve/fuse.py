"""Join ranked lists into one.

Source: reciprocal rank fusion, Cormack, Clarke & Buettcher, SIGIR 2009, doi:10.1145/1571941.1572114.
"""

from collections.abc import Sequence

from tasks.errors import ContractError


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
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))
