"""The main job: read a source, make it searchable, map its topics, judge it, and write one page about it.

Here:          python -m flows knowledge-base
Your folder:   python -m flows knowledge-base source.kind=files source.path=~/notes
On a worker:   prefect deployment run 'knowledge-base/knowledge-base'
"""

from pathlib import Path

from prefect import flow

from configs.flows import KnowledgeBase, SearchEvaluation
from configs.ingest import PythonDocs, Source
from configs.publish import Verify
from configs.retrieve import Dense, Sparse
from flows.rag_answers import find_passages
from flows.search_evaluation import evaluate_search
from flows.topic_model import check_naming, find_topics
from tasks.data.evaluation import Evaluation
from tasks.data.reading import ReadingReport
from tasks.data.releases import Comparison, Release
from tasks.data.run import Outcome
from tasks.data.search import CalibrationRef, Generation, Verified
from tasks.embed import describe_encoder, embed_passages, embed_queries, query_encoder
from tasks.errors import DataError, ModelError
from tasks.evaluate import (
    calibrate_threshold,
    compare_releases,
    draw_calibration,
    foreign_texts,
    load_calibration,
    load_shared_questions,
    questions_for,
)
from tasks.generate import measure_signals, threshold_of, way_of
from tasks.index import (
    compare_documents,
    draw_probes,
    index_copies,
    index_dense,
    index_sparse,
    live_before,
    publish_generation,
    verify_generation,
)
from tasks.ingest import ingest_documents, list_items, name_of
from tasks.launch import events
from tasks.launch.publishing import announce_collection, begin_collection
from tasks.report import collection_history
from tasks.report.knowledge_base import collection_page, collection_summary
from tasks.report.names import named
from tasks.rerank import check_reranker
from tasks.retrieve import retrieve
from tasks.runtime import steps, tracking
from tasks.tokenize import chunk_documents, report_languages


def preflight(
    source: Source = PythonDocs(), collection: str | None = None, config: KnowledgeBase = KnowledgeBase()
) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: The source is not there, the name is no name, a model is not here, the questions cannot be read.
    """
    name_of(source, collection)
    list_items(source)
    encoder = describe_encoder(config.embed)
    threshold_of(encoder.encoder, config.answer)
    check_reranker(encoder, config.rerank)
    questions_for(source.kind, config.evaluate)
    if config.topics is not None:
        check_naming(config.topics)


def verify(made: Generation, config: Verify) -> Verified:
    """Make sure that a generation is whole and that its passages are found again, by meaning and by words."""
    probes = draw_probes(made.passages, made.vectors, config)
    whole = made.model_copy(update={"copies": None})  # a search shows one of them, the indexes hold all
    with steps.label("probes", "dense"):
        dense = retrieve(whole, probes.queries, probes.vectors, Dense(k=5))
    with steps.label("probes", "bm25"):
        sparse = retrieve(whole, probes.queries, probes.vectors, Sparse(k=5))
    return verify_generation(made, probes, dense, sparse, config)


def calibrate(
    made: Generation, reading: ReadingReport, source: Source, config: KnowledgeBase
) -> CalibrationRef | None:
    """Fit when nothing is answered: by the development half of the questions, and by drawn ones where these lack."""
    if (rules := config.evaluate.calibrate) is None:
        return None
    path = questions_for(source.kind, config.evaluate)
    own = None if path is None else load_calibration(path, made.documents, made.copies)
    foreign = foreign_texts(reading.documents)
    foreign_to_encoder = sum(reading.untrained.values()) + sum(reading.unread.values())
    if 2 * foreign_to_encoder > reading.passages:
        rules = rules.model_copy(update={"foreign": rules.untrained})
    with steps.label("calibration"):
        texts = [text for some in foreign.values() for text in some]
        asked = draw_calibration(None if own is None else own.questions, made.passages, texts, rules)
        vectors = embed_queries(asked.queries, made.fingerprint)
        hits = find_passages(made, asked.queries, vectors, config.retrieve, config.rerank)
        signals = measure_signals(made, asked.queries, vectors, hits, config.answer.passages)
    way = way_of(config.retrieve, config.rerank, config.answer)
    return calibrate_threshold(made, asked.questions, signals, way, list(foreign), rules)


def evaluate(made: Generation, config: KnowledgeBase) -> Evaluation | None:
    """Judge the collection by questions whose answers are known; None where there are none."""
    judged = {name: getattr(config, name) for name in ("retrieve", "rerank", "answer", "evaluate")}
    return evaluate_search(made, made.fingerprint, SearchEvaluation(**judged, readable=config.embed.readable))


def compare(made: Generation, live: Generation | None, source: Source, config: KnowledgeBase) -> Comparison:
    """Ask the new and the live generation the same questions, each in its own encoder, or say why not.

    Raises:
        ModelError: The live generation's encoder is not here.
    """
    gate, path = config.publish.gate, questions_for(source.kind, config.evaluate)
    if gate is None or path is None or live is None:
        why = "the gate is off" if gate is None else "no questions" if path is None else "no generation is live yet"
        return Comparison(skipped=why)
    if live.cache_key() == made.cache_key():
        return Comparison(skipped="what is searched has not changed")
    asked = load_shared_questions(path, made, live)
    if asked.answerable < gate.min_questions:
        needed = f"at least {gate.min_questions} are needed (publish.gate.min_questions)"
        return Comparison(
            skipped=f"{asked.answerable} questions outside the test split have one answer here, {needed}"
        )
    try:
        encoders = {"new": made.fingerprint, "live": query_encoder(live)}
    except ModelError as error:
        raise ModelError(f"{error}; or set publish.gate=null, and the live generation is not compared with") from error
    rankings, passages = {}, {}
    for name, generation in (("new", made), ("live", live)):
        with steps.label("gate", name):
            vectors = embed_queries(asked.queries, encoders[name])
            rankings[name] = find_passages(generation, asked.queries, vectors, config.retrieve, config.rerank)
        passages[name] = generation.passages
    found = compare_releases(asked.questions, passages, rankings, config.evaluate, gate.tolerance)
    return found.model_copy(update={"against": live.number})


def release(made: Generation, verified: Verified, source: Source, config: KnowledgeBase) -> Release:
    """Publish a generation, unless it finds worse than the live one; say what changed in its documents."""
    live = live_before(made.collection)
    delta = compare_documents(live, made.documents)
    steps.log_metrics("delta", **delta.model_dump(exclude={"against"}))
    comparison = compare(made, live, source, config)
    made = made.model_copy(update={"delta": delta.model_dump()})
    if not comparison.refused:
        made = publish_generation(made, config.publish.keep)
    return Release(generation=made, delta=delta, verified=verified, comparison=comparison)


def refuse_worse(released: Release, page: Path) -> None:
    """Fail the run of a generation that was not published.

    Raises:
        DataError: It was not.
    """
    if (found := released.comparison).refused:
        events.gate_refused(f"collection.{released.generation.collection}", found.words, live=found.against)
        raise DataError(
            f"the new generation of {released.generation.collection} retrieves worse: {found.words} but no more than "
            f"{found.tolerance:g} less is allowed; generation {found.against} stays live, see {page}, fix the "
            "source or the config, or set publish.gate.tolerance"
        )


@flow(name="knowledge-base", flow_run_name=named("collection", "source"))
def knowledge_base(
    source: Source = PythonDocs(), collection: str | None = None, config: KnowledgeBase = KnowledgeBase()
) -> Outcome:
    """Read a source, make it searchable, map its topics, judge it, and write one page about it.

    Args:
        source: Where documents come from.
        collection: Name of the collection to build; left out, it is made of the source's name.
        config: How each step is done.
    """
    with tracking.run("knowledge-base", config, source=source, collection=collection) as run:
        kept = collection_history.keep(run, name_of(source, collection))
        preflight(source, collection, config)
        begin_collection(name_of(source, collection))
        encoder = describe_encoder(config.embed)
        snapshot = list_items(source)
        ingested = ingest_documents(snapshot, source, config.ingest, encoder.encoder)
        passages = chunk_documents(ingested.documents, encoder.encoder, config.chunk)
        reading = report_languages(ingested.documents, passages, encoder.encoder, config.embed.readable)
        ingested = ingested.model_copy(update={"reading": reading})
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
            copies=index_copies(ingested.documents) if ingested.counts.get("duplicates") else None,
        )
        verified = verify(made, config.publish.verify)
        made = made.model_copy(update={"calibration": calibrate(made, reading, source, config)})
        evaluation = evaluate(made, config)
        released = release(made, verified, source, config)
        kept.take(released, evaluation)
        topics = find_topics(ingested.documents, embedded, config.topics)
        run.publish(collection=released.generation, rejected=ingested.rejected, topics=topics, evaluation=evaluation)
        page = collection_page(run, released, ingested, embedded, topics, evaluation)
        refuse_worse(released, page)
        announce_collection(made.collection)
        return run.outcome(collection_summary(released, ingested, topics, evaluation), page)
