import numpy as np
import pytest

from configs.generate import Extractive
from configs.models import EMBEDDED
from configs.retrieve import Dense, Sparse
from tasks.data import AnswersRef, Embedded, Generation, HitsRef, QueriesRef, RejectedRef, VectorsRef
from tasks.errors import ContractError
from tasks.generate import answer_extractive, cut_sentences, load_answers, threshold_of
from tasks.retrieve import retrieve
from tasks.rows import Hit, Passage, Query, Rejected
from tasks.runtime import store

CONFIG = Extractive(no_answer_below=0.5)


def vectors_of(*rows: list[float]) -> VectorsRef:
    return store.save_array(VectorsRef, np.array(rows, dtype=np.float32).reshape(-1, 3))


def answer(shelf: Generation, queries: QueriesRef, towards: VectorsRef, hits: HitsRef) -> AnswersRef:
    """Answer with sentence vectors that lie on the axis of their passage, the first one closest to it."""
    sentences = cut_sentences.fn(shelf.passages, hits, 5)
    rows = store.load_rows(sentences, Passage)
    vectors = [np.eye(3)[s.row] * (1.0 if s.id.endswith(".0") else 0.6) for s in rows]
    embedded = Embedded(
        passages=sentences,
        vectors=vectors_of(*(v.tolist() for v in vectors)),
        rejected=store.save_rows(RejectedRef, Rejected, []),
        fingerprint=shelf.fingerprint,
    )
    return answer_extractive.fn(shelf, queries, towards, hits, embedded, CONFIG)


def test_each_question_is_answered_from_its_own_passages(shelf: Generation) -> None:
    queries = store.save_rows(QueriesRef, Query, [Query("0", "Which pet purrs?"), Query("1", "Who barks?")])
    towards = vectors_of([1, 0, 0], [0, 1, 0])
    cats, dogs = load_answers(answer(shelf, queries, towards, retrieve.fn(shelf, queries, towards, Dense(k=2))))
    assert cats.text == "Cats purr when they are warm. [1]"
    assert (dogs.citations[0].document, dogs.citations[0].sentence) == ("dogs", "Dogs bark at the postman.")
    assert (cats.score, cats.threshold, cats.question) == (1.0, 0.5, "Which pet purrs?")


def test_a_question_far_from_every_passage_is_not_answered(shelf: Generation) -> None:
    queries = store.save_rows(QueriesRef, Query, [Query("0", "What is the mass of the moon?")])
    towards = vectors_of([0.4, 0.3, -0.866])
    (found,) = load_answers(answer(shelf, queries, towards, retrieve.fn(shelf, queries, towards, Dense(k=3))))
    assert found.abstained == "no answer in this collection: the closest passage scores 0.400, below 0.500"
    assert found.citations == ()


def test_a_question_that_finds_no_passage_is_not_answered(shelf: Generation) -> None:
    queries = store.save_rows(QueriesRef, Query, [Query("0", "the of")])
    towards = vectors_of([1, 0, 0])
    (found,) = load_answers(answer(shelf, queries, towards, retrieve.fn(shelf, queries, towards, Sparse(k=3))))
    assert found.abstained == "no answer in this collection: no passage was found"
    assert found.score is None


def test_only_the_best_passages_are_cut_and_each_once(shelf: Generation) -> None:
    hits = store.save_rows(HitsRef, Hit, [Hit(0, 2, 1, 1, 1, 1), Hit(0, 0, 2, 1, 1, 1), Hit(1, 2, 1, 1, 1, 1)])
    cut = store.load_rows(cut_sentences.fn(shelf.passages, hits, 1), Passage)
    assert [s.id for s in cut] == ["ships#0.0", "ships#0.1"]


def test_no_hits_give_no_sentences(shelf: Generation) -> None:
    assert cut_sentences.fn(shelf.passages, store.save_rows(HitsRef, Hit, []), 5).rows == 0


def test_the_threshold_is_the_one_configured_else_the_catalogues(shelf: Generation) -> None:
    known = shelf.fingerprint.encoder.model_copy(update={"model": EMBEDDED})
    assert threshold_of(known, Extractive()) == 0.35
    assert threshold_of(known, Extractive(no_answer_below=-1)) == -1
    assert threshold_of(shelf.fingerprint.encoder, Extractive(no_answer_below=0.0)) == 0


def test_an_encoder_without_a_known_threshold_is_refused_with_the_field_to_set(shelf: Generation) -> None:
    with pytest.raises(
        ContractError, match=r"no threshold is known for m; set answer\.no_answer_below between -1 and"
    ):
        threshold_of(shelf.fingerprint.encoder, Extractive())


def test_a_passage_beyond_those_read_is_no_ground_for_an_answer(shelf: Generation) -> None:
    queries = store.save_rows(QueriesRef, Query, [Query("0", "?")])
    hits = store.save_rows(HitsRef, Hit, [Hit(0, 1, 1, 1, 1, 1), Hit(0, 0, 6, 1, 1, 1)])
    (found,) = load_answers(answer(shelf, queries, vectors_of([1, 0, 0]), hits))
    assert found.score == 0
