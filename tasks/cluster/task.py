"""Tasks of `cluster`: points to clusters, and what is done with clusters afterwards."""

from collections.abc import Sequence
from typing import assert_never

import numpy as np
import numpy.typing as npt

from configs.cluster import ByNeighbours, ByVectors, Cluster, Hdbscan, Kmeans
from tasks.cluster.identity import State, match_topics, stay
from tasks.data.documents import DocumentsRef
from tasks.data.topics import (
    Clustered,
    Fate,
    FatesRef,
    GraphRef,
    LabelsRef,
    LayoutRef,
    Matched,
    RowsRef,
    Sample,
    StrengthsRef,
    TopicRecord,
)
from tasks.data.vectors import VectorsRef
from tasks.errors import DataError
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects
from tasks.vectors.arithmetic import centres_of


def cluster_points(points: LayoutRef | VectorsRef, config: Cluster, scale: float) -> Clustered:
    """Find the clusters of points.

    Args:
        points: (N, C).
        config: How.
        scale: Larger: fewer and larger clusters, where their size or number is not given.
    """
    match config:
        case Hdbscan():
            return cluster_hdbscan(points, config, scale)
        case Kmeans():
            return cluster_kmeans(points, config, scale)
        case _:
            assert_never(config)


@step(name="cluster-hdbscan", libraries=("hdbscan",))
def cluster_hdbscan(points: LayoutRef | VectorsRef, config: Hdbscan, scale: float = 1.0) -> Clustered:
    """Label points by the dense region they lie in; -1 is noise.

    Args:
        points: (N, C).
        config: Least size, and how much is noise.
        scale: Times the least size, where that is not given.
    """
    from tasks.cluster.core import hdbscan_clusters, least_size

    rows = objects.load_array(points)
    size = config.min_cluster_size or least_size(len(rows), scale)
    found = hdbscan_clusters(rows, min_cluster_size=size, min_samples=config.min_samples, method=config.method)
    steps.log_metrics(least_size=size)
    return _save(found.labels, found.strengths)


@step(name="cluster-kmeans", libraries=("scikit-learn",))
def cluster_kmeans(points: LayoutRef | VectorsRef, config: Kmeans, scale: float = 1.0) -> Clustered:
    """Label points by the nearest of so many centres; there is no noise.

    Args:
        points: (N, C).
        config: How many clusters.
        scale: Divides their number, where that is not given.
    """
    from tasks.cluster.core import kmeans_clusters

    rows = objects.load_array(points)
    clusters = config.clusters or max(1, round(len(rows) ** 0.5 / scale))
    found = kmeans_clusters(rows, clusters=clusters, seed=config.seed)
    return _save(found.labels, found.strengths)


@step(name="cluster-sample", libraries=("faiss-cpu",))
def sample_rows(vectors: VectorsRef, size: int, seed: int) -> Sample:
    """Draw rows so that every region of space has its share of them.

    Args:
        vectors: (N, D) unit-length rows.
        size: How many.
        seed: Same seed, same rows.
    """
    from tasks.cluster.sampling import stratified_rows

    rows = objects.load_array(vectors)
    drawn = stratified_rows(rows, size, seed)
    return Sample(rows=objects.save_array(RowsRef, drawn), vectors=objects.save_array(VectorsRef, rows[drawn]))


@step(name="cluster-shuffle", libraries=("numpy",))
def shuffle_rows(vectors: VectorsRef, seed: int) -> Sample:
    """Return all rows in another order.

    Args:
        vectors: (N, D) rows.
        seed: Same seed, same order.
    """
    rows = objects.load_array(vectors)
    order = np.random.default_rng(seed).permutation(len(rows))
    return Sample(rows=objects.save_array(RowsRef, order), vectors=objects.save_array(VectorsRef, rows[order]))


@step(name="cluster-vote", libraries=("numpy",))
def vote_clusters(among: GraphRef, sample: Clustered) -> Clustered:
    """Give each row the cluster that most of its neighbours in a sample belong to.

    Args:
        among: (N, K, 2) nearest rows of the sample.
        sample: Clusters of the sample.
    """
    from tasks.cluster.sampling import vote

    found = vote(objects.load_array(among), objects.load_array(sample.labels), objects.load_array(sample.strengths))
    return _save(found.labels, found.strengths)


@step(name="cluster-outliers", run_name="cluster-outliers {config.kind}", libraries=("numpy",))
def reduce_outliers(
    clustered: Clustered, vectors: VectorsRef, graph: GraphRef, config: ByVectors | ByNeighbours
) -> Clustered:
    """Give documents of noise to a topic, where there is reason enough.

    Args:
        clustered: (N,) clusters.
        vectors: (N, D) unit-length rows.
        graph: (N, K, 2) their neighbours.
        config: Method and its threshold.
    """
    from tasks.cluster import outliers

    labels, strengths = objects.load_array(clustered.labels), objects.load_array(clustered.strengths)
    match config:
        case ByVectors():
            found, decided = outliers.by_vectors(objects.load_array(vectors), labels, config.threshold)
        case ByNeighbours():
            found, decided = outliers.by_neighbours(objects.load_array(graph), labels, config.threshold)
        case _:
            assert_never(config)
    steps.log_metrics(given=int((found != labels).sum()))
    return _save(found, np.where(found == labels, strengths, decided).astype(np.float32))


@step(name="cluster-match", libraries=("scipy",))
def match_clusters(
    documents: DocumentsRef,
    labels: LabelsRef,
    vectors: VectorsRef,
    previous: TopicRecord | None,
    least: float,
    *,
    leave: bool = False,
) -> Matched:
    """Give clusters the numbers of the topics of an earlier run that they continue; say what became of those.

    Which documents are together is not changed by that run, unless `leave` says so.

    Args:
        documents: N documents.
        labels: (N,) cluster of each.
        vectors: (N, D) unit-length rows.
        previous: The earlier run; None where this is the first.
        least: Least agreement of two clusters to be one topic.
        leave: Whether documents are left in the topic that they had in that run, as `stay` does.
    """
    found, rows = objects.load_array(labels), objects.load_array(vectors)
    numbers, centres = centres_of(rows, found)
    new = State(_ids(documents), found, numbers, centres, -1)
    old = State((), found[:0], numbers[:0], centres[:0], -1) if previous is None else _state(previous)
    names, fates = match_topics(old, new, least)
    named = np.array([names.get(int(label), -1) for label in found], dtype=np.int64)
    final = stay(old, new.documents, named, rows) if leave else named
    stayed = int((final != named).sum())
    steps.log_metrics(stayed=stayed)
    for fate in ("kept", "born", "died", "merged", "split"):
        steps.log_metrics(**{fate: sum(f.fate == fate for f in fates)})
    return Matched(
        labels=objects.save_array(LabelsRef, final),
        centres=objects.save_array(VectorsRef, centres_of(rows, final)[1]),
        fates=objects.save_rows(FatesRef, Fate, fates),
        highest=max([old.highest, *names.values()]),
        stayed=stayed,
        previous=0 if previous is None else previous.number,
    )


@step(name="cluster-merge", libraries=("numpy",))
def merge_clusters(labels: LabelsRef, groups: Sequence[Sequence[int]]) -> LabelsRef:
    """Make one topic of several; it has the first one's number.

    Args:
        labels: (N,) clusters.
        groups: Numbers of the topics to make one.
    """
    from tasks.cluster.joining import merged

    return objects.save_array(LabelsRef, merged(objects.load_array(labels), groups))


@step(name="cluster-named", libraries=("numpy",))
def name_clusters(vectors: VectorsRef, names: VectorsRef, threshold: float) -> Clustered:
    """Give rows to the topics whose names are given, where one is close enough; the others are noise.

    Args:
        vectors: (N, D) unit-length rows.
        names: (Q, D) vectors of the names.
        threshold: Least cosine.
    """
    from tasks.cluster.joining import nearest_names

    found = nearest_names(objects.load_array(vectors), objects.load_array(names), threshold)
    return _save(found.labels, found.strengths)


@step(name="cluster-rest", libraries=("numpy",))
def take_rest(vectors: VectorsRef, named: Clustered) -> Sample:
    """Return the rows that belong to no cluster.

    Args:
        vectors: (N, D) rows.
        named: (N,) clusters.
    """
    rest = np.flatnonzero(objects.load_array(named.labels) < 0)
    rows = objects.load_array(vectors)[rest]
    return Sample(rows=objects.save_array(RowsRef, rest), vectors=objects.save_array(VectorsRef, rows))


@step(name="cluster-join", libraries=("numpy",))
def join_clusters(named: Clustered, rest: RowsRef, found: Clustered, names: int) -> Clustered:
    """Put clusters that were found among the rest behind those that are named.

    Args:
        named: (N,) clusters 0..names-1, -1 for the rest.
        rest: (M,) rows of the rest.
        found: (M,) clusters of the rest.
        names: How many are named.
    """
    from tasks.cluster.core import Clusters
    from tasks.cluster.joining import joined

    both = [Clusters(objects.load_array(c.labels), objects.load_array(c.strengths)) for c in (named, found)]
    made = joined(both[0], objects.load_array(rest), both[1], names)
    return _save(made.labels, made.strengths)


@step(name="cluster-guide", libraries=("numpy",))
def guide_vectors(vectors: VectorsRef, seeds: VectorsRef, weight: float) -> VectorsRef:
    """Draw rows towards the seed of a topic that they are closest to.

    Args:
        vectors: (N, D) unit-length rows.
        seeds: (Q, D) vectors of the seeds.
        weight: How far.
    """
    from tasks.cluster.joining import guided

    return objects.save_array(VectorsRef, guided(objects.load_array(vectors), objects.load_array(seeds), weight))


@step(name="cluster-known")
def known_classes(documents: DocumentsRef, column: str) -> LabelsRef:
    """Number the values of a column of the documents; -1 where a document has none.

    Args:
        documents: N documents.
        column: Name of the column, kept with the documents.

    Raises:
        DataError: No document has it.
    """
    values = [dict(meta).get(column, "") for meta in objects.load_table(documents, ["meta"])["meta"].to_pylist()]
    numbers = {value: number for number, value in enumerate(sorted(set(values) - {""}))}
    if not numbers:
        raise DataError(f"no document has a value for {column!r} but classes were to be read; name it in source.keep")
    return objects.save_array(LabelsRef, np.array([numbers.get(value, -1) for value in values], dtype=np.int64))


def _save(labels: npt.NDArray[np.int64], strengths: npt.NDArray[np.float32]) -> Clustered:
    """Save clusters; count them and their noise."""
    steps.log_metrics(
        clusters=len(np.unique(labels[labels >= 0])), noise_share=float(np.mean(labels == -1)) if len(labels) else 0.0
    )
    return Clustered(
        labels=objects.save_array(LabelsRef, labels), strengths=objects.save_array(StrengthsRef, strengths)
    )


def _state(record: TopicRecord) -> State:
    labels = objects.load_array(record.labels)
    numbers = np.unique(labels[labels >= 0])
    return State(_ids(record.documents), labels, numbers, objects.load_array(record.centres), record.highest)


def _ids(documents: DocumentsRef) -> list[str]:
    return list(objects.load_table(documents, ["id"])["id"].to_pylist())
