"""The main job: read a source, make it searchable, map its topics, judge it, and write one page about it.

Here:          python -m flows knowledge-base
Your folder:   python -m flows knowledge-base source.kind=files source.path=~/notes
On a worker:   prefect deployment run 'knowledge-base/cpu'
"""

from prefect import flow

from configs.flows import KnowledgeBase, Topics
from configs.ingest import PythonDocs, Source
from configs.retrieve import Dense, Fused, Retrieve, Sparse
from flows.rag_answers import answer_questions
from tasks.cluster import cluster_hdbscan
from tasks.data import CalibrationRef, DocumentsRef, Embedded, Evaluation, Generation, Outcome, TopicMap
from tasks.embed import describe_encoder, embed_passages, embed_queries, pool_documents
from tasks.evaluate import (
    calibrate_threshold,
    evaluate_answers,
    evaluate_rankings,
    load_calibration,
    load_questions,
    questions_for,
)
from tasks.generate import threshold_of, way_of
from tasks.index import index_dense, index_sparse, publish_generation
from tasks.ingest import ingest_documents, name_of, scan
from tasks.reduce import graph_neighbours, reduce_umap
from tasks.represent import represent_words
from tasks.retrieve import retrieve
from tasks.runtime import tracking
from tasks.runtime.pages import collection_page, collection_summary
from tasks.tokenize import chunk_documents


def preflight(
    source: Source = PythonDocs(), collection: str | None = None, config: KnowledgeBase = KnowledgeBase()
) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: The source is not there, the name is no name, the model is not here, the questions cannot be read.
    """
    name_of(source, collection)
    scan(source)
    encoder = describe_encoder(config.embed).encoder
    threshold_of(encoder, config.answer)
    questions_for(source.kind, config.evaluate)


def find_topics(documents: DocumentsRef, embedded: Embedded, config: Topics | None) -> TopicMap | None:
    """Cluster documents and put the clusters into words; None where that was not asked for or there are too few."""
    if config is None or documents.rows < config.min_documents:
        return None
    pooled = pool_documents(embedded.passages, embedded.vectors, documents)
    graph = graph_neighbours(pooled.vectors, config.reduce.neighbours)
    labels = cluster_hdbscan(reduce_umap(pooled.vectors, graph, config.reduce), config.cluster)
    layout = reduce_umap(
        pooled.vectors, graph, config.reduce.model_copy(update={"components": 2, "min_dist": config.map_min_dist})
    )
    topics = represent_words(pooled.documents, labels, pooled.vectors, config.represent)
    return TopicMap(documents=pooled.documents, layout=layout, labels=labels, topics=topics)


def calibrate(made: Generation, source: Source, config: KnowledgeBase) -> CalibrationRef | None:
    """Fit when nothing is answered, on the development half of the questions; None where there are none."""
    path = questions_for(source.kind, config.evaluate)
    asked = None if path is None else load_calibration(path, made.documents)
    if asked is None or config.evaluate.calibrate is None:
        return None
    answers = answer_questions(made, asked.queries, config.retrieve, config.answer)
    way = way_of(config.retrieve, config.answer)
    return calibrate_threshold(made, asked.questions, answers, way, config.evaluate.calibrate)


def evaluate(live: Generation, source: Source, config: KnowledgeBase) -> Evaluation | None:
    """Judge the collection by questions whose answers are known; None where there are none."""
    path = questions_for(source.kind, config.evaluate)
    if path is None:
        return None
    asked = load_questions(path, config.evaluate.split, live.documents)
    if not asked.answerable:
        return None
    vectors = embed_queries(asked.queries, live.fingerprint)
    ways: dict[str, Retrieve] = {"bm25": Sparse(k=100), "dense": Dense(k=100), "fused": Fused(k=100)}
    rankings = {name: retrieve(live, asked.queries, vectors, way) for name, way in ways.items()}
    measured = evaluate_rankings(asked.questions, live.passages, rankings, config.evaluate)
    answers = answer_questions(live, asked.queries, config.retrieve, config.answer)
    judged = evaluate_answers(asked.questions, answers, config.evaluate)
    return Evaluation(asked=asked, rankings=measured, answers=answers, decisions=judged)


@flow(name="knowledge-base", flow_run_name="knowledge-base {source.kind}")
def knowledge_base(
    source: Source = PythonDocs(), collection: str | None = None, config: KnowledgeBase = KnowledgeBase()
) -> Outcome:
    """Read a source, make it searchable, map its topics, judge it, and write one page about it.

    Args:
        source: Where documents come from.
        collection: Name of the collection to build; left out, it is made of the source's name.
        config: How each step is done.
    """
    preflight(source, collection, config)
    with tracking.run("knowledge-base", config, source=source, collection=collection) as run:
        encoder = describe_encoder(config.embed)
        snapshot = scan(source)
        ingested = ingest_documents(snapshot, source, config.ingest, encoder.encoder)
        passages = chunk_documents(ingested.documents, encoder.encoder, config.chunk)
        embedded = embed_passages(passages, encoder, config.embed.shards, config.runner)
        made = Generation(
            collection=name_of(source, collection),
            source=source.kind,
            snapshot=snapshot,
            documents=ingested.documents,
            passages=embedded.passages,
            vectors=embedded.vectors,
            dense=index_dense(embedded.vectors, config.index.dense),
            sparse=index_sparse(embedded.passages, config.index.sparse),
            fingerprint=encoder,
        )
        live = publish_generation(made.model_copy(update={"calibration": calibrate(made, source, config)}))
        topics = find_topics(ingested.documents, embedded, config.topics)
        evaluation = evaluate(live, source, config)
        run.publish(collection=live, rejected=ingested.rejected, topics=topics, evaluation=evaluation)
        page = collection_page(run, live, ingested, embedded, topics, evaluation)
        return run.outcome(collection_summary(live, topics, evaluation), page)
