"""What is read of a PDF and what is mended in it: words, lines, columns, headings, sections."""

import hashlib
import io
import re
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter
from reportlab.pdfgen.canvas import Canvas

from configs.tokenize import Chunk
from tasks.data.documents import Document
from tasks.tokenize.chunk import cut_documents
from tests.tasks.ingest.pdf.pdf_files import (
    WORDS,
    Draw,
    heading,
    made,
    page_of,
    paragraph,
    read,
    read_twice,
    texts,
    titles,
    together,
)

NAMES = ("one", "two", "three", "four")


def test_a_page_is_a_document_with_its_page_and_the_digest_of_its_file(tmp_path: Path) -> None:
    content = made(paragraph(WORDS))
    found = read_twice(tmp_path, content, "notes.v2.pdf")
    digest = hashlib.sha256(content).hexdigest()
    meta = {"sha256": digest, "page": "1", "pages": "0:1"}
    assert found.documents == [
        Document("notes.v2.pdf#section-1", WORDS, "notes.v2", "files", "notes.v2.pdf", 0, "pdf", meta=meta)
    ]
    assert found.rejected == []
    assert found.documents[0].path_of(20) == "notes.v2.pdf page 1"
    assert found.documents[0].line_of(20) == 0


def test_the_words_are_those_another_library_reads(tmp_path: Path) -> None:
    content = made(paragraph(WORDS, "Ships wait outside for the tide."), paragraph("Rye needs a sour starter."))
    expected = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages).split()
    assert " ".join(texts(read_twice(tmp_path, content))).split() == expected


def test_headings_become_titles_of_sections_and_the_largest_that_of_the_file(tmp_path: Path) -> None:
    first = together(
        heading("On lighthouses", 760, 24), paragraph("Written by the sea.", y=730), heading("1 The lamp", 690),
        paragraph(WORDS, y=670), heading("2 The keeper", 640), heading("2.1 His day", 615, 13),
        paragraph("Early.", y=595),
    )  # fmt: skip
    second = together(paragraph("He rose at four.", y=750), heading("3 The end", 700))
    found = read_twice(tmp_path, made(first, second))
    assert titles(found) == [
        "On lighthouses",
        "On lighthouses > 1 The lamp",
        "On lighthouses > 2 The keeper > 2.1 His day",
        "On lighthouses > 3 The end",
    ]
    assert texts(found) == ["Written by the sea.", WORDS, "Early.\n\nHe rose at four.", "3 The end"]
    assert [d.id for d in found.documents] == [f"a.pdf#section-{n}" for n in (1, 2, 3, 4)]
    assert found.documents[2].meta["pages"] == "0:1 8:2"
    assert [found.documents[2].path_of(at) for at in (0, 7, 8, 20)] == [f"a.pdf page {n}" for n in (1, 1, 2, 2)]
    assert found.counts["headings"] == 5


def test_ids_of_sections_do_not_change_with_their_text(tmp_path: Path) -> None:
    def page(first: str, text: str) -> Draw:
        return together(heading(first, 760), paragraph(text), heading("Two", 600), paragraph("The second.", y=580))

    before = read_twice(tmp_path, made(page("One", WORDS)))
    after = read_twice(tmp_path, made(page("Uno", "Something entirely different.")))
    assert (
        [d.id for d in before.documents] == [d.id for d in after.documents] == ["a.pdf#section-1", "a.pdf#section-2"]
    )


def test_a_bold_numbered_line_is_a_heading_and_a_bold_word_is_not(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        heading("2 Methods", 700, 10)(canvas)
        paragraph(WORDS, WORDS, "A second line that ends here.", y=685)(canvas)
        canvas.setFont("Helvetica-Bold", 10)
        canvas.drawString(72, 649, "Bold")
        canvas.setFont("Helvetica", 10)
        canvas.drawString(100, 649, "is only the first word of this sentence.")

    found = read_twice(tmp_path, made(draw))
    assert titles(found) == ["2 Methods"]
    assert texts(found)[0].endswith("ends here.\nBold is only the first word of this sentence.")


@pytest.mark.parametrize("stated", [False, True], ids=["by character spacing", "by spaces"])
def test_letters_that_stand_apart_are_joined_to_words(tmp_path: Path, stated: bool) -> None:
    def draw(canvas: Canvas) -> None:
        text = canvas.beginText(72, 720)
        text.setCharSpace(0 if stated else 3)
        text.textOut("T h e  q u i c k  b r o w n  f o x ." if stated else "The quick brown fox.")
        text.setCharSpace(0)
        canvas.drawText(text)
        paragraph(WORDS)(canvas)

    found = read_twice(tmp_path, made(draw))
    assert texts(found)[0].splitlines()[0] == "The quick brown fox."
    assert found.counts["joined_words"] == 4


def test_a_kerned_pair_is_joined_only_where_its_letters_touch(tmp_path: Path) -> None:
    touching = b"BT /F 10 Tf 72 700 Td [(THE W) 0 ( ) 278 (AVE)] TJ ET\n"
    apart = b"BT /F 10 Tf 72 600 Td [(THE W) -100 ( AVE)] TJ ET\n"
    found = read_twice(tmp_path, page_of(touching + apart))
    assert texts(found) == ["THE WAVE\n\nTHE W AVE"]
    assert found.counts["joined_words"] == 1


def test_single_letters_of_a_sentence_stay_words(tmp_path: Path) -> None:
    lines = ("If a b c then I am.", "See A B C D in the table.", "x = y + z")
    found = read_twice(tmp_path, made(paragraph(*lines)))
    assert " ".join(texts(found)[0].split()) == " ".join(lines)
    assert found.counts["joined_words"] == 0


def raised(*parts: tuple[str, bool]) -> Draw:
    """Return a function that draws a line with some of its parts raised and small."""

    def draw(canvas: Canvas) -> None:
        text = canvas.beginText(72, 700)
        for words, up in parts:
            text.setFont("Helvetica", 6 if up else 10)
            text.setRise(4 if up else 0)
            text.textOut(words)
        canvas.drawText(text)
        canvas.setFont("Helvetica", 10)

    return draw


def test_marks_of_footnotes_are_dropped_and_powers_are_kept(tmp_path: Path) -> None:
    line = raised(
        ("The lamp", False), ("1", True), (" burned for years.", False), ("2,3", True), (" It weighed 10", False),
        ("6", True),
        (" g on 3 m", False), ("2", True), (" of stone", False), ("\u2020", True), (".", False),
    )  # fmt: skip
    note = raised(("1", True), ("See the log.", False))
    found = read_twice(tmp_path, made(together(line, paragraph("\u00b9 See page 3\u00b2", y=650)), note))
    assert (
        texts(found)[0].split("\n\n")[0] == "The lamp burned for years. It weighed 10\u2076 g on 3 m\u00b2 of stone."
    )
    assert texts(found)[0].endswith("See the log.")
    assert found.counts["footnote_marks"] == 5


def test_running_lines_are_dropped_and_counted_and_a_repeated_heading_is_kept_once(tmp_path: Path) -> None:
    def page(number: int) -> Draw:
        chapter = f"Chapter {number // 2}: {'ab'[number // 2 % 2] * 5}"
        return together(
            paragraph(f"The Journal, volume {number}", y=800), paragraph(f"{chapter}   {number + 10}", y=40),
            heading("Logbook", 780), paragraph(f"Entry {'xyzw'[number]} of the log.", y=700),
        )  # fmt: skip

    found = read_twice(tmp_path, made(*(page(n) for n in range(4))))
    assert titles(found) == ["Logbook"]
    assert texts(found)[0].split("\n\n") == [f"Entry {c} of the log." for c in "xyzw"]
    assert found.counts["repeated"] == 4 + 4 + 3


def test_lines_of_a_form_that_differ_by_their_numbers_are_text_and_not_running_lines(tmp_path: Path) -> None:
    def page(number: int) -> Draw:
        return together(
            paragraph(
                f"Mine of level {number}, where men", f"dig {number * 731} baskets of ore", f"for {number} overseers."
            ),
            paragraph(f"Page {number}", y=40),
        )

    found = read_twice(tmp_path, made(*(page(n) for n in range(1, 7))))
    text = " ".join(" ".join(texts(found)).split())
    assert text == " ".join(
        f"Mine of level {n}, where men dig {n * 731} baskets of ore for {n} overseers." for n in range(1, 7)
    )
    assert found.counts["repeated"] == 6


def test_an_identical_section_stays_and_is_counted(tmp_path: Path) -> None:
    def page(name: str, top: float) -> Draw:
        return together(
            heading(name, top), paragraph(f"About {name}.", y=top - 20), heading("Disclaimer", top - 60),
            paragraph("No liability is taken.", y=top - 80),
        )  # fmt: skip

    found = read(tmp_path, made(page("One", 700), page("Two", 600)))
    assert texts(found) == ["About One.", "No liability is taken.", "About Two.", "No liability is taken."]
    assert (found.rejected, found.counts["duplicates"]) == ([], 1)


def test_a_hyphen_at_the_end_of_a_line_goes_unless_the_word_has_one(tmp_path: Path) -> None:
    lines = (
        "It was a well-known lamp, whose light reached ships that were far out on the open wa-",
        "ter; and its keeper, a man of great patience and few words, was as well-",
        "known as the lamp itself on all of the coast, from the cape to the Anglo-",
        "Saxon wall.",
    )
    found = read_twice(tmp_path, made(paragraph(*lines)))
    assert "open water; and" in texts(found)[0]
    assert "well-known as" in texts(found)[0]
    assert "Anglo-Saxon wall" in texts(found)[0]
    assert found.counts["hyphens"] == 3


def column(start: int, x: float, top: float = 700) -> Draw:
    """Return a function that draws twelve lines of a column."""
    return paragraph(
        *(f"Line {n} runs on to the margin of its own column" for n in range(start, start + 12)), x=x, y=top
    )


@pytest.mark.parametrize("shift", [0, 5], ids=["on one baseline", "on baselines of their own"])
def test_two_columns_are_read_one_after_the_other(tmp_path: Path, shift: float) -> None:
    top = paragraph(
        "An abstract that runs across both of the columns of this page, from the left margin to the right.", y=730
    )
    bottom = paragraph(
        "A closing line that runs across both of the columns of this page, from left to right again.", y=500
    )
    page = together(column(12, 310, 700 - shift), top, column(0, 60), bottom)
    (text,) = texts(read_twice(tmp_path, made(page)))
    order = [text.index("An abstract"), *(text.index(f"Line {n} ") for n in range(24)), text.index("A closing")]
    assert order == sorted(order)


def test_cells_of_a_table_stay_in_their_rows(tmp_path: Path) -> None:
    rows = [("copper", "8.96"), ("iron", "7.87"), ("lead", "11.34"), ("an alloy", "9.1")]
    draws = [
        together(paragraph(a, y=700 - 12 * n), paragraph(b, x=300, y=700 - 12 * n)) for n, (a, b) in enumerate(rows)
    ]
    found = texts(read_twice(tmp_path, made(together(*draws))))
    assert found[0].split() == " ".join(f"{a} {b}" for a, b in rows).split()


def test_a_turned_page_and_turned_text_are_read_and_a_slanted_stamp_is_counted(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        paragraph(WORDS)(canvas)
        canvas.saveState()
        canvas.translate(40, 100)
        canvas.rotate(90)
        canvas.drawString(0, 0, "Up along the margin")
        canvas.rotate(-45)
        canvas.drawString(100, 0, "DRAFT")
        canvas.restoreState()

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(made(draw))))
    writer.pages[0].rotate(90)
    buffer = io.BytesIO()
    writer.write(buffer)
    found = read_twice(tmp_path, buffer.getvalue())
    assert sorted(texts(found)[0].split("\n\n")) == sorted([WORDS, "Up along the margin"])
    assert found.counts["slanted"] == 5


def test_passages_of_sections_map_to_their_characters_and_pages(tmp_path: Path) -> None:
    def page(number: int) -> Draw:
        lines = [f"Sentence {n} of page {NAMES[number - 1]} is here, and it says nothing but that." for n in range(8)]
        return together(*([heading("A part", 760)] if number % 2 else []), paragraph(*lines))

    found = read_twice(tmp_path, made(*(page(n) for n in range(1, 5))))
    words = [[match.span() for match in re.finditer(r"\w+", d.text)] for d in found.documents]
    passages = list(
        cut_documents(
            found.documents,
            lambda texts: [[]] * len(texts) if texts[0] == "" else words,
            Chunk(max_tokens=40, heading=False),
        )
    )
    for row, document in enumerate(found.documents):
        mine = [p for p in passages if p.row == row]
        assert "".join(p.text for p in mine) == document.text
        assert [p.text for p in mine] == [document.text[p.start : p.end] for p in mine]
    cited = [
        (found.documents[p.row].path_of(p.start + m.start()), m[1])
        for p in passages
        for m in re.finditer(r"of page (\w+)", p.text)
    ]
    assert len(cited) == 32
    assert {name for _, name in cited} == set(NAMES)
    assert all(path == f"a.pdf page {NAMES.index(name) + 1}" for path, name in cited)
