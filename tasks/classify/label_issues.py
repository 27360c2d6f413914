"""Find labels that are probably wrong.

Shapes: N texts, K classes.
Source: confident learning, Northcutt, Jiang & Chuang 2021, doi:10.1613/jair.1.12125, chapter 3: the confident joint
and the number of errors estimated from it. That the probability of the label alone says which they are is ours.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.data.classes import LabelIssue

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]


def class_thresholds(given: Ints, likely: Floats) -> Floats:
    """Return (K,) how likely a class is, in the mean, for the texts that are labelled so; 1 of a class without text.

    Args:
        given: (N,) labels.
        likely: (N, K) probabilities by what was fitted on other texts.
    """
    classes = likely.shape[1]
    total = np.bincount(given, weights=likely[np.arange(len(given)), given], minlength=classes)
    count = np.bincount(given, minlength=classes)
    return np.divide(total, count, out=np.ones(classes), where=count > 0)


def confident_labels(given: Ints, likely: Floats) -> Ints:
    """Return (N,) the likeliest class among those that reach their threshold; -1 where none does."""
    reached = likely >= class_thresholds(given, likely)[None, :]
    best = np.where(reached, likely, -np.inf).argmax(axis=1)
    return np.where(reached.any(axis=1), best, -1)


def expected_wrong(given: Ints, likely: Floats) -> int:
    """Return how many labels are wrong, as the confident joint has it, scaled to the texts each class has.

    Args:
        given: (N,) labels.
        likely: (N, K) probabilities by what was fitted on other texts.
    """
    confident, classes = confident_labels(given, likely), likely.shape[1]
    sure = confident >= 0
    cells = given[sure] * classes + confident[sure]
    joint = np.bincount(cells, minlength=classes**2).reshape(classes, classes).astype(np.float64)
    total = joint.sum(axis=1)
    share = np.divide(joint.diagonal(), total, out=np.ones(classes), where=total > 0)
    return int(np.rint(((1 - share) * np.bincount(given, minlength=classes)).sum()))


def probably_wrong(given: Ints, likely: Floats) -> Ints:
    """Return rows of texts whose label is probably wrong: as many as are expected, those whose label is least likely.

    The joint says how many labels are wrong, and the probability of the label says which; only texts that are likelier
    of another class are listed. Which pairs of classes the joint sees confused has no part in it: with many classes
    its cells hold too few texts.

    Args:
        given: (N,) labels.
        likely: (N, K) probabilities by what was fitted on other texts.

    Returns:
        Rows, those whose label is least likely first; a tie goes to the lower row.
    """
    rows = np.flatnonzero(likely.argmax(axis=1) != given)
    order = rows[np.argsort(likely[rows, given[rows]], kind="stable")]
    return order[: expected_wrong(given, likely)]


def contradictions(
    given: Ints, likely: Floats, classes: Sequence[str], documents: Sequence[Mapping[str, Any]]
) -> list[LabelIssue]:
    """Return rows that give a text another label than most rows of the same text.

    Where as many rows say one thing as another, what was fitted on other texts decides.

    Args:
        given: (N,) labels.
        likely: (N, K) probabilities by what was fitted on other texts.
        classes: Names of the classes.
        documents: Id and text of each.
    """
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, document in enumerate(documents):
        rows_of[document["text"]].append(row)
    found = []
    for text, rows in rows_of.items():
        votes = np.bincount(given[rows], minlength=len(classes))
        if np.count_nonzero(votes) < 2:
            continue
        likeliest = int(np.lexsort((likely[rows].mean(axis=0), votes))[-1])
        found += [
            LabelIssue(row, documents[row]["id"], classes[given[row]], classes[likeliest],
                       float(likely[row, given[row]]), text) for row in rows if given[row] != likeliest
        ]  # fmt: skip
    return sorted(found, key=lambda issue: (issue.confidence, issue.row))


def label_issues_of(
    given: Ints, likely: Floats, classes: Sequence[str], documents: Sequence[Mapping[str, Any]]
) -> list[LabelIssue]:
    """Return texts whose label is probably wrong; the documents have id and text."""
    return [
        LabelIssue(row, documents[row]["id"], classes[given[row]], classes[int(likely[row].argmax())],
              float(likely[row, given[row]]), documents[row]["text"])
        for row in probably_wrong(given, likely).tolist()
    ]  # fmt: skip
