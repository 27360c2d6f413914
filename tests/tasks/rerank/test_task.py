import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import CrossEncoder as TheirCrossEncoder

from configs.rerank import CrossEncoder, LateInteraction, Mmr, Rerank
from configs.retrieve import Dense, Fused, Retrieve
from tasks.data.documents import Passage
from tasks.data.search import Generation, Hit, HitsRef, QueriesRef, Query
from tasks.data.vectors import VectorsRef
from tasks.errors import ModelError
from tasks.models.encoders import load as encoders
from tasks.models.encoders import tokens as token_vectors
from tasks.rerank import check_reranker, enough_hits, rerank, rerank_mmr
from tasks.store import objects

Make = Callable[..., Path]
ASKED = ["the cat sat", "a dog ran far", "the of", "night train"]
FOUND = [(0, 1), (0, 0), (0, 2), (1, 2), (1, 1), (1, 0), (3, 0), (3, 2)]  # (query, passage), best first; none for 2
pytestmark = pytest.mark.usefixtures("without_prefect")


@pytest.fixture
def live(shelf: Generation, tiny_bert: Path) -> Generation:
    """Return a collection whose encoder is a small BERT."""
    return shelf.model_copy(update={"fingerprint": encoders.fingerprint(str(tiny_bert), "fp32", "cpu")})


@pytest.fixture
def asked(live: Generation) -> QueriesRef:
    return objects.save_rows(QueriesRef, Query, [Query(str(n), text) for n, text in enumerate(ASKED)])


@pytest.fixture
def vectors(live: Generation) -> VectorsRef:
    return objects.save_array(VectorsRef, np.eye(4, 3, dtype=np.float32) + np.float32(0.0))


@pytest.fixture
def hits(live: Generation) -> HitsRef:
    ranks: dict[int, int] = {}
    rows = []
    for query, passage in FOUND:
        ranks[query] = ranks.get(query, 0) + 1
        rows.append(Hit(query, passage, ranks[query], 0.5 / ranks[query], passage / 10, math.nan))
    return objects.save_rows(HitsRef, Hit, rows)


@pytest.fixture(params=["late", "cross", "mmr"])
def config(request: pytest.FixtureRequest, tiny_cross_encoder: Make) -> Rerank:
    kinds: dict[str, Rerank] = {
        "late": LateInteraction(candidates=3, k=3),
        "cross": CrossEncoder(model=str(tiny_cross_encoder()), precision="fp32", device="cpu", candidates=3, k=3),
        "mmr": Mmr(candidates=3, k=3),
    }
    return kinds[request.param]


def rows(ref: HitsRef) -> list[Hit]:
    return objects.load_rows(ref, Hit)


def keep(config: Rerank, **changes: int) -> Rerank:
    return config.model_copy(update=changes)


@pytest.mark.slow
def test_every_hit_is_kept_ranked_anew_with_its_other_scores(
    live: Generation, asked: QueriesRef, vectors: VectorsRef, hits: HitsRef, config: Rerank
) -> None:
    kept = rows(rerank(live, asked, vectors, hits, config))
    assert sorted((h.query, h.passage) for h in kept) == sorted(FOUND)
    assert [(h.query, h.rank) for h in kept] == [(q, r) for q, n in ((0, 3), (1, 3), (3, 2)) for r in range(1, n + 1)]
    assert all(h.dense == h.passage / 10 and math.isnan(h.sparse) for h in kept)
    for query in (0, 1, 3):
        scores = [h.score for h in kept if h.query == query]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.slow
def test_k_above_the_candidates_keeps_them_all_and_a_smaller_one_the_best(
    live: Generation, asked: QueriesRef, vectors: VectorsRef, hits: HitsRef, config: Rerank
) -> None:
    whole = rows(rerank(live, asked, vectors, hits, keep(config, candidates=50, k=50)))
    assert len(whole) == len(FOUND)
    best = rows(rerank(live, asked, vectors, hits, keep(config, k=1)))
    assert [(h.query, h.passage, h.score) for h in best] == [
        (h.query, h.passage, h.score) for h in whole if h.rank == 1
    ]


def test_hits_past_the_candidates_are_not_looked_at(
    live: Generation, asked: QueriesRef, vectors: VectorsRef, hits: HitsRef, config: Rerank
) -> None:
    kept = rows(rerank(live, asked, vectors, hits, keep(config, candidates=2, k=2)))
    assert {(h.query, h.passage) for h in kept} == {(0, 1), (0, 0), (1, 2), (1, 1), (3, 0), (3, 2)}


def test_one_query_scores_as_it_does_among_others(
    live: Generation, asked: QueriesRef, vectors: VectorsRef, hits: HitsRef, config: Rerank
) -> None:
    together = [h for h in rows(rerank(live, asked, vectors, hits, config)) if h.query == 0]
    alone = objects.save_rows(HitsRef, Hit, [h for h in rows(hits) if h.query == 0])
    one = objects.save_rows(QueriesRef, Query, [Query("0", ASKED[0])])
    first = objects.save_array(VectorsRef, objects.load_array(vectors)[:1])
    assert str(rows(rerank(live, one, first, alone, config))) == str(together)


def test_no_hits_stay_no_hits(live: Generation, asked: QueriesRef, vectors: VectorsRef, config: Rerank) -> None:
    nothing = objects.save_rows(HitsRef, Hit, [])
    assert rerank(live, asked, vectors, nothing, config).rows == 0


def test_late_interaction_scores_as_loops_over_every_token_do(
    live: Generation, asked: QueriesRef, vectors: VectorsRef, hits: HitsRef
) -> None:
    passages = [p.indexed for p in objects.load_rows(live.passages, Passage)]
    engine = token_vectors.TokenEngine(live.fingerprint)
    of_queries, of_passages = engine.queries(ASKED), engine.passages(passages)
    for hit in rows(rerank(live, asked, vectors, hits, LateInteraction())):
        best = []
        for q in of_queries[hit.query]:
            best.append(max(float(np.dot(q, p)) for p in of_passages[hit.passage]))
        assert hit.score == pytest.approx(sum(best) / len(best), abs=1e-6)


def test_a_cross_encoder_orders_as_sentence_transformers_does(
    live: Generation, asked: QueriesRef, vectors: VectorsRef, hits: HitsRef, tiny_cross_encoder: Make
) -> None:
    folder = str(tiny_cross_encoder())
    passages = [p.indexed for p in objects.load_rows(live.passages, Passage)]
    theirs = TheirCrossEncoder(folder, device="cpu").predict([(ASKED[q], passages[p]) for q, p in FOUND])
    ranked = sorted(zip(theirs, FOUND, strict=True), key=lambda pair: (pair[1][0], -pair[0]))
    ours = rows(rerank(live, asked, vectors, hits, CrossEncoder(model=folder, precision="fp32", device="cpu")))
    assert [(h.query, h.passage) for h in ours] == [place for _, place in ranked]


def test_without_diversity_hits_are_ordered_by_cosine(live: Generation, vectors: VectorsRef, hits: HitsRef) -> None:
    kept = rows(rerank_mmr.fn(live.vectors, vectors, hits, Mmr(diversity=0, k=1)))
    assert [(h.query, h.passage, h.score) for h in kept] == [(0, 0, 1.0), (1, 1, 1.0), (3, 0, 0.0)]


@pytest.mark.parametrize(
    ("retrieval", "config", "k"),
    [
        (Fused(k=10), LateInteraction(candidates=50), 50),
        (Fused(k=10), Mmr(candidates=100), 100),
        (Dense(k=100), CrossEncoder(candidates=50), 100),
        (Dense(k=10), None, 10),
    ],
    ids=["more", "many more", "fewer", "no reranker"],
)
def test_the_search_is_asked_for_as_many_hits_as_are_looked_at(
    retrieval: Retrieve, config: Rerank | None, k: int
) -> None:
    assert enough_hits(retrieval, config) == retrieval.model_copy(update={"k": k})


def test_a_model_that_is_not_there_is_said_before_any_work(live: Generation) -> None:
    check_reranker(live.fingerprint, None)
    check_reranker(live.fingerprint, Mmr())
    check_reranker(live.fingerprint, LateInteraction())
    for config in (LateInteraction(model="/no/model"), CrossEncoder(model="/no/model")):
        with pytest.raises(ModelError, match="model '/no/model' is not a folder"):
            check_reranker(live.fingerprint, config)
