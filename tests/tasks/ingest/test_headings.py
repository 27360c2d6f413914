"""Headings of Markdown and of plain text, and what only looks like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tasks.ingest.headings import first_heading, front_matter, markdown_headings, text_headings

MARKDOWN: dict[str, tuple[str, list[tuple[int, str]]]] = {
    "marks": ("# One\n\n### Three ###\n", [(1, "One"), (3, "Three")]),
    "marks inside": ("# The **bold** `code` [link](x)", [(1, "The bold code link")]),
    "underlined": ("Outer\n=====\n\nInner of\ntwo lines\n---\n", [(1, "Outer"), (2, "Inner of two lines")]),
    "code": ("```\n# no\n```\n\n~~~sh\n# no\n~~~\n\n    # no\n", []),
    "a fence that is never closed": ("text\n\n```\n# no\n", []),
    "a tag": ("#tag\n\n#1 of many\n", []),
    "a quotation and a list": ("> # no\n\n- # no\n", []),
    "a rule": ("text\n\n---\n\nmore\n\n***\n", []),
    "nothing but marks": ("##\n\n# \n", []),
    "html": ("<!--\n# no\n-->\n", []),
    "lines of Windows": ("# One\r\n\r\ntext\r\n\r\nTwo\r\n===\r\n", [(1, "One"), (1, "Two")]),
}


@pytest.mark.parametrize(("text", "expected"), MARKDOWN.values(), ids=MARKDOWN.keys())
def test_headings_of_markdown_are_those_of_commonmark(text: str, expected: list[tuple[int, str]]) -> None:
    assert [(h.level, h.title) for h in markdown_headings(text)] == expected


@given(
    st.lists(
        st.sampled_from(["# A", "#b", "```", "~~~", "text", "===", "---", "", "    # c", "> # d", "- e", "## F #"])
    )
)
def test_a_heading_stands_where_the_parser_of_the_whole_text_has_one(lines: list[str]) -> None:
    text = "\n".join(lines)
    tokens = MarkdownIt("commonmark").parse(text)
    opened = [t.map for t in tokens if t.type == "heading_open" and t.level == 0 and t.map]
    found = [text.count("\n", 0, h.start) for h in markdown_headings(text)]
    assert found == [first for first, _ in opened]
    assert [h.title for h in first_heading(text)] == [h.title for h in markdown_headings(text)[:1]]


@pytest.mark.parametrize(
    ("text", "title", "rest"),
    [
        ("---\ntitle: The lift\ndate: 2024-05-01\n---\nBody", "The lift", "Body"),
        ("---\r\ndate: x\r\ntitle: 'A: b'\r\n---\r\nBody", "A: b", "Body"),
        ('+++\ntitle = "The lift"\n+++\nBody', "The lift", "Body"),
        ("---\ndate: x\n---\nBody", "", "Body"),
        ("---\nsubtitle: x\n---\nBody", "", "Body"),
        ("---\ntitle: never closed\n\nBody", "", "---\ntitle: never closed\n\nBody"),
        ("Body\n\n---\ntitle: no\n---\n", "", "Body\n\n---\ntitle: no\n---\n"),
    ],
    ids=["yaml", "quoted", "toml", "no title", "another field", "open", "not at the start"],
)
def test_front_matter_states_the_title_and_is_no_heading(text: str, title: str, rest: str) -> None:
    stated, start = front_matter(text)
    assert (stated, text[start:]) == (title, rest)
    assert markdown_headings(text, start) == [] or start == 0


TEXT: dict[str, tuple[str, list[str]]] = {
    "underlined": ("The pump\n========\n\nText.\n\nIts valve\n---------\nText.", ["The pump", "Its valve"]),
    "chapters": ("CHAPTER I\nThe Well\n\nText.\n\nChapter 2: Mill\n\nx", ["CHAPTER I The Well", "Chapter 2: Mill"]),
    "chapters of others": ("Kapitel 3\n\nText.\n\nChapitre IV. La mer\n\nText.", ["Kapitel 3", "Chapitre IV. La mer"]),
    "numbers": ("1. Scope\n\nText.\n\n1.1 Terms\n\nText.\n\n2 Method\n\nText.", ["1. Scope", "1.1 Terms", "2 Method"]),
    "items of a list": ("1. Buy flour\n\n2. Buy yeast\n\nText.", []),
    "items beside numbers": ("2.1 Terms\n\nText.\n\n1. Buy flour\n\nText.", ["2.1 Terms"]),
    "the head of a table": ("Name   Price\n------------\na      3", []),
    "a short line": ("A long line of text here\n---\nmore", []),
    "a table of contents": ("Chapter 1 ...... 3\n\nChapter 2     9", []),
    "a sentence": ("He read chapter 3 again.\n\nChapter 3 is what he read.\n\n2.1 is a number.", []),
    "shouting": ("WHAT IS THIS\n\nText.", []),
    "inside a paragraph": ("Text and\nChapter 3\nand text.\n\nmore", []),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TEXT.values(), ids=TEXT.keys())
def test_headings_of_plain_text_are_taken_where_they_are_plain(text: str, expected: list[str]) -> None:
    assert [h.title for h in text_headings(text)] == expected


def test_the_kind_of_heading_that_comes_first_is_the_outermost() -> None:
    text = "Part One\n\nChapter 1\n\nx\n\nHow\n---\n\nx\n\nChapter 2\n\nPart Two\n\nx"
    levels = {h.title: h.level for h in text_headings(text)}
    assert levels["Part One"] == levels["Part Two"] < levels["Chapter 1"] == levels["Chapter 2"] < levels["How"]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("unit", ["# [", ">", "- ", "`", "<!--", "[a]: ", "a\n", "\n", "1.1 ", "Chapter I "])
def test_a_hostile_text_is_read_in_linear_time(unit: str) -> None:
    text = unit * 50_000 + "\n\n# End"
    assert all(h.title == "End" for h in markdown_headings(text)[-1:])
    text_headings(text)
