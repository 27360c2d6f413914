"""How topics stand to one another, to time and to classes.

Shapes: N documents, D width, T topics, S slices.
Source: BERTopic's hierarchy of topics and topics per class, Grootendorst 2022, arXiv:2203.05794.
"""

from collections.abc import Sequence

import numpy as np

from tasks.data.topics import Merge, Share
from tasks.represent.counts import Counts
from tasks.represent.model import Floats, Ints, can_be_put_into_words, fit_topics, rows_of, top_words, weigh_classes

WORDS = 5  # of a joined group, and of a topic in a slice
LEAST_TOPICS = 3  # BERTopic draws no tree of fewer


def topic_tree(counts: Counts, labels: Ints, vectors: Floats) -> list[Merge]:
    """Join topics step by step, those whose words are closest first.

    Args:
        counts: Words of N documents.
        labels: (N,) topic of each, -1 for noise.
        vectors: (N, D) vector of each.

    Returns:
        T-1 joins, by distance; none of fewer than three topics.
    """
    if not can_be_put_into_words(counts, labels) or len(np.unique(labels[labels >= 0])) < LEAST_TOPICS:
        return []
    fitted = fit_topics(counts, labels, vectors, WORDS)
    tree = fitted.model.hierarchical_topics(fitted.rows).sort_values("Distance", kind="stable")
    count = len(tree) + 1

    def name(number: str) -> str:
        return str(fitted.ours[int(number)]) if int(number) < count else f"group {int(number) - count + 1}"

    return [
        Merge(
            parent=name(row.Parent_ID),
            left=name(row.Child_Left_ID),
            right=name(row.Child_Right_ID),
            topics=tuple(sorted(fitted.ours[int(t)] for t in row.Topics)),
            distance=float(row.Distance),
            words=tuple(word for word in row.Parent_Name.split("_") if word),
        )
        for row in tree.itertuples()
    ]


def topics_per_slice(counts: Counts, labels: Ints, slices: Sequence[str], order: Sequence[str]) -> list[Share]:
    """Say how many documents each topic has in each slice, and which words are its own there.

    Args:
        counts: Words of N documents.
        labels: (N,) topic of each, -1 for noise.
        slices: (N,) name of the slice of each document; an empty one is in none.
        order: The slices, in the order in which they are given back.

    Returns:
        By slice and topic; topics without a document in a slice are left out.
    """
    if not can_be_put_into_words(counts, labels):
        return []
    weights = weigh_classes(counts, labels)
    named = np.array(slices, dtype=object)
    found = []
    for slice_name in order:
        inside = np.flatnonzero(named == slice_name)
        for number in np.unique(labels[inside]).tolist():
            rows = inside[labels[inside] == number]
            counted = rows_of(np.zeros(len(rows), dtype=np.int64), 1) @ counts.matrix[rows]
            own = tuple(word for word, _ in top_words(weights.transformer.transform(counted), counts.words, WORDS))
            found.append(Share(slice_name, number, len(rows), len(rows) / len(inside), own))
    return found
