"""Tasks of `rerank`: put hits into a better order."""

import itertools
import logging
from typing import assert_never

import numpy as np
import numpy.typing as npt

from configs.rerank import CrossEncoder, LateInteraction, Mmr, Rerank
from configs.retrieve import Retrieve
from tasks.data.documents import Passage, PassagesRef
from tasks.data.models import Fingerprint, Scorer
from tasks.data.search import Generation, Hit, HitsRef, QueriesRef, Query
from tasks.data.vectors import VectorsRef
from tasks.models import sequence_classifier
from tasks.models.encoders import tokens as token_vectors
from tasks.models.encoders.base import Meter
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects
from tasks.vectors import shards

log = logging.getLogger(__name__)

WINDOW_TOKENS = 65_536  # tokens of passages whose vectors are in memory at a time: 100 MB at a width of 384


def enough_hits(retrieval: Retrieve, config: Rerank | None) -> Retrieve:
    """Return the search that finds as many hits as the reranker looks at, and never fewer than were asked for."""
    if config is None or config.candidates <= retrieval.k:
        return retrieval
    return retrieval.model_copy(update={"k": config.candidates})


def check_reranker(own: Fingerprint, config: Rerank | None) -> None:
    """Check that what would rerank is here and can be trusted, without loading it.

    Args:
        own: The collection's encoder.
        config: How to rerank; None is always well.

    Raises:
        ContractError: The precision or device asked for is not there.
        ModelError: There is no such model, it cannot be trusted, or it is of another kind.
    """
    match config:
        case LateInteraction():
            token_vectors.fingerprint(own, config.model)
        case CrossEncoder():
            sequence_classifier.describe(config.model, config.precision, config.device)
        case Mmr() | None:
            pass
        case _:
            assert_never(config)


def rerank(collection: Generation, queries: QueriesRef, vectors: VectorsRef, hits: HitsRef, config: Rerank) -> HitsRef:
    """Put the hits of each query into a better order and keep the best.

    Args:
        collection: Where the passages come from.
        queries: Q questions.
        vectors: (Q, D) unit-length rows, made by the collection's encoder.
        hits: What was found for each; see `enough_hits`.
        config: How to judge them, how many to look at and how many to keep.

    Returns:
        At most `config.k` hits a query, best first; a query without hits keeps none.
    """
    match config:
        case LateInteraction():
            own = token_vectors.fingerprint(collection.fingerprint, config.model)
            return rerank_late(collection.passages, queries, hits, own, config)
        case CrossEncoder():
            scorer = sequence_classifier.describe(config.model, config.precision, config.device)
            return rerank_cross(collection.passages, queries, hits, scorer, config)
        case Mmr():
            return rerank_mmr(collection.vectors, vectors, hits, config)
        case _:
            assert_never(config)


@step(
    name="rerank-late",
    run_name="rerank-late {config.candidates} -> {config.k}",
    libraries=("numpy", "tokenizers", "torch", "transformers"),
    device_of=("encoder",),
)
def rerank_late(
    passages: PassagesRef, queries: QueriesRef, hits: HitsRef, encoder: Fingerprint, config: LateInteraction
) -> HitsRef:
    """Rerank by comparing token by token.

    Args:
        passages: What the hits point into.
        queries: Q questions.
        hits: What was found for each.
        encoder: Whose token vectors are compared, and how it runs.
        config: How many to look at and how many to keep.
    """
    from tasks.rerank.late import late_scores
    from tasks.rerank.order import by_score

    found, asked, texts = _read(passages, queries, hits, config.candidates)
    engine, meter = token_vectors.TokenEngine(encoder), Meter()
    scores = late_scores(
        np.array([hit.query for hit in found], dtype=np.int64),
        np.array([hit.passage for hit in found], dtype=np.int64),
        of_queries=lambda rows: engine.queries([asked[row].text for row in rows.tolist()], meter),
        of_passages=lambda rows: engine.passages([texts[row].indexed for row in rows.tolist()], meter),
        windows=lambda rows: _windows(rows, texts),
    )
    kept = by_score(found, scores, k=config.k)
    _count(found, scores, kept, meter)
    return objects.save_rows(HitsRef, Hit, kept)


@step(
    name="rerank-cross",
    run_name="rerank-cross {config.candidates} -> {config.k}",
    libraries=("numpy", "tokenizers", "torch", "transformers"),
    device_of=("scorer",),
)
def rerank_cross(
    passages: PassagesRef, queries: QueriesRef, hits: HitsRef, scorer: Scorer, config: CrossEncoder
) -> HitsRef:
    """Rerank by reading query and passage together.

    Args:
        passages: What the hits point into.
        queries: Q questions.
        hits: What was found for each.
        scorer: The model that reads them, and how it runs.
        config: How many to look at and how many to keep.
    """
    from tasks.rerank.cross import pair_scores
    from tasks.rerank.order import by_score

    found, asked, texts = _read(passages, queries, hits, config.candidates)
    meter = Meter()
    scores = pair_scores(
        [(asked[hit.query].text, texts[hit.passage].indexed) for hit in found],
        score=lambda pairs: sequence_classifier.engine(scorer).score(pairs, meter),
    )
    kept = by_score(found, scores, k=config.k)
    _count(found, scores, kept, meter)
    return objects.save_rows(HitsRef, Hit, kept)


@step(
    name="rerank-mmr",
    run_name="rerank-mmr {config.candidates} -> {config.k} diversity={config.diversity}",
    libraries=("numpy",),
)
def rerank_mmr(passages: VectorsRef, queries: VectorsRef, hits: HitsRef, config: Mmr) -> HitsRef:
    """Reorder the hits of every query by maximal marginal relevance.

    Args:
        passages: (N, D) unit-length rows that the hits point into.
        queries: (Q, D) unit-length rows.
        hits: What was found for each query.
        config: How many to choose from, how many to keep, and how different they must be.
    """
    from tasks.rerank.mmr import rerank_by_novelty

    found = [hit for hit in objects.load_rows(hits, Hit) if hit.rank <= config.candidates]
    asked, rows = objects.load_array(queries), objects.load_array(passages)
    kept = [
        hit
        for query, mine in itertools.groupby(found, key=lambda hit: hit.query)
        for hit in rerank_by_novelty(list(mine), asked[query], rows, k=config.k, diversity=config.diversity)
    ]
    steps.log_metrics(candidates=len(found), hits=len(kept))
    return objects.save_rows(HitsRef, Hit, kept)


def _read(
    passages: PassagesRef, queries: QueriesRef, hits: HitsRef, candidates: int
) -> tuple[list[Hit], list[Query], dict[int, Passage]]:
    """Return the first hits of each query, all queries, and the passages of those hits by row."""
    found = [hit for hit in objects.load_rows(hits, Hit) if hit.rank <= candidates]
    return found, objects.load_rows(queries, Query), objects.rows_at(passages, Passage, (hit.passage for hit in found))


def _windows(rows: npt.NDArray[np.int64], texts: dict[int, Passage]) -> list[npt.NDArray[np.int64]]:
    """Cut passages into those whose token vectors are in memory together, such of like length."""
    sizes = np.array([texts[row].tokens for row in rows.tolist()], dtype=np.int64)
    return [rows[part] for part in shards.cut(sizes, WINDOW_TOKENS)]


def _count(found: list[Hit], scores: npt.NDArray[np.float32], kept: list[Hit], meter: Meter) -> None:
    """Keep what reranking took, and how many hits were left out for want of a score, and say so."""
    unscored = int(np.isnan(scores).sum())
    if unscored:
        log.warning("%d of %d hits have no score that is a number and are left out", unscored, len(found))
    steps.log_metrics(
        candidates=len(found), hits=len(kept), unscored=unscored, tokens=meter.tokens, padded=meter.padded,
        truncated=meter.truncated,
    )  # fmt: skip
