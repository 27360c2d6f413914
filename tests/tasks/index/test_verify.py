import re

import numpy as np
import pytest

from configs.index import Bm25, Flat
from configs.publish import Verify
from configs.retrieve import Dense, Sparse
from tasks.data.documents import Document, DocumentsRef, Passage, PassagesRef
from tasks.data.search import Generation, Query, Verified
from tasks.data.vectors import VectorsRef
from tasks.errors import DataError, StoreError
from tasks.index import draw_probes, index_dense, index_sparse, verify_generation
from tasks.index.verify import Probe, check_counts, check_vectors, look_for
from tasks.index.verify import draw_probes as draw_rows
from tasks.retrieve import retrieve
from tasks.store import objects

TURNED = np.roll(np.eye(3, dtype=np.float32), 1, axis=0)


def verify(made: Generation) -> Verified:
    """Try a generation as the flow does."""
    config = Verify()
    probes = draw_probes.fn(made.passages, made.vectors, config)
    dense = retrieve.fn(made, probes.queries, probes.vectors, Dense(k=5))
    sparse = retrieve.fn(made, probes.queries, probes.vectors, Sparse(k=5))
    return verify_generation.fn(made, probes, dense, sparse, config)


def test_probes_are_rows_without_repetition_the_same_for_a_seed() -> None:
    assert draw_rows(5, 9, 0) == [0, 1, 2, 3, 4]
    drawn = draw_rows(10_000, 32, 7)
    assert len(set(drawn)) == 32
    assert drawn == sorted(drawn) == draw_rows(10_000, 32, 7)
    assert drawn != draw_rows(10_000, 32, 8)


def test_a_probe_is_a_passage_with_its_own_words_and_vector(shelf: Generation) -> None:
    probes = draw_probes.fn(shelf.passages, shelf.vectors, Verify(probes=2, seed=1))
    rows = [int(query.id) for query in objects.load_rows(probes.queries, Query)]
    passages = objects.load_rows(shelf.passages, Passage)
    assert [q.text for q in objects.load_rows(probes.queries, Query)] == [passages[row].indexed for row in rows]
    np.testing.assert_array_equal(objects.load_array(probes.vectors), np.eye(3, dtype=np.float32)[rows])


def test_a_whole_generation_is_verified_with_its_numbers(shelf: Generation) -> None:
    assert verify(shelf) == Verified(passages=3, probes=3, by_vector=3, with_words=3, by_words=3)


def test_an_index_over_other_vectors_is_refused_with_both_digests(shelf: Generation) -> None:
    turned = objects.save_array(VectorsRef, TURNED)
    slipped = index_dense.fn(turned, Flat())
    words = (
        f"built over vectors {turned.digest[:12]} but they are {shelf.vectors.digest[:12]}; run knowledge-base again"
    )
    with pytest.raises(StoreError, match=words):
        verify(shelf.model_copy(update={"dense": slipped}))


def test_vectors_that_lead_to_other_passages_are_refused_with_the_numbers() -> None:
    probes = [Probe(row, True) for row in range(3)]
    with pytest.raises(
        DataError, match=r"0 of 3 passages .* are found by its own vector but 100% were needed \(passa"
    ):
        look_for(probes, [[1], [2], [0]], [[0], [1], [2]], np.eye(3, dtype=np.float32), Verify())


def test_words_that_lead_to_other_passages_are_refused_with_the_numbers(shelf: Generation) -> None:
    others = [
        Passage(f"x{row}#0", p.document, row, 0, 9, "", "Nothing of that kind", 4)
        for row, p in enumerate(objects.load_rows(shelf.passages, Passage))
    ]
    sparse = index_sparse.fn(objects.save_rows(PassagesRef, Passage, others), Bm25())
    with pytest.raises(DataError, match=r"0 of 3 passages .* are found by its own words but 50% were needed"):
        verify(shelf.model_copy(update={"sparse": sparse}))


def test_fewer_vectors_than_passages_are_refused_with_both_numbers(shelf: Generation) -> None:
    short = objects.save_array(VectorsRef, np.eye(3, dtype=np.float32)[:2])
    with pytest.raises(
        StoreError, match=r"has 3 passages, 2 vectors but one number above zero was needed; nothing is"
    ):
        verify(shelf.model_copy(update={"vectors": short}))


@pytest.mark.parametrize("counts", [{"passages": 0, "vectors": 0}, {"passages": 3, "dense": 4}], ids=["none", "more"])
def test_counts_must_agree_and_be_above_zero(counts: dict[str, int]) -> None:
    stated = ", ".join(f"{count} {name}" for name, count in counts.items())
    with pytest.raises(StoreError, match=f"the new generation has {stated} but one number above zero was needed"):
        check_counts(counts)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.5, 0.0], ids=["NaN", "infinity", "short", "zero"])
def test_a_vector_that_is_no_direction_is_refused_with_its_row_and_length(value: float) -> None:
    vectors = np.eye(4, dtype=np.float32)
    vectors[2, 2] = value
    with pytest.raises(StoreError, match=rf"vector 2 of the new generation has length {abs(value)} but 1 was needed"):
        check_vectors(vectors)


def test_passages_of_documents_that_are_not_there_are_refused(shelf: Generation) -> None:
    documents = objects.load_rows(shelf.documents, Document)
    moved = objects.save_rows(DocumentsRef, Document, [documents[1], documents[0]])
    with pytest.raises(
        StoreError, match=r"passage 0 is of document 'cats' in row 0 but 'dogs' stands there, of 2 doc"
    ):
        verify(shelf.model_copy(update={"documents": moved}))


def test_a_damaged_object_is_found_before_anything_is_published(shelf: Generation) -> None:
    path = objects.path(shelf.sparse) / "vocab.index.json"
    path.write_bytes(path.read_bytes().replace(b"cat", b"bat"))
    objects._verified.clear()
    with pytest.raises(StoreError, match=re.escape(str(path))):
        verify(shelf)


def test_a_passage_equal_to_the_one_found_counts_as_found() -> None:
    twice = np.eye(2, dtype=np.float32)[[0, 1, 1]]
    probes = [Probe(2, has_words=False)]
    found = look_for(probes, [[1, 2]], [[]], twice, Verify())
    assert found == {"by_vector": 1, "with_words": 0, "by_words": 0}


def test_a_share_that_is_allowed_may_be_missed() -> None:
    probes = [Probe(row, has_words=True) for row in range(4)]
    dense = [[0], [1], [3], [3]]
    sparse = [[0], [9, 1], [], [3]]
    vectors = np.eye(10, dtype=np.float32)
    found = look_for(probes, dense, sparse, vectors, Verify(found_by_vector=0.75, found_by_words=0.75))
    assert found == {"by_vector": 3, "with_words": 4, "by_words": 3}
    with pytest.raises(
        DataError, match=r"3 of 4 passages .* by its own words but 80% were needed \(passage 2 is not\)"
    ):
        look_for(probes, dense, sparse, vectors, Verify(found_by_vector=0.75, found_by_words=0.8))
