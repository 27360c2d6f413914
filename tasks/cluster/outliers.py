"""Give documents that belong to no cluster to one, where there is reason enough.

Shapes: N rows, D width, T clusters, K neighbours.
Source: the strategies of BERTopic, Grootendorst 2022, arXiv:2203.05794; the vote of neighbours is ours.
"""

import numpy as np
import numpy.typing as npt

from tasks.vectors.arithmetic import centres_of

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def by_vectors(vectors: Floats, labels: Ints, threshold: float) -> tuple[Ints, Floats]:
    """Give each row of noise to the cluster with the nearest centre, if its cosine reaches the threshold.

    Returns:
        (N,) labels, and (N,) the cosine that decided, 0 where nothing was decided.
    """
    numbers, centres = centres_of(vectors, labels)
    return by_scores(labels, numbers, np.asarray(vectors[labels < 0] @ centres.T), threshold)


def by_neighbours(graph: Floats, labels: Ints, threshold: float) -> tuple[Ints, Floats]:
    """Give each row of noise to the cluster that most of its neighbours belong to, if their share suffices.

    Args:
        graph: (N, K, 2) neighbours, each row its own first.
        labels: (N,) labels.
        threshold: Least share of the neighbours, noise among them counting against.

    Returns:
        (N,) labels, and (N,) the share that decided, 0 where nothing was decided.
    """
    numbers = np.unique(labels[labels >= 0]).astype(np.int64)
    noise = np.flatnonzero(labels < 0)
    around = labels[graph[noise, 1:, 0].astype(np.int64)]  # (n, K-1)
    shares = np.zeros((len(noise), len(numbers)), dtype=np.float32)
    for column in range(around.shape[1]):
        counted = np.flatnonzero(around[:, column] >= 0)
        shares[counted, np.searchsorted(numbers, around[counted, column])] += 1.0 / around.shape[1]
    return by_scores(labels, numbers, shares, threshold)


def by_scores(labels: Ints, numbers: Ints, scores: Floats, threshold: float) -> tuple[Ints, Floats]:
    """Give each row of noise to the cluster that scores best, if its score reaches the threshold.

    Args:
        labels: (N,) labels, n of them noise.
        numbers: (T,) numbers of the clusters.
        scores: (n, T), a row for each row of noise, in order.
        threshold: Least score.

    Returns:
        (N,) labels, and (N,) the score that decided, 0 where nothing was decided.
    """
    found, decided = labels.copy(), np.zeros(len(labels), dtype=np.float32)
    noise = np.flatnonzero(labels < 0)
    if not len(noise) or not len(numbers):
        return found, decided
    best = scores.argmax(axis=1)
    top = scores[np.arange(len(noise)), best]
    enough = top >= threshold
    found[noise[enough]] = numbers[best[enough]]
    decided[noise[enough]] = np.clip(top[enough], 0.0, 1.0)
    return found, decided
