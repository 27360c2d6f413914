import dataclasses

import numpy as np
import pytest

from configs.retrieve import Dense, Fused, Retrieve, Sparse, Weighted
from tasks.data.answers import Threshold
from tasks.data.documents import Document, DocumentsRef
from tasks.data.search import Generation, Hit, QueriesRef, Query
from tasks.data.vectors import VectorsRef
from tasks.errors import ContractError
from tasks.retrieve import cut_hits, describe_hits, retrieve
from tasks.retrieve.bm25 import SparseIndex
from tasks.store import objects


def ask(*texts: str) -> QueriesRef:
    return objects.save_rows(QueriesRef, Query, [Query(str(n), text) for n, text in enumerate(texts)])


def towards(*rows: list[float]) -> VectorsRef:
    return objects.save_array(VectorsRef, np.array(rows, dtype=np.float32))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (Dense(k=2), [(0, 0, 1), (0, 1, 2), (1, 1, 1), (1, 0, 2)]),
        (Sparse(k=2), [(0, 2, 1)]),
        (Fused(k=2), [(0, 2, 1), (0, 0, 2), (1, 1, 1), (1, 0, 2)]),
        (Weighted(k=2, weight=0.4), [(0, 2, 1), (0, 0, 2), (1, 1, 1), (1, 0, 2)]),
        (Weighted(k=3, weight=0, candidates=3), [(0, 2, 1)]),
    ],
    ids=["dense", "sparse", "fused", "weighted", "weighted, words alone"],
)
def test_passages_are_found_by_meaning_by_words_or_by_both(
    config: Retrieve, expected: list[tuple[int, int, int]], shelf: Generation
) -> None:
    hits = retrieve.fn(shelf, ask("wide sea", "the of"), towards([1, 0, 0], [0, 1, 0]), config)
    assert [(h.query, h.passage, h.rank) for h in objects.load_rows(hits, Hit)] == expected


@pytest.mark.parametrize("candidates", [1, 2, 30])
def test_a_weighted_score_rests_on_the_true_cosine_and_bm25_of_what_only_one_side_found(
    candidates: int, shelf: Generation
) -> None:
    queries, vectors = ask("wide red sea"), towards([0.8, 0.6, 0])
    found = retrieve.fn(shelf, queries, vectors, Weighted(k=1, candidates=candidates, weight=0.5))
    index = SparseIndex(objects.path(shelf.sparse))
    cosines, words = np.array([0.8, 0.6, 0]), index.scores("wide red sea")
    for hit in objects.load_rows(found, Hit):
        assert (hit.dense, hit.sparse) == pytest.approx((cosines[hit.passage], words[hit.passage]))
        seen = [0, 2] if candidates == 1 else [0, 1, 2]
        expected = 0.5 * (1 + hit.dense) / (1 + cosines[seen].max()) + 0.5 * hit.sparse / words[seen].max()
        assert hit.score == pytest.approx(expected)


def test_weight_one_and_weight_zero_find_what_one_index_finds(shelf: Generation) -> None:
    queries, vectors = ask("sea dogs", "cats", "the of"), towards([0.8, 0.6, 0], [0, 0.28, 0.96], [0.6, 0, 0.8])

    def order(config: Retrieve) -> list[tuple[int, int]]:
        return [(h.query, h.passage) for h in objects.load_rows(retrieve.fn(shelf, queries, vectors, config), Hit)]

    assert order(Weighted(k=2, weight=1)) == order(Dense(k=2))
    assert order(Weighted(k=2, weight=0)) == order(Sparse(k=2))


def test_a_hit_is_described_with_its_place_and_both_scores(shelf: Generation) -> None:
    queries = ask("postman")
    hits = retrieve.fn(shelf, queries, towards([0, 1, 0]), Fused(k=1))
    (described,) = describe_hits(shelf, queries, hits)
    assert described["query"] == "postman"
    (hit,) = described["hits"]
    assert {name: hit[name] for name in ("rank", "document", "title", "path", "line", "dense")} == {
        "rank": 1, "document": "dogs", "title": "Dogs", "path": "dogs.txt", "line": 3, "dense": 1.0,
    }  # fmt: skip
    assert hit["sparse"] > 0
    assert hit["score"] == round(2 / 61, 6)
    assert hit["text"] == "Dogs bark at the postman.\nDogs chase the red ball."


@pytest.mark.parametrize(
    ("config", "missing"), [(Dense(k=1), "sparse"), (Sparse(k=1), "dense")], ids=["dense", "sparse"]
)
def test_a_score_that_was_not_asked_for_is_left_out(config: Retrieve, missing: str, shelf: Generation) -> None:
    queries = ask("postman")
    (described,) = describe_hits(shelf, queries, retrieve.fn(shelf, queries, towards([0, 1, 0]), config))
    assert described["hits"][0][missing] is None


def test_a_query_that_finds_nothing_is_described_without_hits(shelf: Generation) -> None:
    queries = ask("the of", "cats", "unicorn")
    hits = retrieve.fn(shelf, queries, towards([1, 0, 0], [1, 0, 0], [1, 0, 0]), Sparse(k=3))
    assert [len(d["hits"]) for d in describe_hits(shelf, queries, hits)] == [0, 1, 0]


def test_queries_none_of_which_finds_anything_are_described_without_hits(shelf: Generation) -> None:
    queries = ask("the of")
    hits = retrieve.fn(shelf, queries, towards([1, 0, 0]), Sparse(k=3))
    assert describe_hits(shelf, queries, hits) == [{"query": "the of", "hits": []}]


@pytest.mark.parametrize("kind", [Dense, Sparse, Fused, Weighted], ids=["dense", "sparse", "fused", "weighted"])
def test_only_passages_of_documents_that_fulfil_the_filter_are_found(kind: type, shelf: Generation) -> None:
    queries, vectors = ask("cats dogs ships"), towards([0.8, 0.6, 0])
    config = kind(k=3)
    assert [h.passage for h in found(shelf, queries, vectors, config)] != [1]
    kept = found(shelf, queries, vectors, config.model_copy(update={"where": ("path=dog*.txt", "title=Dogs")}))
    assert [h.passage for h in kept] == [1]
    assert [h.rank for h in kept] == [1]


@pytest.mark.parametrize("kind", [Dense, Sparse, Fused, Weighted], ids=["dense", "sparse", "fused", "weighted"])
def test_a_filter_that_nothing_fulfils_gives_no_hits(kind: type, shelf: Generation) -> None:
    assert found(shelf, ask("cats"), towards([1, 0, 0]), kind(where=("id=birds",))) == []


def test_what_only_some_documents_are_known_to_have_can_be_asked_for(shelf: Generation) -> None:
    documents = objects.load_rows(shelf.documents, Document)
    named = [*documents[:2], dataclasses.replace(documents[2], meta={"author": "Ada"})]
    stored = objects.save_rows(DocumentsRef, Document, named)
    shelf = shelf.model_copy(update={"documents": stored})
    assert [h.passage for h in found(shelf, ask("sea"), towards([1, 0, 0]), Fused(where=("author=Ada",)))] == [2]
    assert found(shelf, ask("sea"), towards([1, 0, 0]), Fused(where=("author=Ada", "title=Cats"))) == []


def test_a_filter_with_an_unknown_name_is_refused_with_the_known_ones(shelf: Generation) -> None:
    with pytest.raises(ContractError, match=r"where names 'colour' but no document knows it; known are id, title"):
        found(shelf, ask("cats"), towards([1, 0, 0]), Dense(where=("colour=red",)))


@pytest.mark.parametrize("wrong", ["function", "=function"])
def test_a_filter_that_is_no_name_and_value_is_refused_by_the_form(wrong: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        Dense(where=(wrong,))


def found(shelf: Generation, queries: QueriesRef, vectors: VectorsRef, config: Retrieve) -> list[Hit]:
    return objects.load_rows(retrieve.fn(shelf, queries, vectors, config), Hit)


@pytest.mark.parametrize("config", [Dense(k=3), Sparse(k=3), Fused(k=3)], ids=lambda config: str(config.kind))
def test_hits_are_cut_by_their_cosine_whatever_found_them(config: Retrieve, shelf: Generation) -> None:
    queries, vectors = ask("wide red sea cats", "the of"), towards([0.8, 0.6, 0], [0.6, 0, 0.8])
    found = retrieve.fn(shelf, queries, vectors, config)
    cosines = {(0, 0): 0.8, (0, 1): 0.6, (0, 2): 0.0, (1, 0): 0.6, (1, 1): 0.0, (1, 2): 0.8}
    left = objects.load_rows(cut_hits.fn(shelf.vectors, vectors, found, Threshold(below=0.7)), Hit)
    near = [h for h in objects.load_rows(found, Hit) if cosines[h.query, h.passage] >= 0.7]
    assert [(h.query, h.passage, h.score) for h in left] == [(h.query, h.passage, h.score) for h in near]
    assert [h.rank for h in left] == [1] * len(left)
    nothing = cut_hits.fn(shelf.vectors, vectors, found, Threshold(below=0.9))
    assert objects.load_rows(nothing, Hit) == []
