"""Semantic search: rank the passages of a collection for a set of queries.

Here:          python -m flows semantic-search queries='["how precise was the science"]'
Reranked:      python -m flows semantic-search queries='["how precise was the science"]' rerank.kind=late-interaction
On a worker:   prefect deployment run 'semantic-search/cpu' -p queries='["how precise was the science"]'
"""

from prefect import flow

from configs.flows import SemanticSearch
from tasks.data import Outcome
from tasks.embed import embed_queries, query_encoder
from tasks.index import open_collection
from tasks.ingest import ingest_queries
from tasks.rerank import check_reranker, enough_hits, rerank
from tasks.retrieve import describe_hits, retrieve
from tasks.runtime import tracking


def preflight(queries: list[str], collection: str | None = None, config: SemanticSearch = SemanticSearch()) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: A query is empty, there is no such collection, or what would rerank is not here.
    """
    ingest_queries(queries)
    check_reranker(open_collection(collection).fingerprint, config.rerank)


@flow(name="semantic-search", flow_run_name="semantic-search")
def semantic_search(
    queries: list[str], collection: str | None = None, config: SemanticSearch = SemanticSearch()
) -> Outcome:
    """Rank the passages of a collection for each query.

    Args:
        queries: What to look for, in plain language or exact terms.
        collection: Name of a collection that `knowledge-base` has built; left out, the only one there is.
        config: How to find passages, and how to put them into a better order.
    """
    preflight(queries, collection, config)
    with tracking.run("semantic-search", config, queries=queries, collection=collection) as run:
        live = open_collection(collection)
        asked = ingest_queries(queries)
        vectors = embed_queries(asked, query_encoder(live))
        hits = retrieve(live, asked, vectors, enough_hits(config.retrieve, config.rerank))
        if config.rerank is not None:
            hits = rerank(live, asked, vectors, hits, config.rerank)
        run.publish(collection=live, hits=hits)
        found = describe_hits(live, asked, hits)
        return run.outcome({"collection": live.collection, "generation": live.number, "queries": found})
