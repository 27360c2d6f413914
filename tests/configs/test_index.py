"""Indexes and filters as they are written on the command line."""

import pytest

from configs.index import Auto, Ivf, Qdrant
from configs.resolve import WrongCall, resolve
from configs.signatures import flow_cards


def resolved(flow: str, *words: str) -> object:
    return resolve(flow_cards()[flow], list(words)).config  # type: ignore[attr-defined]


def test_a_kind_of_index_and_its_parameters_are_set_by_name() -> None:
    dense = resolved("knowledge-base", "index.dense.kind=ivf", "index.dense.nlist=8").index.dense  # type: ignore[attr-defined]
    assert dense == Ivf(nlist=8)
    assert resolved("knowledge-base").index.dense == Auto()  # type: ignore[attr-defined]
    assert resolved("knowledge-base", "index.dense.kind=qdrant").index.dense == Qdrant()  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_filter_is_a_list_of_names_and_values_whatever_the_way_of_retrieval() -> None:
    words = ['queries=["x"]', 'retrieve.where=["kind=function", "path=*.py"]']
    for kind in ([], ["retrieve.kind=dense"], ["retrieve.kind=sparse"], ["retrieve.kind=fused"]):
        where = resolved("semantic-search", *kind, *words).retrieve.where  # type: ignore[attr-defined]
        assert where == ("kind=function", "path=*.py")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ('retrieve.where=["function"]', "retrieve.where.0 is 'function' but needs name=value"),
        ("retrieve.where=kind=function", "retrieve.where is 'kind=function' but needs a list of texts"),
    ],
)
def test_a_filter_that_is_none_is_refused_with_its_name(word: str, message: str) -> None:
    with pytest.raises(WrongCall, match=message):
        resolved("semantic-search", 'queries=["x"]', word)
