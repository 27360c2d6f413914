"""Find topics by text, and documents worth a look.

Shapes: Q texts, N documents, D width, K neighbours.
Source: ours; a document whose neighbours carry another class is suspect, Wilson 1972, doi:10.1109/TSMC.1972.4309137.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.data.topics import Remark, TopicMatch
from tasks.vectors.arithmetic import cosine

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
NEAREST = 10  # documents of a topic that speak for it
SHOWN = 50  # remarks of a kind


def places_of(queries: Floats, vectors: Floats, labels: Ints, most: int) -> list[TopicMatch]:
    """Find the topics that texts belong to.

    A topic is as close as the mean of its ten documents that are closest: a broad topic with a corner for the text is
    found as well as a narrow one.

    Args:
        queries: (Q, D) unit-length vectors of the texts.
        vectors: (N, D) unit-length rows.
        labels: (N,) topic of each, -1 for noise, which is never found.
        most: Topics a text.

    Returns:
        For each text its topics, closest first; a tie goes to the lower number.
    """
    numbers = np.unique(labels[labels >= 0])
    found = []
    for query, row in enumerate(cosine(queries, vectors)):
        scores = []
        for number in numbers.tolist():
            mine = row[labels == number]
            kept = min(NEAREST, len(mine))
            scores.append((-float(np.partition(mine, len(mine) - kept)[-kept:].mean()), number))
        found += [TopicMatch(query, number, -score) for score, number in sorted(scores)[:most]]
    return found


def outliers_worth_reading(vectors: Floats, graph: Floats, labels: Ints) -> list[Remark]:
    """List documents of no topic that are far from all others.

    Args:
        vectors: (N, D) unit-length rows.
        graph: (N, K, 2) neighbours, each row its own first.
        labels: (N,) topic of each, -1 for noise.

    Returns:
        At most fifty, the loneliest first: the one whose nearest neighbours have the lowest mean cosine.
    """
    noise = np.flatnonzero(labels < 0)
    if graph.shape[1] < 2 or not len(noise):
        return []
    near = graph[noise, 1:, 0].astype(np.int64)
    closeness = np.einsum("nd,nkd->nk", vectors[noise], vectors[near]).mean(axis=1)
    order = np.argsort(closeness, kind="stable")[:SHOWN]
    return [
        Remark("outlier", int(noise[i]), int(near[i, 0]), float(1 - closeness[i]),
               f"its neighbours have a mean cosine of {closeness[i]:.2f}") for i in order
    ]  # fmt: skip


def near_duplicates(vectors: Floats, graph: Floats, least: float, texts: Sequence[str]) -> list[Remark]:
    """List pairs of documents that say almost the same; those that say the same are counted where they are read.

    Args:
        vectors: (N, D) unit-length rows.
        graph: (N, K, 2) neighbours, each row its own first.
        least: Least cosine of a pair.
        texts: (N,) what each says.

    Returns:
        At most fifty pairs of different texts, the closest first; each once, the lower row first.
    """
    first: dict[str, int] = {}
    same = np.array([first.setdefault(text, row) for row, text in enumerate(texts)], dtype=np.int64)
    rows = np.repeat(np.arange(len(graph)), graph.shape[1])
    others = graph[..., 0].astype(np.int64).ravel()
    rows, others = same[rows], same[others]
    pairs = np.unique(np.sort(np.stack([rows, others], axis=1)[rows != others], axis=1), axis=0)
    close = np.einsum("nd,nd->n", vectors[pairs[:, 0]], vectors[pairs[:, 1]])
    order = [i for i in np.argsort(-close, kind="stable")[:SHOWN] if close[i] >= least]
    return [
        Remark(
            "near-duplicate", int(pairs[i, 0]), int(pairs[i, 1]), min(1.0, float(close[i])), f"cosine {close[i]:.3f}"
        )
        for i in order
    ]


def probably_mislabelled(graph: Floats, classes: Sequence[str], least: float) -> list[Remark]:
    """List documents whose neighbours agree on another class than theirs.

    Args:
        graph: (N, K, 2) neighbours, each row its own first.
        classes: (N,) class of each; an empty one is not known.
        least: Least share of the neighbours, those of no class left out, that agree.

    Returns:
        At most fifty, those whose neighbours agree most first.
    """
    found = []
    for row, near in enumerate(graph[:, 1:, 0].astype(np.int64).tolist()):
        around = Counter(classes[other] for other in near if classes[other])
        if not classes[row] or not around:
            continue
        ((other, votes),) = around.most_common(1)
        share = votes / around.total()
        if other != classes[row] and share >= least:
            detail = f"is {classes[row]}, but {votes} of {around.total()} neighbours are {other}"
            found.append(Remark("mislabelled", row, -1, share, detail))
    return sorted(found, key=lambda r: (-r.score, r.row))[:SHOWN]
