"""Topic model: which topics a source or a collection has, what they are called, and how they change from run to run.

Here:          python -m flows topic-model source.kind=files source.path=~/notes
Of a collection:  python -m flows topic-model collection=python-docs find='["clustering"]'
On a worker:   prefect deployment run 'topic-model/topic-model'
"""

from typing import assert_never

from prefect import flow

from configs.cluster import ByNeighbours, ByVectors, ByWords, Keep
from configs.flows import TopicModel, Topics
from configs.ingest import PythonDocs, Source
from configs.reduce import Umap
from configs.represent import Represent
from configs.topics import Free, Guided, Supervised, ZeroShotTopics
from tasks.cluster import (
    cluster_points,
    guide_vectors,
    join_clusters,
    known_classes,
    match_clusters,
    merge_clusters,
    name_clusters,
    reduce_outliers,
    sample_rows,
    shuffle_rows,
    take_rest,
    vote_clusters,
)
from tasks.data.documents import DocumentsRef, Rejected, RejectedRef
from tasks.data.evaluation import MeasuresRef
from tasks.data.models import Fingerprint
from tasks.data.run import Outcome
from tasks.data.topics import (
    Clustered,
    GraphRef,
    Grouped,
    LabelsRef,
    LayoutRef,
    Matched,
    TopicMap,
    TopicRecord,
    TopicReport,
)
from tasks.data.vectors import Embedded, Pooled, VectorsRef
from tasks.embed import describe_encoder, embed_passages, embed_queries, pool_documents, pool_passages, query_encoder
from tasks.errors import DataError
from tasks.evaluate import evaluate_stability, evaluate_topics
from tasks.index import open_collection
from tasks.ingest import ingest_documents, ingest_queries, list_items, name_of
from tasks.launch.publishing import announce_topics
from tasks.reduce import graph_among, graph_neighbours, place_points, reduce_points, reduce_umap
from tasks.report import collection_history
from tasks.report.names import named
from tasks.report.topic_model import published_summary, topic_page, topic_summary
from tasks.represent import (
    count_terms,
    drop_wordless,
    find_places,
    naming_by,
    outliers_by_words,
    remark_documents,
    represent_labels,
    represent_slices,
    represent_tree,
    represent_ways,
    represent_words,
    write_topic_labels,
    write_topics,
)
from tasks.runtime import steps, tracking
from tasks.store import objects
from tasks.store import topics as topic_records
from tasks.tokenize import chunk_documents, cover_documents, report_languages

Points = LayoutRef | VectorsRef


def preflight(
    source: Source = PythonDocs(),
    collection: str | None = None,
    find: list[str] | None = None,
    config: TopicModel = TopicModel(),
) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: The collection or source is not there, a text to find is empty, or the model is not here.
    """
    if collection is not None:
        open_collection(collection)
    else:
        list_items(source)
        name_of(source, None)
        describe_encoder(config.embed)
    check_naming(config.topics)
    if find is not None:
        ingest_queries(find)


def check_naming(config: Topics) -> None:
    """Check that what names topics is here, where that is a language model.

    Raises:
        FlowError: It is not, or its prompt lacks what it needs.
    """
    if config.label.written is not None:
        naming_by(config.label.written)


def read_corpus(source: Source, collection: str | None, config: TopicModel) -> tuple[str, DocumentsRef, Embedded]:
    """Return name, documents and vectors of a collection's live generation, or of a source where none is named."""
    if collection is not None:
        live = open_collection(collection)
        rejected = objects.save_rows(RejectedRef, Rejected, [])
        known = {"passages": live.passages, "vectors": live.vectors, "fingerprint": query_encoder(live)}
        return live.collection, live.documents, Embedded(rejected=rejected, **known)
    encoder = describe_encoder(config.embed)
    ingested = ingest_documents(list_items(source), source, config.ingest, encoder.encoder)
    passages = chunk_documents(ingested.documents, encoder.encoder, config.chunk)
    embedded = embed_passages(passages, encoder, config.embed.shards, config.runner)
    return name_of(source, None), ingested.documents, embedded


def check_columns(documents: DocumentsRef, config: TopicModel) -> None:
    """Check that some document has the columns that topics are held against, before any topic is looked for.

    Raises:
        DataError: None has one of them.
    """
    asked = {f"slices.{number}.column": over.column for number, over in enumerate(config.slices)}
    asked |= {"checks.classes": config.checks.classes or "", "evaluation.classes": config.evaluation.classes or ""}
    metas = [dict(meta) for meta in objects.load_table(documents, ["meta"])["meta"].to_pylist()]
    there = sorted({column for meta in metas for column, value in meta.items() if value})
    for setting, column in asked.items():
        if column and column not in there:
            known = ", ".join(map(repr, there[:8])) or "no column"
            raise DataError(
                f"{setting} is {column!r} but no document has a value for it (kept: {known}); name it in source.keep, "
                "of a collection in the run of knowledge-base that builds it"
            )


def find_topics(documents: DocumentsRef, embedded: Embedded, config: Topics | None) -> TopicMap | None:
    """Cluster documents and put the clusters into words; None where that was not asked for or there are too few."""
    if config is None or _units(documents, embedded, config) < config.min_documents:
        return None
    pooled = pool_units(documents, embedded, config)
    grouped = group_documents(pooled, config, embedded.fingerprint)
    return describe_topics(pooled, grouped.layout, grouped.clustered.labels, config)


def _units(documents: DocumentsRef, embedded: Embedded, config: Topics) -> int:
    return embedded.passages.rows if config.unit == "passages" else documents.rows


def pool_units(documents: DocumentsRef, embedded: Embedded, config: Topics) -> Pooled:
    """Return what is clustered: documents with the mean of their passages' vectors, or the passages themselves."""
    if config.unit == "passages":
        return pool_passages(embedded.passages, embedded.vectors, documents)
    return pool_documents(embedded.passages, embedded.vectors, documents)


def group_documents(pooled: Pooled, config: Topics, encoder: Fingerprint) -> Grouped:
    """Find neighbours, map and clusters of documents, as far as they are not given beforehand."""
    graph = graph_neighbours(pooled.vectors, *_neighbours(config))
    with steps.label("clusters"):
        points, clustered = guided_clusters(pooled, config, encoder)
    if config.min_word_share:
        counts = count_terms(pooled.documents, *_counted(config.represent))
        clustered = drop_wordless(counts, clustered, config.min_word_share)
    with steps.label("map"):
        layout = lay_out(pooled.vectors, graph, config)
    return Grouped(
        graph=graph,
        points=points,
        layout=layout,
        clustered=without_outliers(pooled, graph, clustered, config),
    )


def guided_clusters(pooled: Pooled, config: Topics, encoder: Fingerprint) -> tuple[Points, Clustered]:
    """Cluster documents with what is known of the topics beforehand."""
    match config.guide:
        case Free():
            return clusters_of(pooled.vectors, config)
        case Guided(seeds=seeds, weight=weight):
            vectors = embed_queries(ingest_queries(seeds), encoder)
            return clusters_of(guide_vectors(pooled.vectors, vectors, weight), config)
        case Supervised(column=column):
            return clusters_of(pooled.vectors, config, known_classes(pooled.documents, column))
        case ZeroShotTopics(topics=names, threshold=threshold):
            vectors = embed_queries(ingest_queries(names), encoder)
            named = name_clusters(pooled.vectors, vectors, threshold)
            rest = take_rest(pooled.vectors, named)
            if rest.rows.rows < config.min_documents:
                return pooled.vectors, named
            _, found = clusters_of(rest.vectors, config)
            return pooled.vectors, join_clusters(named, rest.rows, found, len(names))
        case _:
            assert_never(config.guide)


def clusters_of(vectors: VectorsRef, config: Topics, targets: LabelsRef | None = None) -> tuple[Points, Clustered]:
    """Cluster rows; of very many those of a sample, whose neighbours decide on the rest."""
    if vectors.rows > config.sample_above and targets is None:
        drawn = sample_rows(vectors, config.sample_above, config.sample_seed)
        with steps.label("sample"):
            points, found = clusters_of(drawn.vectors, config)
        among = graph_among(vectors, drawn.vectors, _neighbours(config)[0])
        return place_points(among, points), vote_clusters(among, found)
    graph = graph_neighbours(vectors, *_neighbours(config))
    points = reduce_points(vectors, graph, config.reduce, targets)
    return points, cluster_points(points, config.cluster, config.scale)


def lay_out(vectors: VectorsRef, graph: GraphRef, config: Topics) -> LayoutRef:
    """Lay rows out on the map; of very many those of a sample, among which the rest are placed."""
    base = config.reduce if isinstance(config.reduce, Umap) else Umap()
    flat = base.model_copy(update={"n_components": 2, "min_dist": config.map_min_dist})
    if vectors.rows <= config.sample_above:
        return reduce_umap(vectors, graph, flat)
    drawn = sample_rows(vectors, config.sample_above, config.sample_seed)
    near = graph_neighbours(drawn.vectors, *_neighbours(config))
    among = graph_among(vectors, drawn.vectors, _neighbours(config)[0])
    return place_points(among, reduce_umap(drawn.vectors, near, flat))


def _neighbours(config: Topics) -> tuple[int, int | None]:
    """Return how many neighbours a document has, and the principal axes they are sought in."""
    known = config.reduce if isinstance(config.reduce, Umap) else Umap()
    return known.n_neighbors, known.pca


def _counted(config: Represent) -> tuple[int, str]:
    """Return in how many documents a word must stand to count, and whose stop words do not."""
    return config.min_documents, config.language


def without_outliers(pooled: Pooled, graph: GraphRef, clustered: Clustered, config: Topics) -> Clustered:
    """Give documents of noise to topics, if that was asked for."""
    match config.outliers:
        case Keep():
            return clustered
        case ByWords() as way:
            counts = count_terms(pooled.documents, *_counted(config.represent))
            return outliers_by_words(counts, clustered, way)
        case ByVectors() | ByNeighbours() as way:
            return reduce_outliers(clustered, pooled.vectors, graph, way)
        case _:
            assert_never(config.outliers)


def describe_topics(pooled: Pooled, layout: LayoutRef, labels: LabelsRef, config: Topics) -> TopicMap:
    """Put clusters into words, and name them."""
    counts = count_terms(pooled.documents, *_counted(config.represent))
    worded = represent_words(counts, labels, pooled.vectors, config.represent)
    named = represent_labels(pooled.documents, labels, worded, config.label, config.represent.language)
    if (written := config.label.written) is not None:
        naming = (naming_by(written), written)
        named = write_topic_labels(
            pooled.documents, labels, named.topics, naming, config.label, config.represent.language
        )
    return TopicMap(
        documents=pooled.documents,
        layout=layout,
        labels=labels,
        topics=named.topics,
        naming=named.naming,
        unit=config.unit,
    )


def recognise(name: str, pooled: Pooled, found: LabelsRef, config: TopicModel) -> Matched:
    """Give clusters the numbers of the topics of the last run, and keep them for the next; a plan keeps nothing."""
    last = topic_records.previous(name, pooled.documents, found)
    matched = match_clusters(
        pooled.documents, found, pooled.vectors, last, config.last_run.least_match, leave=config.last_run.stay
    )
    if steps.planning() is None:
        topic_records.commit(
            TopicRecord(
                name=name,
                previous=matched.previous,
                documents=pooled.documents,
                found=found,
                labels=matched.labels,
                centres=matched.centres,
                highest=matched.highest,
            )
        )
    return matched


def judge(pooled: Pooled, grouped: Grouped, topics: TopicMap, config: TopicModel) -> tuple[MeasuresRef, ...]:
    """Measure topics; and, where that was asked for, how much runs with other seeds and orders agree."""
    measured = evaluate_topics(pooled.documents, grouped.points, topics.labels, topics.topics, config.evaluation)
    if config.evaluation.runs < 2:
        return (measured,)
    runs, orders = [], []
    for seed in range(config.evaluation.runs):
        other = config.topics
        if isinstance(other.reduce, Umap):
            other = other.model_copy(update={"reduce": other.reduce.model_copy(update={"seed": seed})})
        with steps.label(f"seed-{seed}"):
            shuffled = shuffle_rows(pooled.vectors, seed)
            runs.append(clusters_of(shuffled.vectors, other)[1].labels)
        orders.append(shuffled.rows)
    return measured, evaluate_stability(runs, orders, config.evaluation)


def look_closer(
    pooled: Pooled, grouped: Grouped, matched: Matched, topics: TopicMap, encoder: Fingerprint, config: TopicModel
) -> TopicReport:
    """Look at topics from all sides: words, tree, time, documents, quality."""
    counts = count_terms(pooled.documents, *_counted(config.topics.represent))
    clusters = (topics.labels, pooled.vectors)
    clustered = Clustered(labels=topics.labels, strengths=grouped.clustered.strengths)
    slices = []
    for number, over in enumerate(config.slices):
        with steps.label(f"slices-{number}"):
            slices.append(represent_slices(pooled.documents, counts, topics.labels, over))
    files = write_topics(pooled.documents, (clustered, pooled.vectors), topics.topics, matched.fates, encoder)
    return TopicReport(
        wordings=represent_ways(pooled.documents, counts, clusters, encoder, config.topics.represent),
        tree=represent_tree(counts, *clusters),
        slices=tuple(slices),
        matched=matched,
        remarks=remark_documents(pooled.documents, pooled.vectors, grouped.graph, topics.labels, config.checks),
        measures=judge(pooled, grouped, topics, config),
        coverage=cover_documents(pooled.documents, encoder.encoder),
        files=files,
    )


@flow(name="topic-model", flow_run_name=named("collection", "source"))
def topic_model(
    source: Source = PythonDocs(),
    collection: str | None = None,
    find: list[str] | None = None,
    config: TopicModel = TopicModel(),
) -> Outcome:
    """Find the topics of a source or a collection, name them, judge them, and follow them from run to run.

    Args:
        source: Where documents come from, if no collection is named.
        collection: Name of a collection that `knowledge-base` has built; its documents and vectors are taken.
        find: Texts to find the topics of.
        config: How each step is done.
    """
    with tracking.run("topic-model", config, source=source, collection=collection, find=find) as run:
        preflight(source, collection, find, config)
        live = None if collection is None else open_collection(collection)
        if live is not None:
            collection_history.link(run, live.collection)
        name, documents, embedded = read_corpus(source, collection, config)
        check_columns(documents, config)
        reading = report_languages(documents, embedded.passages, embedded.fingerprint.encoder, config.embed.readable)
        if (units := _units(documents, embedded, config.topics)) < config.topics.min_documents:
            other = "" if config.topics.unit == "passages" else ", set topics.unit=passages"
            raise DataError(
                f"{name} has {units} {config.topics.unit} but topics need {config.topics.min_documents}; "
                f"add some{other}, or lower topics.min_documents"
            )
        encoder = embedded.fingerprint
        pooled = pool_units(documents, embedded, config.topics)
        grouped = group_documents(pooled, config.topics, encoder)
        matched = recognise(name, pooled, grouped.clustered.labels, config)
        labels = merge_clusters(matched.labels, config.merge) if config.merge else matched.labels
        topics = describe_topics(pooled, grouped.layout, labels, config.topics)
        places = None
        if find is not None:
            with steps.label("find"):
                queries = embed_queries(ingest_queries(find), encoder)
            places = find_places(queries, pooled.vectors, topics.labels, config.top_topics)
        findings = look_closer(pooled, grouped, matched, topics, encoder, config)
        findings = findings.model_copy(update={"reading": reading})
        run.publish(topics=topics, findings=findings, places=places)
        run.register(f"topics-{name}", objects.path(findings.files), findings.files.digest)
        page = topic_page(run, name, topics, findings, config)
        summary = topic_summary(run, name, topics, findings, places, find or [])
        if live is not None:
            announce_topics(live)
        return run.outcome({**summary, **published_summary(topics, findings, config.published)}, page)
