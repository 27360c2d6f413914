"""A folder becomes documents, working copies and rejected files; descriptions find their pictures by file name."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from configs.pictures import PictureFiles, Symbols
from tasks.data.documents import Document, DocumentsRef, Rejected
from tasks.data.pictures import IngestedPictures, Picture
from tasks.errors import ContractError, DataError
from tasks.ingest.task_pictures import ingest_pictures, list_pictures, read_queries
from tasks.store import objects

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("home")]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "home"))


def draw(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (40, 30), **more: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **more)


def told(**texts: str) -> DocumentsRef:
    rows = [Document(f"{name}.png", text, "", "table", "table", n, "row", meta={"kind": "colour"})
            for n, (name, text) in enumerate(texts.items(), start=1)]  # fmt: skip
    return objects.save_rows(DocumentsRef, Document, rows)


def read(folder: Path, described: DocumentsRef | None = None, **more: object) -> IngestedPictures:
    source = PictureFiles.model_validate({"path": str(folder), "max_rejected_share": 0.9, **more})
    return ingest_pictures.fn(list_pictures(source), described, source)


def test_good_pictures_are_documents_and_the_others_say_why_they_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    draw(folder / "red.png", (255, 0, 0))
    draw(folder / "below" / "blue.png", (0, 0, 255), (300, 200))
    (folder / "torn.png").write_bytes((folder / "red.png").read_bytes()[:40])
    (folder / "words.jpg").write_text("no picture at all")
    found = read(folder, told(red="all red", gone="not there"))
    documents = objects.load_rows(found.documents, Document)
    assert {d.id: d.text for d in documents} == {"red.png": "all red", "below/blue.png": ""}
    red = next(d for d in documents if d.id == "red.png")
    assert (red.meta["width"], red.meta["height"], red.meta["kind"]) == ("40", "30", "colour")
    assert (found.described, found.unknown) == (1, 1)
    assert {r.item for r in objects.load_rows(found.rejected, Rejected)} == {"torn.png", "words.jpg"}


def test_a_working_copy_has_the_pixels_and_nothing_that_was_written_beside_them(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x8825] = "CAMERA-OF-ADA", {1: "N", 2: (52.0, 31.0, 12.0)}
    folder = tmp_path / "in"
    draw(folder / "a.jpg", (10, 200, 30), (600, 400), exif=exif, quality=100)
    (picture,) = objects.load_rows(read(folder).pictures, Picture)
    assert b"CAMERA-OF-ADA" not in picture.copy
    with Image.open(io.BytesIO(picture.copy)) as copy:
        assert not copy.getexif()
        assert min(copy.size) == 256
        assert np.abs(np.asarray(copy).reshape(-1, 3).mean(0) - [10, 200, 30]).max() < 4
    assert (picture.width, picture.height) == (600, 400)


def test_a_renamed_picture_has_the_same_digest_and_an_equal_one_is_read_once(tmp_path: Path) -> None:
    draw(tmp_path / "one" / "a.png", (1, 2, 3))
    draw(tmp_path / "two" / "b.png", (1, 2, 3))
    draw(tmp_path / "two" / "c.bmp", (1, 2, 3))
    (first,) = objects.load_rows(read(tmp_path / "one").pictures, Picture)
    both = read(tmp_path / "two")
    (second,) = objects.load_rows(both.pictures, Picture)
    assert first.digest == second.digest
    (gone,) = objects.load_rows(both.rejected, Rejected)
    assert (gone.item, gone.reason) == ("c.bmp", "duplicate")
    assert "shows what b.png shows" in gone.detail


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    draw(tmp_path / "in" / "red.png", (255, 0, 0))
    with pytest.raises(DataError, match=r"names 'gone.png' but the folder holds 'red.png'"):
        read(tmp_path / "in", told(gone="not there"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("words")
    with pytest.raises(DataError, match="of other kinds it holds 1; put pictures there"):
        read(tmp_path / "empty")
    (tmp_path / "in" / "torn.png").write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match=r"1 of 2 pictures cannot be read \(first: torn.png"):
        read(tmp_path / "in", max_rejected_share=0.2)
    with pytest.raises(ContractError, match=r"the picture .*torn.png"):
        read_queries([str(tmp_path / "in" / "torn.png")])


def test_symbols_are_drawn_alike_each_time_and_described_by_their_unicode_names() -> None:
    source = Symbols(limit=60)
    one, other = (ingest_pictures.fn(list_pictures(source), None, source) for _ in range(2))
    assert one == other
    documents = objects.load_rows(one.documents, Document)
    assert {"u2190.png": "leftwards arrow", "u2192.png": "rightwards arrow"}.items() <= {
        d.id: d.text for d in documents
    }.items()
    assert one.described == one.pictures.rows == 60
