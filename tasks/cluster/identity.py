"""Recognise the topics of an earlier run: match clusters by the documents and the place they share.

Shapes: T new clusters, U old clusters, D width.
Source: assignment, Kuhn 1955, doi:10.1002/nav.3800020109, by scipy; overlap of documents, Jaccard 1901. The rest is
ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.data.topics import Fate
from tasks.vectors.arithmetic import centres_of

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
PART = 0.5  # of a topic's shared documents that must have gone to another for a merge or a split
FARTHEST = 0.02  # share of a topic's members that may be farther from its centre than one that stays
NEAR = 0.9  # cosine of centres from which two clusters without a shared document are the same


@dataclass(frozen=True, slots=True)
class State:
    """The clusters of one run.

    Attributes:
        documents: Id of each document.
        labels: (N,) cluster of each.
        numbers: (T,) numbers of the clusters, ascending.
        centres: (T, D) their centres, unit length.
        highest: Highest number ever given; the next topic to be born has the one after.
    """

    documents: Sequence[str]
    labels: Ints
    numbers: Ints
    centres: Floats
    highest: int


def match_topics(old: State, new: State, least: float) -> tuple[dict[int, int], list[Fate]]:
    """Give each new cluster the number of the old topic it continues, or one that was never used.

    Args:
        old: The earlier run.
        new: This run, its clusters numbered in any way.
        least: Least agreement of two clusters, 0 to 1, to be one topic.

    Returns:
        New number by the present one, and what became of every topic: by number, those that are no more last.
    """
    shared = _shared(old, new)
    kept = _assigned(_agreement(shared), least)
    names, highest = {}, old.highest
    for column, number in enumerate(new.numbers.tolist()):
        if column in kept:
            names[number] = int(old.numbers[kept[column]])
        else:
            highest += 1
            names[number] = highest
    known = {-1: -1, **{row: int(number) for row, number in enumerate(old.numbers)}}
    here = [names[int(number)] for number in new.numbers]
    fates = [_fate_of_new(here[column], column, kept.get(column), known, shared) for column in range(len(here))]
    gone = set(range(len(old.numbers))) - set(kept.values())
    dead = [_fate_of_old(known[row], row, here, shared) for row in sorted(gone)]
    return names, sorted(fates, key=lambda f: f.topic) + sorted(dead, key=lambda f: f.topic)


def stay(old: State, documents: Sequence[str], labels: Ints, vectors: Floats) -> Ints:
    """Leave documents in the topic they had, if it lives on, they are as close as its members, and no other is closer.

    Where density thins out, and between two topics, a document falls in and out by chance; its reader should not see
    that.

    Args:
        old: The earlier run.
        documents: Id of each document of this run.
        labels: (N,) topics of this run, with lasting numbers.
        vectors: (N, D) unit-length rows.

    Returns:
        (N,) topics; a new document stays as it was found.
    """
    was = dict(zip(old.documents, old.labels.tolist(), strict=True))
    then = np.array([was.get(document, -1) for document in documents], dtype=np.int64)
    numbers, centres = centres_of(vectors, labels)
    found, near = labels.copy(), np.full(len(labels), -np.inf)  # of the topic it is in now; of none, without bound
    for number, centre in zip(numbers.tolist(), centres, strict=True):
        near[labels == number] = vectors[labels == number] @ centre
    for number, centre in zip(numbers.tolist(), centres, strict=True):
        least = np.quantile(near[labels == number], FARTHEST)
        rows = np.flatnonzero((labels != number) & (then == number))
        found[rows[vectors[rows] @ centre >= np.maximum(least, near[rows])]] = number
    return found


@dataclass(frozen=True, slots=True)
class _Shared:
    """What U old and T new clusters have in common.

    Attributes:
        counts: (U, T) documents that are in both.
        cosines: (U, T) of their centres.
        old_known: (U,) documents of each old cluster that this run has too.
        new_known: (T,) documents of each new cluster that the earlier run had too.
        old_sizes: (U,) documents.
        new_sizes: (T,) documents.
    """

    counts: npt.NDArray[np.float64]
    cosines: npt.NDArray[np.float64]
    old_known: npt.NDArray[np.float64]
    new_known: npt.NDArray[np.float64]
    old_sizes: Ints
    new_sizes: Ints


def _shared(old: State, new: State) -> _Shared:
    was = dict(zip(old.documents, old.labels.tolist(), strict=True))
    both = [(was[d], label) for d, label in zip(new.documents, new.labels.tolist(), strict=True) if d in was]
    then = np.array([a for a, _ in both], dtype=np.int64)
    now = np.array([b for _, b in both], dtype=np.int64)
    in_old = then[None, :] == old.numbers[:, None]  # (U, n)
    in_new = now[None, :] == new.numbers[:, None]  # (T, n)
    return _Shared(
        counts=in_old.astype(np.float64) @ in_new.T.astype(np.float64),
        cosines=np.asarray(old.centres, dtype=np.float64) @ np.asarray(new.centres, dtype=np.float64).T,
        old_known=in_old.sum(axis=1).astype(np.float64),
        new_known=in_new.sum(axis=1).astype(np.float64),
        old_sizes=np.array([(old.labels == number).sum() for number in old.numbers], dtype=np.int64),
        new_sizes=np.array([(new.labels == number).sum() for number in new.numbers], dtype=np.int64),
    )


def _agreement(shared: _Shared) -> npt.NDArray[np.float64]:
    """Return (U, T): overlap of the documents that both runs know; where there are none, closeness of the centres."""
    union = shared.old_known[:, None] + shared.new_known[None, :] - shared.counts
    overlap = np.divide(shared.counts, union, out=np.zeros_like(shared.counts), where=union > 0)
    unknown = (shared.old_known[:, None] == 0) & (shared.new_known[None, :] == 0)
    return np.asarray(np.where(unknown, np.where(shared.cosines >= NEAR, shared.cosines, 0.0), overlap))


def _assigned(agreement: npt.NDArray[np.float64], least: float) -> dict[int, int]:
    """Return old row by new column, of the pairs that agree best in all and well enough each."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(-agreement)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return {column: row for row, column in pairs if agreement[row, column] >= max(least, np.finfo(np.float64).tiny)}


def _fate_of_new(topic: int, column: int, row: int | None, known: Mapping[int, int], shared: _Shared) -> Fate:
    """Say whether a new cluster was kept, split off another, or born."""
    size = int(shared.new_sizes[column])
    if row is not None:
        drift = max(0.0, 1.0 - float(shared.cosines[row, column]))
        return Fate(topic, "kept", -1, int(shared.old_sizes[row]), size, int(shared.counts[row, column]), drift)
    origin = int(shared.counts[:, column].argmax()) if len(shared.counts) else -1
    together = int(shared.counts[origin, column]) if origin >= 0 else 0
    if together and together >= PART * size:
        return Fate(topic, "split", known[origin], 0, size, together, 0.0)
    return Fate(topic, "born", -1, 0, size, 0, 0.0)


def _fate_of_old(topic: int, row: int, here: Sequence[int], shared: _Shared) -> Fate:
    """Say whether an old cluster that is no more was merged into another, or died."""
    size = int(shared.old_sizes[row])
    into = int(shared.counts[row].argmax()) if len(here) else -1
    together = int(shared.counts[row, into]) if into >= 0 else 0
    if together and together >= PART * size:
        return Fate(topic, "merged", here[into], size, 0, together, 0.0)
    return Fate(topic, "died", -1, size, 0, 0, 0.0)
