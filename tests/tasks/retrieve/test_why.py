"""Why one document stands before another is said by the numbers that the ranking goes by."""

import numpy as np
import pytest

from configs.retrieve import Dense, Fused, Retrieve, Sparse, Weighted
from tasks.data.search import Generation, Hit, QueriesRef, Query
from tasks.data.vectors import VectorsRef
from tasks.errors import DataError
from tasks.retrieve import explain_order, require_documents, retrieve
from tasks.store import objects

WAYS = [Dense(k=3), Sparse(k=3), Fused(k=3), Weighted(k=3), Weighted(k=3, weight=0.3)]


def asked(text: str, *row: float) -> tuple[QueriesRef, VectorsRef]:
    queries = objects.save_rows(QueriesRef, Query, [Query("0", text)])
    return queries, objects.save_array(VectorsRef, np.array([row], dtype=np.float32))


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.kind)
def test_the_parts_add_up_to_the_score_of_the_hit_and_ranks_are_those_of_the_search(
    way: Retrieve, shelf: Generation
) -> None:
    queries, vectors = asked("cats at sea and dogs", 0.8, 0.6, 0)
    hits = retrieve.fn(shelf, queries, vectors, way)
    rows = {h.passage: h for h in objects.load_rows(hits, Hit)}
    (told,) = explain_order(shelf, queries, vectors, hits, ["cats", "dogs"], way)
    for one in told["documents"]:
        hit = rows[one["passage"]]
        assert one["meaning"] + one["by_words"] == pytest.approx(hit.score, abs=2e-4)
        assert (one["found"], one["shown"]) == (hit.rank, hit.rank)
    first, second = sorted(told["documents"], key=lambda one: one["found"])
    assert told["said"].startswith(f"{first['document']} stands before {second['document']}: ")


def test_it_says_whether_meaning_or_words_decide_and_which_words(shelf: Generation) -> None:
    queries, vectors = asked("cats and the postman", 0.6, 0.8, 0)
    (told,) = explain_order(
        shelf, queries, vectors, retrieve.fn(shelf, queries, vectors, Weighted()), ["dogs", "cats"], Weighted()
    )
    assert [one["words"] for one in told["documents"]] == [("postman",), ("cats",)]
    assert told["said"].endswith("; meaning decides")
    assert "(cosine 0.800, 0.600)" in told["said"]
    (told,) = explain_order(shelf, queries, vectors, retrieve.fn(shelf, queries, vectors, Sparse()), ["dogs", "cats"],
                            Sparse())  # fmt: skip
    assert "meaning brings 0.000 against 0.000" in told["said"]


def test_what_is_left_out_or_cut_off_or_reordered_is_said(shelf: Generation) -> None:
    queries, vectors = asked("cats", 0.9, 0.4, 0.1)
    way = Dense(k=3, where=("id=cats",))
    (told,) = explain_order(shelf, queries, vectors, retrieve.fn(shelf, queries, vectors, way), ["cats", "dogs"], way)
    assert told["said"] == "dogs cannot be found: retrieve.where leaves it out, or it is a copy of another"
    (told,) = explain_order(shelf, queries, vectors, retrieve.fn(shelf, queries, vectors, Dense(k=1)),
                            ["cats", "ships"], Dense(k=1))  # fmt: skip
    assert told["said"].endswith("; meaning decides; ships is no hit, at rank 3 of all passages")
    other = objects.save_rows(type(retrieve.fn(shelf, queries, vectors, Dense(k=2))), Hit,
                              [Hit(0, 1, 1, 0.7, 0.4, 0), Hit(0, 0, 2, 0.2, 0.9, 0)])  # fmt: skip
    (told,) = explain_order(shelf, queries, vectors, other, ["cats", "dogs"], Dense(k=2))
    assert told["said"].startswith("dogs stands before cats, which was found before it (ranks 1 and 2): ")
    assert told["said"].endswith("the reranker decides (scores 0.700 and 0.200)")


@pytest.mark.parametrize(
    ("pair", "said"),
    [(["cats"], "1 ids but two"), (["cats", "cats"], "1 ids but two"), (["cats", "dog"], "'dog'.*perhaps dogs")],
)
def test_documents_that_are_not_there_are_refused_before_any_work(
    pair: list[str], said: str, shelf: Generation
) -> None:
    with pytest.raises(DataError, match=said):
        require_documents(shelf, pair)
    require_documents(shelf, None)


def test_a_hit_that_the_cutoff_leaves_out_is_not_laid_to_a_reranker(shelf: Generation) -> None:
    queries, vectors = asked("cats", 0.4, 0.9, 0.1)
    found = retrieve.fn(shelf, queries, vectors, Dense(k=3))
    kept = [hit for hit in objects.load_rows(found, Hit) if hit.passage == 0]  # the second as found
    (told,) = explain_order(
        shelf, queries, vectors, objects.save_rows(type(found), Hit, kept), ["cats", "dogs"], Dense(k=3)
    )
    assert "; the cutoff or a reranker left dogs out; dogs is no hit, at rank 1 of all passages" in told["said"]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.kind)
def test_where_nothing_can_be_found_that_is_said(way: Retrieve, shelf: Generation) -> None:
    queries, vectors = asked("cats", 0.4, 0.9, 0.1)
    none = way.model_copy(update={"where": ("id=nobody",)})
    (told,) = explain_order(
        shelf, queries, vectors, retrieve.fn(shelf, queries, vectors, none), ["cats", "dogs"], none
    )
    assert told["said"].startswith("cats and dogs cannot be found: ")
