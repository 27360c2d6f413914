"""From the shell: scanned pages and a photographed note become a collection whose answers cite file and page."""

import json
from pathlib import Path

import pytest

from flows.__main__ import main
from tests.tasks.ingest.pdf.scanned_pages import FONTS, drawn, noisy, scan

for _module in ("rapidocr", "onnxruntime", "pypdfium2"):
    pytest.importorskip(_module)
pytestmark = [pytest.mark.flow, pytest.mark.slow, pytest.mark.timeout(200)]

PAGES = (
    "The orchard of the abbey has forty apple trees. They are pruned in February, before the sap rises.",
    "The bell of the chapel was cast in 1742 by Hans Meyer of Ulm. It weighs eight hundred kilograms.",
    "The mill on the brook ground rye and barley until the flood of 1954 broke its wheel.",
)


def test_a_scan_becomes_a_collection_whose_answers_cite_the_page(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "abbey"
    folder.mkdir()
    pages = [noisy(drawn(text, FONTS[n]), n) for n, text in enumerate(PAGES)]
    (folder / "chronicle.pdf").write_bytes(scan([pages[0], pages[1].rotate(90, expand=True), pages[2]]))
    drawn("The ferry to the island leaves at seven and at noon.").save(folder / "notice.png")
    words = ["source.kind=files", f"source.path={folder}", "topics=null", "embed.precision=fp32"]
    assert main(["knowledge-base", *words]) == 1
    assert "recognise the text of a scan by source.ocr={}" in capsys.readouterr().err
    assert main(["knowledge-base", *words, "source.ocr={}"]) == 0
    said = capsys.readouterr().out
    assert "documents: 2" in said
    assert "recognised: the text of 4 pages (OCR), 1 of them turned; 0 unsure lines left out" in said
    report = json.loads(said.splitlines()[-1])
    assert report["metrics"]["ingest-documents.recognised"] == 4
    assert report["metrics"]["ingest-documents.turned"] == 1
    assert "pages whose text was recognised (OCR)" in Path(report["report"]).read_text("utf-8")
    assert main(["rag-answers", 'question="Who cast the bell of the chapel?"', "collection=abbey"]) == 0
    answer = capsys.readouterr().out
    assert "Hans Meyer" in answer
    assert "chronicle.pdf page 2" in answer, answer
