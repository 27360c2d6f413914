"""Search evaluation: ask a collection the questions whose answers are known, in every way to search, and compare.

Here:          python -m flows search-evaluation
Your own:      python -m flows search-evaluation collection=notes evaluate.questions=questions.jsonl
On a worker:   prefect deployment run 'search-evaluation/search-evaluation'
"""

from prefect import flow

from configs.flows import SearchEvaluation
from configs.retrieve import Dense, Fused, Retrieve, Sparse, Weighted
from flows.rag_answers import answer_questions
from tasks.data.evaluation import Evaluation
from tasks.data.models import Fingerprint
from tasks.data.run import Outcome
from tasks.data.search import Generation, HitsRef, QueriesRef
from tasks.data.vectors import VectorsRef
from tasks.embed import embed_queries, query_encoder
from tasks.errors import ContractError, DataError, ModelError, StoreError
from tasks.evaluate import evaluate_answers, evaluate_rankings, load_questions, questions_for, score_questions
from tasks.generate import threshold_for
from tasks.index import open_collection
from tasks.report import collection_history
from tasks.report.names import named
from tasks.report.search_evaluation import evaluation_page, evaluation_summary
from tasks.rerank import check_reranker, enough_hits, rerank
from tasks.retrieve import retrieve
from tasks.runtime import steps, tracking
from tasks.store import collections


def preflight(collection: str | None = None, config: SearchEvaluation = SearchEvaluation()) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: There is no such collection, what encodes or reranks is not here, or there are no questions.
    """
    live = open_collection(collection)
    query_encoder(live)
    check_reranker(live.fingerprint, config.rerank)
    threshold_for(live, config.retrieve, config.rerank, config.answer)
    if questions_for(live.source, config.evaluate) is None:
        raise ContractError(
            f"the project has no questions of its own for collection {live.collection} ({live.source}); set "
            "evaluate.questions=FILE.jsonl"
        )


def rank_all_ways(
    made: Generation, queries: QueriesRef, vectors: VectorsRef, config: SearchEvaluation
) -> dict[str, HitsRef]:
    """Return the hits of every way to search, by name."""
    ways: dict[str, Retrieve] = {
        "bm25": Sparse(k=100),
        "dense": Dense(k=100),
        "fused": Fused(k=100),
        "weighted": Weighted(k=100),
    }
    rankings = {}
    for name, way in ways.items():
        with steps.label(name):
            rankings[name] = retrieve(made, queries, vectors, way)
    if config.rerank is not None:  # judged with all it looked at: a document has many passages
        whole = config.rerank.model_copy(update={"k": config.rerank.candidates})
        with steps.label("reranked"):
            found = retrieve(made, queries, vectors, enough_hits(config.retrieve, whole))
            rankings["reranked"] = rerank(made, queries, vectors, found, whole)
    return rankings


def evaluate_search(made: Generation, encoder: Fingerprint, config: SearchEvaluation) -> Evaluation | None:
    """Judge a generation by questions whose answers are known; None where there are none, or it answers none."""
    path = questions_for(made.source, config.evaluate)
    if path is None:
        return None
    asked = load_questions(path, config.evaluate.split, made.documents, made.copies)
    if not asked.answerable:
        return None
    with steps.label("evaluation"):
        vectors = embed_queries(asked.queries, encoder)
        rankings = rank_all_ways(made, asked.queries, vectors, config)
        answers = answer_questions(made, asked.queries, config.retrieve, config.rerank, config.answer, config.readable)
    measured = evaluate_rankings(asked.questions, made.passages, rankings, config.evaluate)
    scores = score_questions(asked.questions, made.passages, rankings, config.evaluate)
    judged = evaluate_answers(asked.questions, answers, config.evaluate)
    return Evaluation(asked=asked, rankings=measured, scores=scores, answers=answers, decisions=judged)


def evaluate_before(live: Generation, config: SearchEvaluation) -> tuple[Evaluation | None, str]:
    """Judge the generation before in the same way; return what it did and which it is, or None and why not."""
    earlier = [made for made in collections.history(live.collection) if made.number < live.number]
    if not earlier:
        return None, "nothing to compare with: no earlier generation is kept"
    before = earlier[-1]
    try:
        with steps.label("before"):
            found = evaluate_search(before, query_encoder(before), config)
    except (ModelError, StoreError) as error:
        return None, f"not compared: generation {before.number} cannot be asked ({error})"
    if found is None:
        return None, f"not compared: generation {before.number} answers none of the questions"
    return found, f"generation {before.number}"


@flow(name="search-evaluation", flow_run_name=named("collection"))
def search_evaluation(collection: str | None = None, config: SearchEvaluation = SearchEvaluation()) -> Outcome:
    """Ask a collection the questions whose answers are known, in every way to search; compare with the last time.

    Args:
        collection: Name of a collection that `knowledge-base` has built; left out, the only one there is.
        config: How passages are found and questions answered, and which questions.
    """
    with tracking.run("search-evaluation", config, collection=collection) as run:
        preflight(collection, config)
        live = open_collection(collection)
        collection_history.link(run, live.collection)
        found = evaluate_search(live, query_encoder(live), config)
        if found is None:
            raise DataError(
                f"collection {live.collection} answers none of the questions; set evaluate.questions to a file whose "
                "answers are ids of its documents, or evaluate.split=all"
            )
        before, against = evaluate_before(live, config)
        run.publish(collection=live, evaluation=found)
        page = evaluation_page(run, live, found, before, against)
        return run.outcome(evaluation_summary(live, found, before, against), page)
