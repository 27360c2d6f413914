"""A folder becomes documents, working copies and rejected files; descriptions find their pictures by file name."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from configs.ingest import Tables
from configs.pictures import PictureFiles, Symbols
from tasks.data.cells import CellRow, CellsRef
from tasks.data.documents import Document, Item, Rejected
from tasks.data.pictures import IngestedPictures, Picture
from tasks.errors import ContractError, DataError
from tasks.ingest.pictures.read import listed_file
from tasks.ingest.pictures.told import PictureWords, descriptions_of
from tasks.ingest.task_pictures import ingest_pictures, list_pictures, read_queries
from tasks.store import objects

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("home")]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "home"))


def draw(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (40, 30), **more: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **more)


TABLE = Tables(path="said.csv", id="file", text="said", keep=("kind",))


def told(**texts: str) -> CellsRef:
    rows = [CellRow(f"said.csv#{n}", json.dumps({"file": f"{name}.png", "said": text, "kind": "colour"}))
            for n, (name, text) in enumerate(texts.items(), start=1)]  # fmt: skip
    return objects.save_rows(CellsRef, CellRow, rows)


def read(folder: Path, described: CellsRef | None = None, **more: object) -> IngestedPictures:
    source = PictureFiles.model_validate({"path": str(folder), "max_rejected_share": 0.9, "described": TABLE, **more})
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
    with pytest.raises(DataError, match=r"of other kinds it holds 1; put pictures there.*source\.pages=\{\}"):
        read(tmp_path / "empty")
    (tmp_path / "in" / "torn.png").write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match=r"1 of 2 pictures cannot be read \(1 not-a-picture; first: torn.png"):
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


def test_pictures_of_the_same_words_keep_them_and_words_of_an_equal_picture_are_not_lost(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for name, red in (("a", 10), ("b", 60), ("c", 110), ("d", 110)):
        draw(folder / f"{name}.png", (red, 0, 0))
    (folder / "torn.png").write_bytes(b"\x89PNG")
    found = read(folder, told(a="red", b="red", d="dark red", torn="nothing", gone="nobody"))
    assert {d.id: d.text for d in objects.load_rows(found.documents, Document)} == {
        "a.png": "red", "b.png": "red", "c.png": "dark red",
    }  # fmt: skip
    assert (found.described, found.unknown, found.examples, found.lost) == (3, 1, ("gone.png",), 1)


def test_a_second_row_of_a_picture_is_rejected_and_one_without_words_keeps_its_other_columns() -> None:
    cells = [
        {"file": "./a.png", "said": "one", "kind": 3},
        {"file": "a.png", "said": "two"},
        {"file": "a.png", "said": ""},
        {"file": "b", "said": " ", "kind": "sky"},
        {"file": "c", "kind": "sea"},
        {"file": "c", "said": "waves", "kind": "sea"},
        {"file": "d", "said": 4},
    ]
    rows = [CellRow(f"t#{n}", json.dumps(each)) for n, each in enumerate(cells, start=1)]
    found, rejected = descriptions_of(rows, TABLE)
    assert found == {
        "a.png": PictureWords("one", {"kind": "3"}),
        "b": PictureWords("", {"kind": "sky"}),
        "c": PictureWords("waves", {"kind": "sea"}),
    }
    assert [(r.item, r.reason) for r in rejected] == [
        ("t#2", "repeated-id"), ("t#3", "repeated-id"), ("t#7", "bad-row"),
    ]  # fmt: skip


def test_a_link_is_not_followed_and_a_file_that_changed_since_it_was_listed_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    draw(folder / "red.png", (255, 0, 0))
    draw(tmp_path / "outside.png", (0, 0, 255))
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    found = read(folder)
    assert [d.id for d in objects.load_rows(found.documents, Document)] == ["red.png"]
    assert [(r.item, r.reason) for r in objects.load_rows(found.rejected, Rejected)] == [("link.png", "link")]
    (item,) = [one for one in objects.load_rows(list_pictures(PictureFiles(path=str(folder))), Item) if not one.reason]
    draw(folder / "red.png", (0, 255, 0))
    gone = listed_file(folder, item)()
    assert isinstance(gone, Rejected)
    assert gone.reason == "changed"
