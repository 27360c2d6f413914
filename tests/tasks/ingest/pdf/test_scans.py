"""Text of scanned pages and of pictures: read, turned upright, kept, and what cannot be read is said."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter

from configs.ingest import Files, Ocr
from tasks.ingest.pdf import rendered
from tasks.ingest.sources import SourceContents, list_source, read_source
from tasks.ingest.task_ocr import KeptPages
from tasks.models.vision import text_reader
from tests.tasks.ingest.pdf.pdf_files import page_of, said
from tests.tasks.ingest.pdf.scanned_pages import FONTS, character_errors, drawn, noisy, scan

for _module in ("rapidocr", "onnxruntime", "pypdfium2"):
    pytest.importorskip(_module)
pytestmark = pytest.mark.slow

TEXT = (
    "The harbour master keeps a ledger of every ship that enters the bay. In 1954 there were 2,317 arrivals, of which "
    "68 were turned away for want of a pilot.\n\nFees are due on the day of arrival; a vessel of less than 40 tonnes "
    "pays 12.50 a night, and nothing from November to March."
)
OTHER = "The lighthouse was built in 1871 of granite from the island. Its lamp is seen at a distance of 19 miles."


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path_factory.mktemp("home")))


def read(folder: Path, **fields: object) -> SourceContents:
    source = Files(path=str(folder), **{"ocr": Ocr(), **fields})
    return read_source(
        source, list_source(source)[0], lambda texts: [len(t) for t in texts], KeptPages(source.ocr or Ocr())
    )


def error_rate(text: str, read: str) -> float:
    words, seen = (" ".join(part.split()) for part in (text, read))
    return character_errors(words, seen) / len(words)


@pytest.mark.long
def test_a_scan_of_several_fonts_is_read_page_by_page_and_turned_upright(tmp_path: Path) -> None:
    pages = [noisy(drawn(TEXT, FONTS[0]), 1), noisy(drawn(OTHER, FONTS[1]).rotate(90, expand=True), 2),
             noisy(drawn(OTHER, FONTS[2], columns=70).rotate(180), 3)]  # fmt: skip
    (tmp_path / "ledger.pdf").write_bytes(scan(pages))
    found = read(tmp_path)
    (made,) = found.documents
    assert found.rejected == []
    assert error_rate(f"{TEXT} {OTHER} {OTHER}", made.text) < 0.02
    assert "12.50 a night" in made.text
    assert made.meta["recognised"] == "1 2 3"
    assert made.path_of(made.text.index("lighthouse")) == "ledger.pdf page 2"
    assert (found.counts["recognised"], found.counts["turned"]) == (3, 2)
    first = made.meta["boxes"].split()[0].split(":")
    assert first[:2] == ["0", "1"]
    left, lower, right, upper = map(float, first[2].split(","))
    assert 40 < left < 80 < 400 < right < 560  # points; the margin is 54, the page 595 by 324
    assert 240 < lower < upper < 290


def test_a_page_is_recognised_once_whatever_else_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.pdf").write_bytes(scan([drawn(TEXT)]))
    drawn(OTHER).save(tmp_path / "two.png")
    before = read(tmp_path)
    assert [d.kind for d in before.documents] == ["pdf", "scan"]
    assert error_rate(OTHER, before.documents[1].text) < 0.02
    monkeypatch.setattr(text_reader, "read_page", None)
    (tmp_path / "three.txt").write_text("A new note.", "utf-8")
    after = read(tmp_path)
    assert [d.text for d in after.documents if d.kind != "txt"] == [d.text for d in before.documents]


def test_pages_with_text_are_parsed_and_only_the_others_recognised(tmp_path: Path) -> None:
    writer = PdfWriter()
    for part in (page_of(said("What was typed on the first page.")), scan([drawn(OTHER)])):
        writer.append(PdfReader(io.BytesIO(part)))
    made = io.BytesIO()
    writer.write(made)
    (tmp_path / "mixed.pdf").write_bytes(made.getvalue())
    found = read(tmp_path)
    text = " ".join(d.text for d in found.documents)
    assert text.startswith("What was typed on the first page.")
    assert error_rate(f"What was typed on the first page. {OTHER}", text) < 0.02
    assert (found.counts["pages"], found.counts["recognised"], found.counts["pages_without_text"]) == (2, 1, 0)


@pytest.mark.parametrize("mode", ["0 Tr", "3 Tr"], ids=["a stamp", "an invisible layer"])
def test_a_page_that_is_a_picture_is_recognised_whatever_little_is_typed_on_it(tmp_path: Path, mode: str) -> None:
    typed = PdfReader(io.BytesIO(page_of(said("Archive copy, page 1", y=20, before=mode))))
    writer = PdfWriter(clone_from=io.BytesIO(scan([drawn(OTHER)])))
    writer.pages[0].merge_page(typed.pages[0])
    made = io.BytesIO()
    writer.write(made)
    (tmp_path / "stamped.pdf").write_bytes(made.getvalue())
    found = read(tmp_path)
    (document,) = found.documents
    assert "The lighthouse was built in 1871 of granite from the island." in document.text
    assert found.counts["recognised"] == 1
    without = read(tmp_path, ocr=None)
    assert without.counts["pictured"] == (mode == "0 Tr")


def test_further_pages_of_a_tiff_are_said_not_to_be_read(tmp_path: Path) -> None:
    drawn(OTHER).save(tmp_path / "fax.tiff", save_all=True, append_images=[drawn(TEXT)])
    (rejected,) = read(tmp_path).rejected
    assert (rejected.item, rejected.reason) == ("fax.tiff#page-2", "unreadable")
    assert rejected.detail == "has 2 pages, of which the first was read; save it as a PDF"


def test_without_ocr_a_scan_is_rejected_with_the_way_out_and_pictures_are_not_listed(tmp_path: Path) -> None:
    (tmp_path / "scan.pdf").write_bytes(scan([drawn(OTHER)]))
    drawn(OTHER).save(tmp_path / "page.png")
    (rejected,) = read(tmp_path, ocr=None).rejected
    assert rejected.reason == "empty"
    assert rejected.detail == "has no text on 1 pages; recognise the text of a scan by source.ocr={}"


def test_what_shows_no_text_or_is_no_picture_costs_itself_and_says_why(tmp_path: Path) -> None:
    Image.new("RGB", (300, 300), (200, 210, 220)).save(tmp_path / "sky.png")
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    drawn(OTHER).save(tmp_path / "page.png")
    found = read(tmp_path)
    assert [d.id for d in found.documents] == ["page.png"]
    assert {r.item: r.reason for r in found.rejected} == {"sky.png": "empty", "torn.png": "truncated"}


def test_lines_the_recogniser_is_not_sure_of_are_left_out_and_counted(tmp_path: Path) -> None:
    drawn(OTHER).save(tmp_path / "page.png")
    found = read(tmp_path, ocr=Ocr(min_score=1.0))
    assert found.documents == []
    assert found.counts["unsure"] > 0


def test_a_script_that_the_recogniser_does_not_know_is_no_text(tmp_path: Path) -> None:
    drawn("\u0421\u043c\u043e\u0442\u0440\u0438\u0442\u0435\u043b\u044c \u043c\u0430\u044f\u043a\u0430").save(
        tmp_path / "page.png"
    )
    found = read(tmp_path)
    assert found.documents == []
    assert [r.reason for r in found.rejected] == ["empty"]


def test_an_answer_of_a_renderer_that_a_file_took_over_is_not_believed() -> None:
    good = json.dumps({"page": 1, "shape": [2, 3, 1], "points": 0.36}).encode() + b"\n" + bytes(6)
    for bad in (
        b"{\n", json.dumps({"page": 2, "shape": [2, 3, 1], "points": 0.36}).encode() + b"\n" + bytes(6),
        json.dumps({"page": 1, "shape": [2, 3, 1], "points": 0.36}).encode() + b"\n" + bytes(6),
        json.dumps({"page": 3, "shape": [2_000_000, 3_000_000, 1], "points": 0.36}).encode() + b"\n",
        json.dumps({"page": 3, "shape": [-2, 3, 1], "points": 0.36}).encode() + b"\n",
        json.dumps({"page": 3, "shape": [2, 3, 3], "points": 0.36}).encode() + b"\n" + bytes(18),
        json.dumps({"page": 3, "shape": [2, 3, 1], "points": 1e9}).encode() + b"\n" + bytes(6),
    ):  # fmt: skip
        found = list(rendered.pages_of(good + bad, {1, 3}, 1))
        assert [page.number for page in found] == [1]
        assert np.array_equal(found[0].pixels, np.zeros((2, 3), np.uint8))


def test_a_page_that_cannot_be_rendered_is_rejected_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendered, "RENDERER", "import sys; sys.exit(3)")
    (tmp_path / "scan.pdf").write_bytes(scan([drawn(OTHER)]))
    assert ("scan.pdf#page-1", "unreadable") in [(r.item, r.reason) for r in read(tmp_path).rejected]


def test_a_poster_is_rendered_within_the_limit_of_pixels() -> None:
    writer = PdfWriter()
    writer.add_blank_page(14_400, 14_400)
    made = io.BytesIO()
    writer.write(made)
    limits = rendered.RenderLimits(dpi=200, seconds=60)
    (page,) = rendered.render_pages(made.getvalue(), [1], limits)
    assert page.pixels.size <= limits.max_pixels * 1.01
    assert page.pixels.shape[0] * page.points == pytest.approx(14_400, rel=0.01)
