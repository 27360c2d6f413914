import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.documents import Document, Passage


def document(text: str, *, line: int = 1, kind: str = "txt", **meta: str) -> Document:
    """Return a document of a file."""
    return Document("d", text, "title", "files", "d.txt", line=line, kind=kind, meta=meta)


@pytest.mark.parametrize(("heading", "indexed"), [("Bread", "Bread\nRye."), ("", "Rye.")], ids=["heading", "none"])
def test_a_passage_is_indexed_under_its_heading_without_blank_ends(heading: str, indexed: str) -> None:
    assert Passage("d#0", "d", 0, 0, 8, heading, "\n Rye. \n", 3).indexed == indexed


@given(st.text("ab\n", max_size=30), st.integers(1, 99))
def test_the_line_of_a_character_is_that_of_the_file(text: str, first: int) -> None:
    found = [document(text, line=first).line_of(position) for position in range(len(text))]
    lines = text.splitlines(keepends=True)
    assert found == [first + number for number, line in enumerate(lines) for _ in line]


def test_a_row_of_a_table_has_the_number_of_the_row_throughout() -> None:
    assert document("a\nb\nc", line=7, kind="row").line_of(4) == 7


def test_lines_that_mean_nothing_are_nought() -> None:
    assert document("a\nb\nc", line=0, kind="html").line_of(4) == 0


def test_a_docstring_counts_from_the_line_of_its_text_not_of_its_definition() -> None:
    assert document("a\nb", line=10, text_line="12").line_of(2) == 13


def test_joined_and_split_lines_shift_those_that_follow() -> None:
    made = document("a\nb\nc\nd", text_line="10", line_shifts="1:1 3:-1")
    assert [made.line_of(position) for position in (0, 2, 4, 6)] == [10, 12, 13, 13]


def test_the_page_of_a_character_stands_with_the_file_where_it_has_pages() -> None:
    made = document("a\n\nb", line=0, kind="pdf", pages="0:3 2:4 3:7")
    assert [made.path_of(at) for at in (0, 1, 2, 3)] == [f"d.txt page {page}" for page in (3, 3, 4, 7)]
    assert document("a").path_of(0) == "d.txt"


def test_a_span_that_begins_with_a_blank_is_cited_where_its_first_letter_stands() -> None:
    scanned = document("one.\n\ntwo.", pages="0:1 6:2")
    found = [scanned.path_of(scanned.first_letter(at)) for at in (0, 4, 6)]
    assert found == ["d.txt page 1", "d.txt page 2", "d.txt page 2"]
    plain = document("one.\n\ntwo. \n")
    assert [plain.line_of(plain.first_letter(at)) for at in (0, 4, 6)] == [1, 3, 3]
    assert plain.first_letter(10) == 10
