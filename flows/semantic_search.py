"""Semantic search: rank the passages of a collection for a set of queries.

Here:          python -m flows semantic-search queries='["how precise was the science"]'
Reranked:      python -m flows semantic-search queries='["how precise was the science"]' rerank.kind=late-interaction
Cut off:       python -m flows semantic-search queries='["the mass of the moon"]' cutoff.kind=answered
On a worker:   prefect deployment run 'semantic-search/semantic-search' -p queries='["how precise was the science"]'
"""

import logging

from prefect import flow

from configs.flows import SemanticSearch
from configs.generate import Extractive
from configs.retrieve import Answered, Near, Sparse
from flows.rag_answers import find_passages
from tasks.data.answers import Threshold
from tasks.data.reading import BY_WORDS
from tasks.data.run import Outcome
from tasks.data.search import Generation
from tasks.embed import embed_queries, query_encoder
from tasks.generate import judge_hits, threshold_for, withhold_hits
from tasks.index import open_collection
from tasks.ingest import ingest_queries
from tasks.report import collection_history
from tasks.report.languages import reading_summary
from tasks.report.names import named
from tasks.rerank import check_reranker
from tasks.retrieve import cut_hits, describe_hits, explain_order, missing_words, require_documents
from tasks.runtime import tracking
from tasks.tokenize import find_unread, report_languages

log = logging.getLogger(__name__)


def preflight(
    queries: list[str], collection: str | None = None, why: list[str] | None = None,
    config: SemanticSearch = SemanticSearch(),
) -> None:  # fmt: skip
    """Check what can be checked before any work.

    Raises:
        FlowError: A query is empty, there is no such collection, no threshold for its encoder, or what would rerank
            is not here.
    """
    ingest_queries(queries)
    live = open_collection(collection)
    check_reranker(live.fingerprint, config.rerank)
    require_documents(live, why)
    cutoff_of(live, config)


def cutoff_of(live: Generation, config: SemanticSearch) -> Threshold | None:
    """Return below what a search has no hits; None for nothing."""
    match config.cutoff:
        case Near(below=below):
            return Threshold(below=below)
        case Answered(passages=passages):
            return threshold_for(live, config.retrieve, config.rerank, Extractive(passages=passages))
        case None:
            return None


@flow(name="semantic-search", flow_run_name=named("queries"))
def semantic_search(
    queries: list[str], collection: str | None = None, why: list[str] | None = None,
    config: SemanticSearch = SemanticSearch(),
) -> Outcome:  # fmt: skip
    """Rank the passages of a collection for each query.

    Args:
        queries: What to look for, in plain language or exact terms.
        collection: Name of a collection that `knowledge-base` has built; left out, the only one there is.
        why: Ids of two documents; why one stands before the other is explained.
        config: How to find passages, put them into a better order, and leave out what is no hit.
    """
    with tracking.run("semantic-search", config, queries=queries, collection=collection, why=why) as run:
        preflight(queries, collection, why, config)
        live = open_collection(collection)
        collection_history.link(run, live.collection)
        asked = ingest_queries(queries)
        vectors = embed_queries(asked, query_encoder(live))
        hits = find_passages(live, asked, vectors, config.retrieve, config.rerank)
        cutoff = cutoff_of(live, config)
        if cutoff is not None and isinstance(config.cutoff, Answered):
            hits = withhold_hits(live, asked, vectors, hits, cutoff, config.cutoff.passages)
        elif cutoff is not None:
            hits = cut_hits(live.vectors, vectors, hits, cutoff)
        reading = report_languages(live.documents, live.passages, live.fingerprint.encoder, config.readable)
        reasons = [] if isinstance(config.retrieve, Sparse) else find_unread(live, asked, hits, config.readable)
        warnings = [f"{query}: {why}; {BY_WORDS}" for query, why in zip(queries, reasons, strict=False) if why]
        for text in warnings:
            log.warning(text)
        run.publish(collection=live, hits=hits)
        stated = {"collection": live.collection, "generation": live.number}
        stated |= {"cutoff": None if cutoff is None else cutoff.stated()}
        stated |= {**reading_summary(reading), "warnings": warnings}
        described = describe_hits(live, asked, hits, judge_hits(live, asked, vectors, hits))
        for query, words in zip(described, missing_words(live, asked), strict=True):
            query["missing"] = words
            query["published"] = list(config.published.get(query["query"], ()))
        if why is not None:
            told = explain_order(live, asked, vectors, hits, why, config.retrieve)
            for query, one in zip(described, told, strict=True):
                query["why"] = one
        return run.outcome({**stated, "queries": described})
