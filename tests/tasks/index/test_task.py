import json

import pytest

from configs.index import Auto, Bm25, DenseIndex, Flat, Hnsw, Qdrant
from tasks.data.documents import Passage, PassagesRef
from tasks.data.search import Generation
from tasks.errors import ContractError
from tasks.index import index_dense, index_sparse, open_collection, publish_generation
from tasks.runtime import records, steps
from tasks.store import objects


def test_a_dense_index_has_the_shape_of_its_vectors(shelf: Generation) -> None:
    assert index_dense.fn(shelf.vectors, Flat()).shape == (3, 3)


@pytest.mark.usefixtures("without_prefect")
@pytest.mark.parametrize("config", [Auto(), Hnsw(), Qdrant()], ids=["auto", "hnsw", "qdrant"])
def test_every_build_records_its_recall(config: DenseIndex, shelf: Generation) -> None:
    with steps.watch():
        made = index_dense(shelf.vectors, config)
    key = index_dense.spec.key(index_dense.spec.inputs((shelf.vectors, config), {}))
    record = records.find("index-dense", key)
    assert record is not None
    assert record.metrics == {"vectors": 3, "width": 3, "recall_at_10": 1}
    about = json.loads((objects.path(made) / "index.json").read_text("utf-8"))
    assert (about["vectors"], about["recall_at_10"]) == (3, 1)


def test_equal_input_gives_the_same_indexes(shelf: Generation) -> None:
    assert index_dense.fn(shelf.vectors, Flat()) == shelf.dense
    assert index_sparse.fn(shelf.passages, Bm25()) == shelf.sparse


def test_another_formula_gives_another_sparse_index(shelf: Generation) -> None:
    assert index_sparse.fn(shelf.passages, Bm25(k1=0.5)).digest != shelf.sparse.digest


def test_the_heading_of_a_passage_is_indexed_with_its_text(shelf: Generation) -> None:
    bare = [
        Passage(p.id, p.document, p.row, p.start, p.end, "", p.text, 1)
        for p in objects.load_rows(shelf.passages, Passage)
    ]
    assert index_sparse.fn(objects.save_rows(PassagesRef, Passage, bare), Bm25()).digest != shelf.sparse.digest


def test_a_published_collection_is_opened_by_name_or_as_the_only_one(shelf: Generation) -> None:
    assert shelf.number == 1
    assert open_collection("shelf") == open_collection(None) == shelf


def test_publishing_what_is_live_makes_no_new_generation(shelf: Generation) -> None:
    assert publish_generation(shelf.model_copy(update={"number": 0})) == shelf


def test_a_plan_publishes_nothing(shelf: Generation) -> None:
    other = shelf.model_copy(update={"collection": "other", "number": 0})
    with steps.plan():
        assert publish_generation(other) == other
    with pytest.raises(ContractError, match=r"there is no collection 'other' in .*; there are: shelf"):
        open_collection("other")
