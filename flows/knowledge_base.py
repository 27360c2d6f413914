"""The main job: read a source, make it searchable, map its topics, judge it, and write one page about it.

Here:          python -m flows knowledge-base
Your folder:   python -m flows knowledge-base source.kind=files source.path=~/notes
On a worker:   prefect deployment run 'knowledge-base/cpu'
"""

from prefect import flow

from configs.flows import KnowledgeBase
from configs.ingest import PythonDocs, Source
from configs.retrieve import Dense, Fused, Retrieve, Sparse
from flows.rag_answers import answer_questions
from flows.topic_model import find_topics
from tasks.data import Evaluation, Generation, Outcome
from tasks.embed import describe_encoder, embed_passages, embed_queries
from tasks.evaluate import evaluate_answers, evaluate_rankings, load_questions, questions_for
from tasks.generate import threshold_of
from tasks.index import index_dense, index_sparse, publish_generation
from tasks.ingest import ingest_documents, name_of, scan
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
    judged = evaluate_answers(asked.questions, answers)
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
        live = publish_generation(
            Generation(
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
        )
        topics = find_topics(ingested.documents, embedded, config.topics)
        evaluation = evaluate(live, source, config)
        run.publish(collection=live, rejected=ingested.rejected, topics=topics, evaluation=evaluation)
        page = collection_page(run, live, ingested, embedded, topics, evaluation)
        return run.outcome(collection_summary(live, topics, evaluation), page)
