"""Long files as a document a section."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.documents import Document, Item, Rejected
from tasks.ingest.files import describe_file, read_file
from tasks.ingest.headings import markdown_headings
from tasks.ingest.letters import mend_letters
from tasks.ingest.sections import LONG_FILE, Section, documents_of, section_notes, split_text

WORDS = "The miller opens the sluice before dawn and closes it when the moss is wet. "
ITEM = Item("a/book.md", 1, "digest")


def sections(text: str) -> list[Section]:
    """Return the sections of a Markdown text."""
    return split_text(text, markdown_headings(text), lines=True)


def test_a_section_has_the_headings_above_it_and_its_first_line() -> None:
    text = "before\n\n# Book\n\nfirst\n\n## One\n\n\n    code\n\n### Deep\nx\n## Two\ny\n"
    assert sections(text) == [
        Section((), "before", 1),
        Section(("Book",), "first", 5),
        Section(("Book", "One"), "    code", 10),
        Section(("Book", "One", "Deep"), "x", 13),
        Section(("Book", "Two"), "y", 15),
    ]


def test_a_heading_with_nothing_under_it_is_not_lost() -> None:
    assert sections("# Book\n## One\n## Two\nx\n# End") == [
        Section(("Book", "One"), "One", 3),
        Section(("Book", "Two"), "x", 4),
        Section(("End",), "End", 5),
    ]


@given(st.lists(st.sampled_from(["# A", "## B", "### C", "one", "two words", "", "    x"]), max_size=30))
def test_no_line_but_headings_is_lost_and_each_line_number_is_right(lines: list[str]) -> None:
    text = "\n".join(lines)
    found = sections(text)
    kept = Counter(line for s in found for line in s.text.split("\n") if line.strip())
    assert Counter(line for line in lines if line.strip() and line[0] != "#") <= kept
    for section in found:
        assert section.text.split("\n")[0] == lines[section.line - 1] or section.text == section.headings[-1]


def test_documents_say_title_line_and_place_and_the_whole_file_keeps_its_name() -> None:
    made = documents_of(
        ITEM, "Book", [Section(("Book", "One"), "x", 4), Section(("Two",), "y", place="slide 3")], "md"
    )
    assert [(d.id, d.title, d.line) for d in made if isinstance(d, Document)] == [
        ("a/book.md#section-1", "Book > One", 4),
        ("a/book.md#section-2", "Book > Two", 0),
    ]
    assert [d.path_of(0) for d in made if isinstance(d, Document)] == ["a/book.md", "a/book.md slide 3"]
    (whole,) = documents_of(ITEM, "", [Section((), "x", 1)], "md")
    assert isinstance(whole, Document)
    assert (whole.id, whole.title, whole.meta) == ("a/book.md", "book", {"sha256": "digest"})
    assert documents_of(ITEM, "", [Section(("One",), "\u200b")], "md") == [
        Rejected("a/book.md#section-1", "empty", "has no visible character")
    ]


CHAPTERS = {name: WORDS * 40 + f"It is the {name.lower()}." for name in ("Well", "Mill", "Weir")}
LONG = {
    "book.md": "# The river\n\n" + "".join(f"## {n}\n\n{t}\n\n" for n, t in CHAPTERS.items()),
    "front.md": "---\ntitle: The river\n---\n" + "".join(f"# {n}\n\n{t}\n\n" for n, t in CHAPTERS.items()),
    "The river.md": "".join(f"# {n}\n\n{t}\n\n" for n, t in CHAPTERS.items()),
    "The river.txt": "".join(f"{n}\n=====\n\n{t}\n\n" for n, t in CHAPTERS.items()),
    "book.html": "<title>The river</title>" + "".join(f"<h2>{n}</h2><p>{t}</p>" for n, t in CHAPTERS.items()),
    "head.html": "<h1>The river</h1>" + "".join(f"<h2>{n}</h2><p>{t}</p>" for n, t in CHAPTERS.items()),
}


@pytest.mark.parametrize(("name", "content"), LONG.items(), ids=LONG)
def test_a_long_file_becomes_a_document_a_section(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    item = describe_file(tmp_path / name, name, 10**9)
    found = read_file(tmp_path, item, "utf-8")
    documents = [d for d in found.rows if isinstance(d, Document) and "title:" not in d.text]
    assert [d.title for d in documents] == ["The river > Well", "The river > Mill", "The river > Weir"]
    assert [d.text for d in documents] == [text.strip() for text in CHAPTERS.values()]
    assert found.counts["split_files"] == 1
    for document in documents if name.endswith(("md", "txt")) else ():
        assert content.split("\n")[document.line - 1].strip() == document.text
    (whole,) = read_file(tmp_path, item, "utf-8", "off").rows
    assert isinstance(whole, Document)
    assert whole.id == name


@pytest.mark.parametrize(
    "text", ["# A\n\nx\n\n# B\n\ny\n", "# A\n\n" + "x " * LONG_FILE], ids=["short", "one heading"]
)
def test_a_short_file_and_one_with_one_heading_stay_one_document(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.md").write_text(text, "utf-8")
    (row,) = read_file(tmp_path, describe_file(tmp_path / "a.md", "a.md", 10**9), "utf-8").rows
    assert isinstance(row, Document)
    assert (row.id, row.text, row.line) == ("a.md", text, 1)


def test_a_section_that_repeats_another_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        f"# B\n\n## One\n\n{WORDS * 60}\n\n## Two\n\ny\n\n## Three\n\n{WORDS * 60}", "utf-8"
    )
    found = read_file(tmp_path, describe_file(tmp_path / "a.md", "a.md", 10**9), "utf-8")
    assert section_notes(found.rows, found.counts) == [
        "1 long file is read as 3 sections, a document each (source.sections)",
        "1 section repeats another of its file: 'B > Three' has the text of 'B > One'",
    ]


@pytest.mark.parametrize(
    ("text", "mended", "joined"),
    [
        ("Figur e 3 is the figure, a Figure.", "Figure 3 is the figure, a Figure.", 1),
        ("Figur e 3 is the figure.", "Figur e 3 is the figure.", 0),
        ("vector s of vectors, vectors: a vector", "vector s of vectors, vectors: a vector", 0),
        ("see tim e: time, time's up", "see time: time, time's up", 1),
        ("of\ufb01ce \ufb02ows", "office flows", 0),
    ],
    ids=["joined", "seen once", "a word of its own", "before a colon", "ligatures"],
)
def test_a_letter_that_stands_apart_is_joined_where_the_text_has_the_whole_word(
    text: str, mended: str, joined: int
) -> None:
    counts: Counter[str] = Counter()
    assert mend_letters([text], counts) == [mended]
    assert counts["joined_words"] == joined
