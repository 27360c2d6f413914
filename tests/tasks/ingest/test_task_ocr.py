"""Pages are recognised once, kept, and read again where what is kept is damaged; whoever recognises is named."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from configs.ingest import Files, Ocr
from tasks.data.documents import Item
from tasks.data.recognised import ReadLine, ReadPage
from tasks.errors import MissingExtra
from tasks.ingest import task_ocr
from tasks.ingest.pdf import scans
from tasks.ingest.pdf.rendered import RenderedPage, RenderLimits
from tasks.ingest.pictures.shown_text import read_pictures, shows_text
from tasks.ingest.task_ocr import KeptPages, name_readers

LINE = ReadLine("The ferry leaves at noon.", 0.9, 10, 10, 510, 40)
UNSURE = ReadLine("smudge", 0.2, 10, 60, 110, 90)
UNREAD = ReadLine(".", 0.9, 10, 110, 910, 140)
RGB = np.full((200, 600, 3), 255, np.uint8)


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let a recogniser that finds three lines stand in; return what it was asked."""
    asked: list[float] = []

    def read(rgb: np.ndarray, points: float) -> ReadPage:
        asked.append(points)
        return ReadPage((LINE, UNSURE, UNREAD), rgb.shape[0], 180, points)

    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(task_ocr.text_reader, "reader", lambda: "a recogniser 1.0")
    monkeypatch.setattr(task_ocr.text_reader, "read_page", read)
    return asked


def test_pages_of_a_file_are_recognised_once_and_a_damaged_one_again(
    calls: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def rendered(content: bytes, pages: Sequence[int], limits: RenderLimits) -> Iterator[RenderedPage]:
        for page in pages:
            if page == 2:  # it takes all that come after it with it
                return
            yield RenderedPage(page, 0.36, RGB[:, :, 0])

    monkeypatch.setattr(scans, "render_pages", rendered)
    source, ocr = Files(path=str(tmp_path)), Ocr()
    found = scans.recognise_pages(b"", "abc", [1, 2, 3], source, ocr, KeptPages(ocr))
    assert (sorted(found.pages), found.lost, len(calls)) == ([1, 3], [2], 2)
    assert found.counts == {"recognised": 2, "turned": 2, "unsure": 4}
    assert [text for text, *_ in found.pages[1]] == ["The ferry leaves at noon."]
    assert scans.recognise_pages(b"", "abc", [1, 3], source, ocr, KeptPages(ocr)).pages == found.pages
    assert len(calls) == 2
    (kept, _) = sorted((tmp_path / "home" / "recognised").rglob("*.json"))
    kept.write_text(kept.read_text("utf-8").replace("ferry", "fairy"), "utf-8")
    assert scans.recognise_pages(b"", "abc", [1], source, ocr, KeptPages(ocr)).pages[1] == found.pages[1]
    assert len(calls) == 3
    assert "a recognised page is damaged and is read again" in caplog.text
    other = Ocr(dpi=300)
    scans.recognise_pages(b"", "abc", [1], source, other, KeptPages(other))
    assert len(calls) == 4


def test_a_picture_of_text_becomes_a_document(calls: list[float], tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "notice.png")
    source = Files(path=str(tmp_path), ocr=Ocr())
    (made,) = read_pictures(tmp_path, [item_of(tmp_path / "notice.png")], source, KeptPages(Ocr()))
    (document,) = made.rows
    assert (document.text, document.kind, document.title) == ("The ferry leaves at noon.", "scan", "notice")  # type: ignore[union-attr]
    assert made.counts["unsure"] == 2


def test_a_picture_of_which_nothing_is_read_is_rejected(calls: list[float], tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "notice.png")
    source = Files(path=str(tmp_path), ocr=Ocr(min_score=0.95))
    (made,) = read_pictures(tmp_path, [item_of(tmp_path / "notice.png")], source, KeptPages(Ocr()))
    (rejected,) = made.rows
    assert (rejected.reason, made.counts["unsure"]) == ("empty", 3)  # type: ignore[union-attr]


def item_of(path: Path) -> Item:
    from tasks.data import digests

    return Item(path.name, path.stat().st_size, digests.read(path)[1])


def test_who_recognises_is_named_beside_the_files_it_may_read(
    calls: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Files(path="x", ocr=Ocr())
    items = [Item("a.pdf", 1, "1", reader="parser 1"), Item("b.txt", 1, "2"), Item("c.PNG", 1, "3")]
    monkeypatch.setattr(task_ocr, "find_spec", lambda name: object())
    monkeypatch.setattr(task_ocr.metadata, "version", lambda name: "5.0")
    named = [item.reader for item in name_readers(items, source)]
    assert named[0].startswith("parser 1; pypdfium2 5.0, pillow ")
    assert named[0].endswith("a recogniser 1.0")
    assert (named[1], named[2] in named[0]) == ("", True)
    assert name_readers(items, Files(path="x")) == items
    assert not shows_text("c.png", Files(path="x"))
    monkeypatch.setattr(task_ocr, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'llm-flows\[ocr\]'"):
        name_readers(items, source)
