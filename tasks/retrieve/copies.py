"""Of documents that are found by the same words, search one: the others would take the places of other hits.

Shapes: N documents.
Source: ours.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from tasks.data.documents import Copy


def one_of_each(allowed: npt.NDArray[np.bool_], copies: Iterable[Copy]) -> npt.NDArray[np.bool_]:
    """Return (N,) which documents are searched: of copies the first that a query may find.

    Args:
        allowed: (N,) whether a query may find a document.
        copies: Documents that repeat one another, in the order of their rows.
    """
    kept, seen = allowed.copy(), set()
    for copy in copies:
        if allowed[copy.row] and copy.first in seen:
            kept[copy.row] = False
        elif allowed[copy.row]:
            seen.add(copy.first)
    return kept
