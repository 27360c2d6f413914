"""Files that other programs write become sections with titles and places, and what is not read of them is said."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from pptx.util import Inches

from configs.ingest import Files
from tasks.data.documents import Passage
from tasks.errors import MissingExtra
from tasks.ingest import readers
from tasks.ingest.office.process import answer, contents_of
from tasks.ingest.sources import list_source
from tests.tasks.ingest.office.office_files import (
    book,
    changed,
    deck,
    letter,
    noted,
    novel,
    read,
    saved,
    word,
)

HIDDEN = "<w:r {}><w:rPr><w:vanish/></w:rPr><w:t>unseen</w:t></w:r>"
INSERTED = "<w:ins {} w:id='1'><w:r><w:t>kept </w:t></w:r></w:ins>"
DELETED = "<w:del {} w:id='2'><w:r><w:delText>gone</w:delText></w:r></w:del>"
BOXED = "<w:r {}><w:pict><w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p></w:txbxContent></w:pict></w:r>"


def filled(table: Any, *rows: tuple[str, ...]) -> Any:
    for row, cells in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    return table


def test_one_call_reads_every_kind_and_says_what_it_did_not_read(tmp_path: Path) -> None:
    made = word()
    made.add_paragraph("The keeper lit the lamp.")
    found = read(
        tmp_path,
        {
            "a.docx": saved(made),
            "b.pptx": saved(deck(("Deck", "Opening words"), ("Costs", "Oats are dear"))),
            "c.xlsx": saved(book(("Prices", [["name", "price"], ["Oats", 12.5], ["Rye", "=B2*2"]]))),
            "d.eml": letter("Bridge", "It opens on Friday.", plan=b"%PDF"),
            "e.csv": b"name;price\nOats;12,5\n",
            "f.doc": b"no Word",
            "g.txt": b"Plain.",
        },
    )
    assert [(d.title, d.path_of(len(d.text) - 1), d.line_of(0), d.kind) for d in found.documents] == [
        ("a", "a.docx", 0, "docx"),
        ("b > Deck", "b.pptx slide 1", 0, "pptx"),
        ("b > Costs", "b.pptx slide 2", 0, "pptx"),
        ("c > Prices", "c.xlsx sheet Prices row 3", 0, "xlsx"),
        ("Bridge", "d.eml", 0, "eml"),
        ("e", "e.csv row 2", 0, "csv"),
        ("g", "g.txt", 1, "txt"),
    ]
    assert [(r.item, r.reason) for r in found.rejected] == [("f.doc", "unreadable")]
    assert (found.counts["formulas"], found.counts["attachments"]) == (1, 1)
    assert found.notes == [
        "1 file is csv with a semicolon between cells, as found: e.csv",
        "not read: c.xlsx: 1 formula without a value: open it in Excel and save it; "
        "d.eml: 1 attachment (plan.pdf): save them beside the mail",
    ]
    assert {f"*.{kind}" for kind in ("docx", "pptx", "xlsx", "epub", "eml", "csv", "tsv")} < set(
        Files(path="x").patterns
    )


@pytest.mark.parametrize("sections", ["auto", "off"])
def test_a_long_word_file_is_parted_at_its_headings_unless_that_is_off(tmp_path: Path, sections: str) -> None:
    made = word()
    made.add_heading("Harbour report", 0)
    for title in ("Boats", "People"):
        made.add_heading(title, 1)
        made.add_paragraph(f"{title} come and go. " * 150)
    slides = deck(("One", "first"), ("Two", "second"))
    found = read(tmp_path, {"a.docx": saved(made), "b.pptx": saved(slides)}, sections=sections)
    titles = {
        "auto": ["Harbour report > Boats", "Harbour report > People", "b > One", "b > Two"],
        "off": ["Harbour report", "b"],
    }
    assert [d.title for d in found.documents] == titles[sections]
    assert found.counts["split_files"] == (sections == "auto")


def test_tables_of_a_word_file_keep_rows_and_header_and_a_note_follows_its_paragraph() -> None:
    made = word()
    made.add_heading("Costs", 1)
    made.add_paragraph("Oars are dear.")
    rows = [("item", "price"), *((f"oar of {n} feet", f"{n}.50") for n in range(20))]
    filled(made.add_table(21, 2), *rows)
    made.add_paragraph("The end.")
    found = contents_of(noted(saved(made), "Oars are dear.", "By hand."), "docx")
    parts = found.text.split("\n\n")
    assert parts[:3] == ["Costs", "Oars are dear. (note 1)", "Note 1: By hand."]
    assert parts[3:-1] == ["item\tprice", *(f"item: oar of {n} feet\tprice: {n}.50" for n in range(20))]
    assert [h.title for h in found.headings] == ["Costs"]


def test_headings_of_another_language_are_found_by_the_names_of_their_styles() -> None:
    made = word()
    made.add_heading("Beiträge", 1)
    made.add_paragraph("84 Euro.")
    german = saved(made)
    for part in ("word/document.xml", "word/styles.xml"):
        german = changed(german, part, lambda xml: xml.replace('"Heading1"', '"berschrift1"'))
    german = changed(german, "word/styles.xml", lambda xml: xml.replace('"Heading 1"', '"heading 1"'))
    assert [h.title for h in contents_of(german, "docx").headings] == ["Beiträge"]


def test_of_a_word_file_what_a_reader_sees_is_read_and_nothing_else() -> None:
    made = word()
    paragraph = made.add_paragraph("It is ")
    for part in (INSERTED, DELETED, HIDDEN, BOXED):
        paragraph._p.append(parse_xml(part.format(nsdecls("w"))))
    for line in ("oars", "sails"):
        made.add_paragraph(line, style="List Number")
    found = contents_of(saved(made), "docx")
    assert found.text == "It is kept\n\nIn a box.\n\n- oars\n\n- sails"
    assert found.counts["deletions"] == 1
    assert found.unread == ["6 characters of hidden text", "1 list without the numbers of its items"]


def test_slides_have_tables_groups_and_notes_and_hidden_ones_are_counted() -> None:
    made = deck(("Deck", "one"), ("Secret", "not shown"), ("Prices", "dear"))
    made.slides[1]._element.set("show", "0")
    filled(made.slides[2].shapes.add_table(2, 2, *[Inches(1)] * 4).table, ("name", "price"), ("Oats", "12.50"))
    group = made.slides[0].shapes.add_group_shape()
    group.shapes.add_textbox(*[Inches(1)] * 4).text_frame.text = "in a group"
    made.slides[2].notes_slide.notes_text_frame.text = "Speak slowly."
    found = contents_of(saved(made), "pptx")
    assert [(s.place, s.headings, s.text) for s in found.sections] == [
        ("slide 1", ("Deck",), "one\n\nin a group"),
        ("slide 3", ("Prices",), "dear\n\nname\tprice\nOats\t12.50\n\nNotes: Speak slowly."),
    ]
    assert found.unread == ["1 hidden slide (2)"]


def test_cells_are_written_as_a_person_sees_them() -> None:
    rows = [["what", "value"], ["day", dt.date(2026, 3, 4)], ["minute", dt.datetime(2026, 3, 4, 9, 5)],
            ["time", dt.time(9, 5)], ["whole", 3.0], ["sum", 0.1 + 0.2], ["yes", True], ["share", 0.19],
            ["lines", "a\nb"], ["bad", "#N/A"], ["worked", dt.timedelta(hours=40, minutes=30)]]  # fmt: skip
    made = book(("Shown", rows), ("Secret", [["a", "b"]]))
    made["Secret"].sheet_state = "hidden"
    made["Shown"]["B8"].number_format = "0%"
    found = contents_of(saved(made), "xlsx")
    shown = [line.removeprefix("what: ").split("\tvalue: ") for line in found.sections[0].text.split("\n\n")]
    assert shown == [
        ["day", "2026-03-04"], ["minute", "2026-03-04 09:05:00"], ["time", "09:05:00"], ["whole", "3"], ["sum", "0.3"],
        ["yes", "TRUE"], ["share", "19%"], ["lines", "a b"], ["bad"],
        ["worked", "40:30:00"],
    ]  # fmt: skip
    assert found.unread == ["1 hidden sheet (Secret)", "1 cell that holds an error"]


def test_every_row_of_a_long_sheet_knows_its_number_in_blocks_and_passages(tmp_path: Path) -> None:
    rows = [["name", "stock"], [], *([f"article {n}", n] for n in range(3, 400))]
    documents = read(tmp_path, {"s.xlsx": saved(book(("S", rows)))}).documents
    assert 10 > len(documents) > 3
    for n in range(3, 400):
        held = next(d for d in documents if f"name: article {n}\tstock: {n}" in d.text.split("\n\n"))
        at = held.text.index(f"name: article {n}\t")
        part = held.part(Passage("p", held.id, 0, at, at + 5, "", held.text[at : at + 5], 1))
        assert held.path_of(at) == part.path_of(0) == f"s.xlsx sheet S row {n}"


def test_a_second_table_of_a_sheet_has_its_own_columns() -> None:
    rows = [["name", "price"], ["Oats", 3], ["Rye", 4], [], ["town", "people"], ["Tarn", 900]]
    section = contents_of(saved(book(("S", rows))), "xlsx").sections[0]
    assert section.text.split("\n\n") == ["name: Oats\tprice: 3", "name: Rye\tprice: 4", "town: Tarn\tpeople: 900"]
    assert [place.split(":")[1] for place in section.rows.split()] == ["2", "3", "6"]


def test_csv_is_read_by_the_delimiter_and_encoding_that_fit() -> None:
    found = contents_of("Größe;Preis\nweiß;1,5\n".encode("cp1252"), "csv", "auto")
    assert found.sections[0].text == "Größe: weiß\tPreis: 1,5"
    assert found.meta == {"encoding": "cp1252", "delimiter": "a semicolon"}
    assert contents_of(b"a\tb\n1\t2\n", "tsv").meta == {}


def test_chapters_come_in_the_order_of_reading_with_the_titles_of_the_contents() -> None:
    found = contents_of(
        novel({"z": "<p>One heron.</p>", "a": "<p>Two herons.</p>"}, {"z": "Dawn", "a": "Dusk"}), "epub"
    )
    assert found.title == "The Heron"
    assert [(s.headings, s.text, s.place) for s in found.sections] == [
        (("Dawn",), "One heron.", "chapter 1"),
        (("Dusk",), "Two herons.", "chapter 2"),
    ]


def test_a_mail_of_html_alone_or_of_an_unknown_charset_is_read() -> None:
    html = contents_of(letter("Page", "", "<p>Read <b>me</b>.</p><script>no()</script>"), "eml")
    assert html.text.endswith("\n\nRead me.")
    assert html.counts["mails_of_html"] == 1
    both = contents_of(letter("Both", "plain", "<p>html</p>"), "eml")
    assert both.text.splitlines()[-1] == "plain"
    odd = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nDate: never\nContent-Type: text/plain; charset=x-none\n\nok \xff\n"
    found = contents_of(odd, "eml")
    assert (found.title, found.text[:-1]) == ("Grüße", "Date: never\nSubject: Grüße\n\nok ")
    assert found.meta["encoding"]  # what the last byte means is a guess, and said to be one


def test_a_missing_library_is_named_where_the_folder_holds_such_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    source = Files(path=str(tmp_path))
    (tmp_path / "b.docx").write_bytes(b"x")
    csv, docx = list_source(source)[0]
    assert (csv.reader, docx.reader.split()[0]) == ("", "mammoth")

    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(readers.importlib, "import_module", absent)
    with pytest.raises(MissingExtra, match=r"docx files but mammoth is not here; pip install 'llm-flows\[office\]'"):
        list_source(source)
    (tmp_path / "b.docx").unlink()
    assert len(list_source(source)[0]) == 1


def test_a_mail_that_does_not_say_how_it_is_written_keeps_its_letters_and_its_second_text() -> None:
    head = b"From: a@example.org\nSubject: Fish\n"
    plain = answer(head + b"\n" + "Grüße aus Köln, schöne Fässer".encode("cp1252"), "eml")
    assert "Grüße aus Köln, schöne Fässer" in plain["text"]
    assert plain["meta"]["encoding"]
    parts = b"".join(
        b"--b\nContent-Type: %s\n\n%s\n" % part
        for part in ((b"text/plain", b"First."), (b"image/png; name=p.png", b"x"), (b"text/plain", b"Second."))
    )
    mixed = answer(head + b'Content-Type: multipart/mixed; boundary="b"\n\n' + parts + b"--b--\n", "eml")
    assert "First." in mixed["text"]
    assert "Second." in mixed["text"]
    assert mixed["unread"] == ["1 attachment (p.png): save them beside the mail"]


def test_a_row_of_words_after_an_empty_row_is_a_row_and_a_second_header_names_its_own_table() -> None:
    runs = "Runner,Time,City\nAda,31,Oslo\nBo,29,Rome\n\nCy,NA,none\nDi,n/a,Bern\n\nTeam,Points,Place\nReds,12,1\n"
    found = contents_of(runs.encode(), "csv", "utf-8")
    lines = "\n\n".join(section.text for section in found.sections).split("\n\n")
    assert lines == [
        "Runner: Ada\tTime: 31\tCity: Oslo", "Runner: Bo\tTime: 29\tCity: Rome", "Runner: Cy\tTime: NA\tCity: none",
        "Runner: Di\tTime: n/a\tCity: Bern", "Team: Reds\tPoints: 12\tPlace: 1",
    ]  # fmt: skip
