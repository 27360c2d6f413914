"""A share of cases as a measure, with its Wilson interval; and the F1 of the words of two texts."""

from collections import Counter
from collections.abc import Sequence

from tasks.data.evaluation import Measure
from tasks.metrics.intervals import wilson


def share_measure(name: str, what: str, hits: int, cases: int) -> Measure:
    """Return a share as a measure with its 95 % interval.

    Raises:
        ContractError: There are no cases, or more hits than cases.
    """
    return Measure(name, what, hits / max(1, cases), *wilson(hits, cases), cases)


def f1_of_words(ours: Sequence[str], theirs: Sequence[str]) -> float:
    """Return the harmonic mean of precision and recall of words; of no words on a side whether both have none."""
    if not ours or not theirs:
        return float(list(ours) == list(theirs))
    shared = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * shared / (len(ours) + len(theirs))
