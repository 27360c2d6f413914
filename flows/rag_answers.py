"""Answers with citations: quote what a collection says about a question, or say that it says nothing.

Here:          python -m flows rag-answers question="How do I scale features?"
On a worker:   prefect deployment run 'rag-answers/cpu' -p question="How do I scale features?"
"""

from prefect import flow

from configs.flows import RagAnswers
from configs.generate import Generate, Generated
from configs.rerank import Rerank
from configs.retrieve import Retrieve
from tasks.data import AnswersRef, Generation, Outcome, QueriesRef
from tasks.embed import embed_passages, embed_queries, query_encoder
from tasks.generate import (
    answer_extractive,
    answer_grounded,
    cut_sentences,
    describe_generator,
    load_answers,
    read_prompt,
    threshold_for,
    withhold_answers,
)
from tasks.index import open_collection
from tasks.ingest import ingest_queries
from tasks.rerank import check_reranker, enough_hits, rerank
from tasks.retrieve import retrieve
from tasks.runtime import tracking


def preflight(question: str, collection: str | None = None, config: RagAnswers = RagAnswers()) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: The question is empty, or there is no such collection, no threshold for its encoder, or what would
            rerank or write is not here.
    """
    ingest_queries([question])
    live = open_collection(collection)
    answer = config.answer
    threshold_for(live, config.retrieve, config.rerank, answer.quote if isinstance(answer, Generated) else answer)
    if isinstance(answer, Generated):
        describe_generator(answer)
        read_prompt(answer.prompt)
    check_reranker(live.fingerprint, config.rerank)


def answer_questions(
    live: Generation, asked: QueriesRef, retrieval: Retrieve, reranking: Rerank | None, config: Generate
) -> AnswersRef:
    """Answer questions from one generation of a collection."""
    encoder = query_encoder(live)
    vectors = embed_queries(asked, encoder)
    hits = retrieve(live, asked, vectors, enough_hits(retrieval, reranking))
    if reranking is not None:
        hits = rerank(live, asked, vectors, hits, reranking)
    quoting = config.quote if isinstance(config, Generated) else config
    sentences = cut_sentences(live.passages, hits, quoting.passages)
    embedded = embed_passages(sentences, encoder)
    quoted = answer_extractive(live, asked, vectors, hits, embedded, quoting)
    decided = withhold_answers(quoted, threshold_for(live, retrieval, reranking, quoting))
    if isinstance(config, Generated):
        return answer_grounded(live, hits, decided, describe_generator(config), read_prompt(config.prompt), config)
    return decided


@flow(name="rag-answers", flow_run_name="rag-answers")
def rag_answers(question: str, collection: str | None = None, config: RagAnswers = RagAnswers()) -> Outcome:
    """Answer a question with sentences of a collection, each cited, or say that nothing in it answers.

    Args:
        question: What to ask, in plain language.
        collection: Name of a collection that `knowledge-base` has built; left out, the only one there is.
        config: How to find passages, put them into a better order, and answer from them.
    """
    preflight(question, collection, config)
    with tracking.run("rag-answers", config, question=question, collection=collection) as run:
        live = open_collection(collection)
        asked = ingest_queries([question])
        answers = answer_questions(live, asked, config.retrieve, config.rerank, config.answer)
        run.publish(collection=live, answers=answers)
        answer = load_answers(answers)[0]
        return run.outcome(
            {"collection": live.collection, "generation": live.number, **answer.model_dump(mode="json")}
        )
