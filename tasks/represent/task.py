"""Tasks of `represent`: clusters to words, names, trees and tables."""

import numpy as np

from configs.cluster import ByWords
from configs.represent import CTfIdf, Labels
from configs.topics import Slices, Suspicions
from tasks.data.documents import Document, DocumentsRef
from tasks.data.models import Fingerprint
from tasks.data.topics import (
    Clustered,
    CountsRef,
    Fate,
    FatesRef,
    GraphRef,
    LabelsRef,
    Merge,
    MergesRef,
    NamedTopics,
    PlacesRef,
    Remark,
    RemarksRef,
    Share,
    SharesRef,
    Sliced,
    StrengthsRef,
    Topic,
    TopicFilesRef,
    TopicMatch,
    TopicsRef,
)
from tasks.data.vectors import VectorsRef
from tasks.represent.counts import Counts, read_counts
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects
from tasks.vectors.arithmetic import centres_of

LIBRARIES = ("bertopic", "scikit-learn")
LANGUAGES = ("py3langid", "stopwordsiso")


@step(name="represent-counts", libraries=("scikit-learn", "bm25s", *LANGUAGES))
def count_terms(documents: DocumentsRef, min_documents: int, language: str = "auto") -> CountsRef:
    """Count the words of documents, once for all that puts topics into words.

    Args:
        documents: N documents.
        min_documents: Documents a word must stand in.
        language: Whose stop words do not count: auto, none or a code.
    """
    from tasks.represent.counts import count_words, find_languages, write_counts

    texts = texts_of(documents)
    counts = count_words(texts, min_documents, find_languages(texts, language))
    steps.log_metrics(words=len(counts.words))
    return objects.save_files(CountsRef, lambda folder: write_counts(counts, folder), shape=counts.matrix.shape)


@step(name="represent-words", run_name="represent-words {config.kind}", libraries=LIBRARIES)
def represent_words(counts: CountsRef, labels: LabelsRef, vectors: VectorsRef, config: CTfIdf) -> TopicsRef:
    """Describe every cluster by the words that set it apart.

    Args:
        counts: Words of N documents.
        labels: (N,) cluster of each.
        vectors: (N, D) vector of each.
        config: How many words.
    """
    from tasks.represent.words import put_into_words

    topics = put_into_words(counts_of(counts), objects.load_array(labels), objects.load_array(vectors), config)
    steps.log_metrics(topics=sum(t.topic >= 0 for t in topics))
    return objects.save_rows(TopicsRef, Topic, topics)


@step(name="represent-labels", libraries=("PyStemmer", "scikit-learn", *LANGUAGES))
def represent_labels(
    documents: DocumentsRef, labels: LabelsRef, topics: TopicsRef, config: Labels, language: str = "auto"
) -> NamedTopics:
    """Name every topic by its own words and phrases; members that had no part in it judge the name.

    Args:
        documents: N documents.
        labels: (N,) topic of each.
        topics: The topics in words.
        config: How long a name may be, who judges.
        language: Whose stop words and stems: auto, none or a code.
    """
    from tasks.represent.labels import label_measures, label_topics

    texts, given = texts_of(documents), objects.load_array(labels)
    named = label_topics(texts, given, objects.load_rows(topics, Topic), config, language)
    naming = label_measures(named, config.min_support)
    steps.log_metrics(**naming.stated())
    return NamedTopics(topics=objects.save_rows(TopicsRef, Topic, named), naming=naming)


@step(name="represent-wordless", libraries=LIBRARIES)
def drop_wordless(counts: CountsRef, clustered: Clustered, part: float) -> Clustered:
    """Make noise of clusters whose documents have next to no word in common.

    Args:
        counts: Words of N documents.
        clustered: (N,) clusters.
        part: Of what is usual among the clusters; below that one is noise.
    """
    from tasks.represent.counts import without_wordless

    labels, strengths = objects.load_array(clustered.labels), objects.load_array(clustered.strengths)
    found = without_wordless(counts_of(counts), labels, part)
    gone = found != labels
    steps.log_metrics(
        dropped=len(np.unique(labels[gone])), documents=int(gone.sum()), noise_share=float(np.mean(found < 0))
    )
    return Clustered(
        labels=objects.save_array(LabelsRef, found),
        strengths=objects.save_array(StrengthsRef, np.where(gone, 0.0, strengths).astype(np.float32)),
    )


@step(name="represent-outliers", libraries=LIBRARIES)
def outliers_by_words(counts: CountsRef, clustered: Clustered, config: ByWords) -> Clustered:
    """Give documents of noise to the topic whose words they are closest to, where that is close enough.

    Args:
        counts: Words of N documents.
        clustered: (N,) clusters.
        config: How close.
    """
    from tasks.represent.words import noise_by_words

    labels, strengths = objects.load_array(clustered.labels), objects.load_array(clustered.strengths)
    found = noise_by_words(counts_of(counts), labels, config.threshold)
    given = found != labels
    steps.log_metrics(given=int(given.sum()), noise_share=float(np.mean(found < 0)))
    return Clustered(
        labels=objects.save_array(LabelsRef, found),
        strengths=objects.save_array(StrengthsRef, np.where(given, config.threshold, strengths).astype(np.float32)),
    )


@step(name="represent-tree", libraries=LIBRARIES)
def represent_tree(counts: CountsRef, labels: LabelsRef, vectors: VectorsRef) -> MergesRef:
    """Join topics step by step, those whose words are closest first.

    Args:
        counts: Words of N documents.
        labels: (N,) topic of each.
        vectors: (N, D) vector of each.
    """
    from tasks.represent.relations import topic_tree

    found = topic_tree(counts_of(counts), objects.load_array(labels), objects.load_array(vectors))
    return objects.save_rows(MergesRef, Merge, found)


@step(name="represent-slices", run_name="represent-slices {config.column}", libraries=LIBRARIES)
def represent_slices(documents: DocumentsRef, counts: CountsRef, labels: LabelsRef, config: Slices) -> Sliced:
    """Say how much of each slice of the documents a topic has, and what it says there.

    Args:
        documents: N documents.
        counts: Their words.
        labels: (N,) topic of each.
        config: The column that cuts, and whether it is a time.
    """
    from tasks.represent.relations import topics_per_slice
    from tasks.represent.times import in_order, is_missing, time_slices

    names = ["" if is_missing(value) else value for value in column_of(documents, config.column)]
    order, unread, odd = in_order(names), 0, ""
    if config.bins:
        cut = time_slices(names, config.bins)
        names, order, unread, odd = cut.names, cut.order, cut.unread, cut.odd
    missing = names.count("") - unread
    shares = topics_per_slice(counts_of(counts), objects.load_array(labels), names, order)
    steps.log_metrics(slices=len(order), missing=missing, unread=unread)
    stored = objects.save_rows(SharesRef, Share, shares)
    return Sliced(column=config.column, shares=stored, missing=missing, unread=unread, odd=odd)


@step(name="represent-places", libraries=("numpy",))
def find_places(queries: VectorsRef, vectors: VectorsRef, labels: LabelsRef, most: int) -> PlacesRef:
    """Find the topics that texts belong to.

    Args:
        queries: (Q, D) vectors of the texts.
        vectors: (N, D) vector of each document.
        labels: (N,) topic of each.
        most: Topics a text.
    """
    from tasks.represent.finding import places_of

    found = places_of(objects.load_array(queries), objects.load_array(vectors), objects.load_array(labels), most)
    return objects.save_rows(PlacesRef, TopicMatch, found)


@step(name="represent-remarks", libraries=("numpy",))
def remark_documents(
    documents: DocumentsRef, vectors: VectorsRef, graph: GraphRef, labels: LabelsRef, config: Suspicions
) -> RemarksRef:
    """List documents worth a look: lonely ones, near-duplicates, and those whose class their neighbours doubt.

    Args:
        documents: N documents.
        vectors: (N, D) vector of each.
        graph: (N, K, 2) their neighbours.
        labels: (N,) topic of each.
        config: From when on something is worth a look.
    """
    from tasks.represent import finding

    rows, near = objects.load_array(vectors), objects.load_array(graph)
    found = finding.outliers_worth_reading(rows, near, objects.load_array(labels))
    found += finding.near_duplicates(rows, near, config.duplicate, _texts(documents))
    if config.classes is not None:
        found += finding.probably_mislabelled(near, column_of(documents, config.classes), config.agreement)
    for what in ("outlier", "near-duplicate", "mislabelled"):
        steps.log_metrics(**{what: sum(r.what == what for r in found)})
    return objects.save_rows(RemarksRef, Remark, found)


@step(name="represent-files", libraries=("pyarrow",))
def write_topics(
    documents: DocumentsRef, clusters: tuple[Clustered, VectorsRef], topics: TopicsRef, fates: FatesRef,
    encoder: Fingerprint,
) -> TopicFilesRef:  # fmt: skip
    """Return topics as files for others: documents and topics as Parquet and CSV, and a model to place new texts by.

    Args:
        documents: N documents.
        clusters: (N,) topic of each, and (N, D) vector of each.
        topics: The topics in words.
        fates: What became of the topics of the earlier run.
        encoder: Whose space the centres lie in.
    """
    from tasks.represent.files import write_files

    clustered, vectors = clusters
    labels = objects.load_array(clustered.labels)
    named = objects.load_rows(topics, Topic)
    centres = centres_of(objects.load_array(vectors), labels)[1]
    content = {
        "ids": objects.load_table(documents, ["id", "title"]), "labels": labels,
        "strengths": objects.load_array(clustered.strengths), "centres": centres,
    }  # fmt: skip
    known = {"model": encoder.encoder.model, "identity": encoder.encoder.identity, "width": encoder.encoder.width}
    history = objects.load_rows(fates, Fate)
    return objects.save_files(
        TopicFilesRef, lambda folder: write_files(folder, content, named, history, known), shape=(documents.rows,)
    )


def column_of(documents: DocumentsRef, column: str) -> list[str]:
    """Return what each document has in a column that was kept with it; empty where it has nothing."""
    return [dict(meta).get(column, "") for meta in objects.load_table(documents, ["meta"])["meta"].to_pylist()]


def _texts(documents: DocumentsRef) -> list[str]:
    return list(objects.load_table(documents, ["text"])["text"].to_pylist())


def texts_of(documents: DocumentsRef) -> list[str]:
    """Return title and text of each document."""
    rows = objects.load_rows(documents, Document)
    return [f"{row.title}\n{row.text}" if row.title else row.text for row in rows]


def counts_of(ref: CountsRef) -> Counts:
    """Return the counts that are stored."""
    return read_counts(objects.path(ref), ref.rows)
