import fnmatch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import ContractError
from tasks.retrieve.where import FIELDS, documents_where

ROWS = [
    {"id": "numpy.linspace", "title": "linspace", "kind": "function", "path": "numpy/core/function_base.py"},
    {"id": "numpy.ndarray", "title": "ndarray", "kind": "class", "path": "numpy/__init__.py"},
    {"id": "notes[1]", "title": "a=b", "kind": "md", "path": "notes/a.md", "source": "notes", "licence": "MIT"},
]
META = [{"version": "2.0"}, {}, {"author": "Ada", "version": "2.0"}]
COLUMNS = {name: [row.get(name, "") for row in ROWS] for name in FIELDS}


def kept(*conditions: str) -> list[int]:
    return np.flatnonzero(documents_where(conditions, COLUMNS, META, 3)).tolist()


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], [0, 1, 2]),
        (["kind=function"], [0]),
        (["kind=function", "kind=class"], []),
        (["id=numpy.*", "kind=class"], [1]),
        (["path=*.py"], [0, 1]),
        (["path=numpy/*_base.py"], [0]),
        (["path=*"], [0, 1, 2]),
        (["id=notes[1]"], [2]),
        (["id=n?mpy.ndarray"], []),
        (["title=*"], []),
        (["title=a=b"], [2]),
        (["licence="], [0, 1]),
        (["source=notes", "licence=MIT"], [2]),
        (["version=2.0"], [0, 2]),
        (["version=2"], [0, 2]),
        (["version=02"], []),
        (["version=2.0", "author=Ada"], [2]),
        (["author="], []),
        (["Kind=function"], None),
    ],
    ids=str,
)
def test_documents_that_fulfil_every_condition_are_kept(conditions: list[str], expected: list[int] | None) -> None:
    if expected is None:
        with pytest.raises(ContractError, match="'Kind'"):
            kept(*conditions)
    else:
        assert kept(*conditions) == expected


@given(st.lists(st.text("ab./", max_size=6), max_size=8), st.text("ab./*", max_size=5))
def test_a_star_means_what_it_means_in_a_shell(paths: list[str], pattern: str) -> None:
    columns = {name: paths for name in FIELDS}
    found = documents_where([f"path={pattern}"], columns, [], len(paths))
    assert found.tolist() == [fnmatch.fnmatchcase(path, pattern) for path in paths]


def test_a_name_that_no_document_knows_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(
        ContractError,
        match=r"where names 'lang' but no document knows it; known are id, title, source, path, kind, licence, "
        r"and of meta author, version$",
    ):
        kept("lang=en")
    with pytest.raises(ContractError, match=r"known are id, title, source, path, kind, licence$"):
        documents_where(["lang=en"], {}, [], 0)


def test_what_is_no_condition_is_refused_as_it_was_written() -> None:
    with pytest.raises(ContractError, match=r"where has 'function' but name=value was needed, such as kind=function"):
        kept("function")


def test_a_column_that_was_kept_stands_before_a_field_of_its_name() -> None:
    fields = {"kind": ["picture"] * 3}
    found = documents_where(["kind=horse"], fields, [{"kind": "horse"}, {"kind": "ship"}, {}], 3)
    assert found.tolist() == [True, False, False]
    assert documents_where(["kind=picture"], fields, [{}, {}, {}], 3).all()
