"""Pages of PDF files as pictures: called by their page, in colour, and what cannot be read says why."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfWriter

from configs.pictures import PdfPages, PictureFiles
from tasks.data.documents import Document, Rejected
from tasks.data.pictures import IngestedPictures, Picture
from tasks.errors import DataError
from tasks.ingest import ingest_pictures, list_pictures, other_files
from tasks.ingest.pdf import rendered
from tasks.store import objects

pytest.importorskip("pypdfium2")
pytestmark = pytest.mark.usefixtures("workspace")
COLOURS = ((200, 30, 40), (20, 60, 220), (20, 160, 60))


def pdf(*colours: tuple[int, int, int]) -> bytes:
    """Return a PDF whose pages have a colour each and are 72 points high for 100 pixels."""
    made = io.BytesIO()
    pages = [Image.new("RGB", (100, 100), colour) for colour in colours]
    pages[0].save(made, "PDF", save_all=True, append_images=pages[1:], resolution=100)
    return made.getvalue()


def blank(side: int, password: str = "") -> bytes:
    """Return a PDF of one empty page, `side` points wide and high."""
    writer = PdfWriter()
    writer.add_blank_page(side, side)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


def read(path: Path, **more: object) -> IngestedPictures:
    given = {"path": str(path), "max_rejected_share": 0.9, "pages": PdfPages(dpi=100), **more}
    source = PictureFiles.model_validate(given)
    return ingest_pictures.fn(list_pictures(source), None, source)


def reasons(found: IngestedPictures) -> dict[str, str]:
    return {one.item: one.reason for one in objects.load_rows(found.rejected, Rejected)}


def test_each_page_is_a_picture_in_its_colours_and_a_bad_file_costs_itself(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "plans"
    folder.mkdir(parents=True)
    (folder / "house.pdf").write_bytes(pdf(*COLOURS, COLOURS[0]))
    (folder / "locked.pdf").write_bytes(blank(72, "a word"))
    none = io.BytesIO()
    PdfWriter().write(none)
    (folder / "none.pdf").write_bytes(none.getvalue())
    (folder / "torn.pdf").write_bytes(pdf(*COLOURS)[:80])
    Image.new("RGB", (40, 40), (9, 9, 9)).save(folder / "dark.png")
    assert other_files(PictureFiles(path=str(tmp_path / "in"))) == 4
    found = read(tmp_path / "in")
    documents = objects.load_rows(found.documents, Document)
    assert [d.id for d in documents] == ["plans/dark.png", *(f"plans/house.pdf page {n}" for n in (1, 2, 3))]
    assert [(d.title, d.path, d.path_of(0), d.meta["folder"]) for d in documents[2:3]] == [
        ("house page 2", "plans/house.pdf", "plans/house.pdf page 2", "plans")
    ]
    for picture, colour in zip(objects.load_rows(found.pictures, Picture)[1:], COLOURS, strict=True):
        with Image.open(io.BytesIO(picture.copy)) as copy:
            assert np.abs(np.asarray(copy).reshape(-1, 3).mean(0) - colour).max() < 6
        assert (picture.kind, picture.width, picture.height) == ("pdf", 100, 100)
    assert reasons(found) == {"plans/house.pdf page 4": "duplicate", "plans/locked.pdf": "encrypted",
                              "plans/none.pdf": "empty", "plans/torn.pdf": "unreadable"}  # fmt: skip
    (none_said,) = [r.detail for r in objects.load_rows(found.rejected, Rejected) if r.reason == "empty"]
    assert none_said == "is a PDF without pages; save it again with its pages, or leave it out"


def test_pages_of_an_archive_and_of_a_lone_file_are_read_and_many_or_large_ones_are_said(tmp_path: Path) -> None:
    (tmp_path / "house.pdf").write_bytes(pdf(*COLOURS))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "house.pdf", "below/house.pdf")
    assert read(tmp_path / "all.zip").pictures.rows == read(tmp_path / "house.pdf").pictures.rows == 3
    with pytest.raises(DataError, match=r"house.pdf has 3 pages, over 2; raise source.pages.max_pages"):
        read(tmp_path / "house.pdf", pages=PdfPages(max_pages=2))
    (tmp_path / "poster.pdf").write_bytes(blank(2_880))  # 40 inches
    (poster,) = objects.load_rows(read(tmp_path / "poster.pdf", pages=PdfPages(dpi=300)).pictures, Picture)
    assert poster.width * poster.height <= 8_000_000 * 1.01
    assert "was rendered at 71 dots an inch, not at 300" in poster.notes


def test_a_page_that_breaks_its_renderer_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "house.pdf").write_bytes(pdf(*COLOURS))
    whole = rendered.render_pages
    monkeypatch.setattr(
        "tasks.ingest.pictures.pdf_pages.render_pages",
        lambda content, pages, limits: whole(content, [n for n in pages if n < 2], limits) if 2 in pages
        else whole(content, pages, limits),
    )  # fmt: skip
    found = read(tmp_path / "house.pdf")
    assert [d.id for d in objects.load_rows(found.documents, Document)] == ["house.pdf page 1", "house.pdf page 3"]
    assert reasons(found) == {"house.pdf page 2": "unreadable"}
