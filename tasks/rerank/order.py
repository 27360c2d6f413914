"""Put hits into the order of new scores.

Shapes: H hits.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.data.search import Hit
from tasks.errors import ContractError


def by_score(hits: Sequence[Hit], scores: npt.NDArray[np.floating], *, k: int) -> list[Hit]:
    """Keep the best hits of every query.

    Args:
        hits: H hits of any number of queries.
        scores: (H,) new score of each; NaN where there is none.
        k: Hits a query that are kept; where there are fewer, all are.

    Returns:
        Hits in the order of the queries, best first, with their new score and a rank from 1; dense and sparse scores
        stay. A tie goes to the earlier rank. A hit without a score is left out.

    Raises:
        ContractError: There are not as many scores as hits, or `k` is below 1.
    """
    if scores.shape != (len(hits),):
        raise ContractError(f"scores have shape {scores.shape} but there are {len(hits)} hits; give each hit a score")
    if k < 1:
        raise ContractError(f"k is {k} but at least 1 was needed")
    places = np.array([(hit.query, hit.rank) for hit in hits], dtype=np.int64).reshape(-1, 2)
    order = np.lexsort((places[:, 1], -scores, places[:, 0]))
    kept: list[Hit] = []
    for row in order[np.isfinite(scores[order])]:
        rank = kept[-1].rank + 1 if kept and kept[-1].query == hits[row].query else 1
        if rank <= k:
            kept.append(dataclasses.replace(hits[row], rank=rank, score=float(scores[row])))
    return kept
