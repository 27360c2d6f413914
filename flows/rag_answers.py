"""Answers with citations: quote what a collection says about a question, or say that it says nothing.

Here:          python -m flows rag-answers question="How do I scale features?"
A table:       python -m flows rag-answers evaluate.questions=asked.jsonl answer.kind=generated \
               answer.generator.kind=transformers answer.generator.model=~/models/small
On a worker:   prefect deployment run 'rag-answers/rag-answers' -p question="How do I scale features?"
"""

from prefect import flow

from configs.embed import Readable
from configs.flows import RagAnswers
from configs.generate import Generate, Generated
from configs.generators import ModelServer, for_one_question
from configs.rerank import Rerank
from configs.retrieve import Retrieve
from tasks.data.answers import AnswersRef
from tasks.data.chains import MethodsJudged
from tasks.data.messages import Generator
from tasks.data.run import Outcome
from tasks.data.search import Generation, HitsRef, QueriesRef
from tasks.data.vectors import VectorsRef
from tasks.embed import embed_passages, embed_queries, query_encoder
from tasks.errors import ContractError
from tasks.evaluate import evaluate_open_book, load_questions, questions_for
from tasks.generate import (
    answer_closed_book,
    answer_extractive,
    answer_grounded,
    cut_sentences,
    describe_generator,
    load_answers,
    read_closed_book_prompt,
    read_prompt,
    threshold_for,
    withhold_answers,
    withhold_unread,
)
from tasks.index import open_collection
from tasks.ingest import ingest_queries
from tasks.report import collection_history
from tasks.report.names import named
from tasks.report.rag_answers import answer_page, count_endings, open_book_page, open_book_summary, unasked
from tasks.rerank import check_reranker, enough_hits, rerank
from tasks.retrieve import missing_words, retrieve
from tasks.runtime import tracking
from tasks.tokenize import find_unread, warn_of_question


def preflight(question: str | None = None, collection: str | None = None, config: RagAnswers = RagAnswers()) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: Nothing is asked, the question is empty, a table is put to what writes nothing, there is no such
            collection, no threshold for its encoder, or what would rerank or write is not here.
    """
    answer, table = config.answer, config.evaluate.questions
    if question is None and table is None:
        raise ContractError("rag-answers needs question=..., or evaluate.questions=FILE and answer.kind=generated")
    if question is not None:
        ingest_queries([question])
    elif not isinstance(answer, Generated):
        raise ContractError(
            f"answer.kind is {answer.kind}, which cannot answer without passages; set answer.kind=generated"
        )
    live = open_collection(collection)
    if question is None and isinstance(answer, Generated):
        questions_for(live.source, config.evaluate)
        read_closed_book_prompt(answer.closed_prompt)
    threshold_for(live, config.retrieve, config.rerank, answer.quote if isinstance(answer, Generated) else answer)
    if isinstance(answer, Generated):
        drawn_as_asked(answer)
        read_prompt(answer.prompt)
    check_reranker(live.fingerprint, config.rerank)


def drawn_as_asked(config: Generated, *, one: bool = True) -> tuple[Generator, Generated, str]:
    """Return what writes answers; the config with nothing left open, for one question or many; its sampling in words.

    Raises:
        FlowError: The model is not here, or does not know a setting.
    """
    generator = describe_generator(config)
    asked = for_one_question(config.generator) if one else config.generator
    resolved = config.model_copy(
        update={
            "sampling": generator.sampling.resolve(config.sampling),
            "citations": config.citations or ("free" if isinstance(asked, ModelServer) else "constrained"),
            "generator": asked,
        }
    )
    return generator, resolved, generator.sampling.stated(config.sampling)


def find_passages(
    live: Generation, asked: QueriesRef, vectors: VectorsRef, retrieval: Retrieve, reranking: Rerank | None
) -> HitsRef:
    """Return the passages of a collection for each query, put into a better order where that is asked for."""
    hits = retrieve(live, asked, vectors, enough_hits(retrieval, reranking))
    return hits if reranking is None else rerank(live, asked, vectors, hits, reranking)


def answer_questions(
    live: Generation, asked: QueriesRef, retrieval: Retrieve, reranking: Rerank | None, config: Generate,
    readable: Readable = Readable(),
) -> AnswersRef:  # fmt: skip
    """Answer questions from one generation of a collection; none that its encoder cannot read."""
    encoder = query_encoder(live)
    vectors = embed_queries(asked, encoder)
    hits = find_passages(live, asked, vectors, retrieval, reranking)
    quoting = config.quote if isinstance(config, Generated) else config
    sentences = cut_sentences(live.passages, hits, quoting.passages)
    embedded = embed_passages(sentences, encoder)
    quoted = answer_extractive(live, asked, vectors, hits, embedded, quoting)
    decided = withhold_answers(quoted, threshold_for(live, retrieval, reranking, quoting))
    if any(reasons := find_unread(live, asked, hits, readable)):
        decided = withhold_unread(decided, reasons)
    if isinstance(config, Generated):
        generator, resolved, _ = drawn_as_asked(config, one=asked.rows == 1)
        return answer_grounded(live, hits, decided, generator, read_prompt(config.prompt), resolved)
    return decided


def compare_closed_book(live: Generation, config: RagAnswers, run: tracking.Run) -> Outcome:
    """Let one model answer a table of questions with passages and without, and compare the two."""
    path, answer = questions_for(live.source, config.evaluate), config.answer
    if path is None or not isinstance(answer, Generated):
        raise ContractError("a table of questions needs evaluate.questions and answer.kind=generated; set both")
    asked = load_questions(path, config.evaluate.split, live.documents, live.copies)
    answer = answer.model_copy(update={"unsupported": "show"})  # what the model says is compared, not a quote
    open_book = answer_questions(live, asked.queries, config.retrieve, config.rerank, answer, config.readable)
    generator, resolved, sampling = drawn_as_asked(answer, one=asked.queries.rows == 1)
    prompt = read_closed_book_prompt(answer.closed_prompt)
    closed_book = answer_closed_book(asked.queries, generator, prompt, resolved)
    judged: MethodsJudged = evaluate_open_book(asked.questions, open_book, closed_book, config.evaluate)
    run.publish(collection=live, questions=asked.questions, answers=open_book, closed_book=closed_book, judged=judged)
    both = load_answers(open_book), load_answers(closed_book)
    ended = count_endings(*both)
    page = open_book_page(run, judged, asked.questions, both, (generator, sampling), asked.left_out)
    stated = {"questions": asked.queries.rows, "left_out": asked.left_out, **open_book_summary(judged), **ended}
    told = {
        "collection": live.collection,
        "generation": live.number,
        **stated,
        "precision": generator.precision,
        "sampling": sampling,
        "citing": resolved.citations,
        "warnings": unasked(asked.left_out),
    }
    return run.outcome(told, page)


@flow(name="rag-answers", flow_run_name=named("question", "collection"))
def rag_answers(
    question: str | None = None, collection: str | None = None, config: RagAnswers = RagAnswers()
) -> Outcome:
    """Answer a question with sentences of a collection, each cited, or say that nothing in it answers.

    Args:
        question: What to ask, in plain language; left out, the table `evaluate.questions` is asked, with passages and
            without.
        collection: Name of a collection that `knowledge-base` has built; left out, the only one there is.
        config: How to find passages, put them into a better order, and answer from them.
    """
    with tracking.run("rag-answers", config, question=question, collection=collection) as run:
        preflight(question, collection, config)
        live = open_collection(collection)
        collection_history.link(run, live.collection)
        if question is None:
            return compare_closed_book(live, config, run)
        asked = ingest_queries([question])
        answers = answer_questions(live, asked, config.retrieve, config.rerank, config.answer, config.readable)
        run.publish(collection=live, answers=answers)
        answer = load_answers(answers)[0]
        stated = answer.model_dump(mode="json") | {"support": answer.support, "marked": answer.marked}
        stated["missing"] = missing_words(live, asked)[0]
        stated |= {} if config.published is None else {"published": config.published}
        if isinstance(config.answer, Generated):
            generator, resolved, stated["sampling"] = drawn_as_asked(config.answer)
            stated |= {"precision": generator.precision, "citing": resolved.citations}
        stated["warnings"] = warn_of_question(live, question)
        if config.evaluate.questions is not None:
            stated["warnings"] += ["evaluate.questions is not asked, for a question was given; leave out question"]
        told = {"collection": live.collection, "generation": live.number, **stated}
        return run.outcome(told, answer_page(run, answer, told))
