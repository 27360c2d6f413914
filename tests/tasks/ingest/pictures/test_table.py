"""Parquet tables of pictures: as `datasets` writes them, or plain bytes; rows that hold none cost themselves."""

import io
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets.table import embed_table_storage
from PIL import Image

from configs.pictures import PictureFiles
from tasks.data.documents import Document, Item, Rejected
from tasks.errors import ContractError, DataError
from tasks.ingest import ingest_pictures, list_pictures
from tasks.ingest.pictures import table
from tasks.ingest.pictures.limits import PictureLimits
from tasks.store import objects

LIMITS = PictureLimits()


def picture(shade: int) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (24, 16), (shade, 80, 160)).save(written, "PNG")
    return written.getvalue()


def save(path: Path, **columns: object) -> PictureFiles:
    pq.write_table(pa.table(columns), path, row_group_size=2)
    return PictureFiles(path=str(path), max_rejected_share=0.9)


def read(source: PictureFiles) -> tuple[list[str], dict[str, str]]:
    """Return the names of what was read, and the reasons of what was not."""
    found = ingest_pictures.fn(list_pictures(source), None, source)
    documents, rejected = objects.load_rows(found.documents, Document), objects.load_rows(found.rejected, Rejected)
    return [row.id for row in documents], {one.item: one.reason for one in rejected}


def test_a_table_that_datasets_wrote_is_read_by_the_names_it_keeps(workspace: Path, tmp_path: Path) -> None:
    places = []
    for shade in (10, 90, 200):
        places.append(tmp_path / f"shade{shade}.png")
        places[-1].write_bytes(picture(shade))
    made = datasets.Dataset.from_dict({"image": [str(p) for p in places]}).cast_column("image", datasets.Image())
    made.to_parquet(tmp_path / "bare.parquet")
    with pytest.raises(DataError, match="names a file and holds none of its bytes"):
        read(PictureFiles(path=str(tmp_path / "bare.parquet")))
    pq.write_table(embed_table_storage(made.data.table), tmp_path / "shades.parquet")  # as `push_to_hub` does
    assert read(PictureFiles(path=str(tmp_path / "shades.parquet"))) == ([p.name for p in places], {})


def test_rows_are_called_by_the_id_column_else_by_their_number(workspace: Path, tmp_path: Path) -> None:
    cells = [picture(10), picture(90), picture(200)]
    source = save(tmp_path / "t.parquet", image=cells, sku=["a", "b", "c"])
    assert read(source)[0] == ["row 000001", "row 000002", "row 000003"]
    assert read(source.model_copy(update={"id": "sku"}))[0] == ["a", "b", "c"]
    same = [{"bytes": cell, "path": "image.png"} for cell in cells]  # as where all were called so
    assert read(save(tmp_path / "s.parquet", image=same))[0] == ["row 000001", "row 000002", "row 000003"]


def test_a_row_without_a_picture_costs_itself_and_says_why(workspace: Path, tmp_path: Path) -> None:
    cells = [picture(10), None, b"", b"no picture", picture(90), picture(10)]
    source = save(tmp_path / "t.parquet", image=cells, sku=["a", "b", "c", "d", "a", "e"])
    names, reasons = read(source.model_copy(update={"id": "sku"}))
    assert names == ["a"]
    assert reasons == {"b": "empty", "c": "empty", "d": "not-a-picture", "a": "repeated-id", "e": "duplicate"}
    small = source.model_copy(update={"max_file_mb": 0.00001, "id": "sku"})
    with pytest.raises(DataError, match="6 of 6 pictures cannot be read"):
        read(small)


def test_a_row_that_changed_since_it_was_listed_is_not_read(tmp_path: Path) -> None:
    source = save(tmp_path / "t.parquet", image=[picture(10), picture(90)])
    items = table.list_table(tmp_path / "t.parquet", source, LIMITS)
    save(tmp_path / "t.parquet", image=[picture(10), picture(91)])
    found = [read() for _, read in table.listed_rows(tmp_path / "t.parquet", source, items, LIMITS)]
    assert found[0] == picture(10)
    assert isinstance(found[1], Rejected)
    assert found[1].reason == "changed"
    gone = [*items, Item("row 000009", 1, "x")]
    last = [read() for _, read in table.listed_rows(tmp_path / "t.parquet", source, gone, LIMITS)][-1]
    assert isinstance(last, Rejected)


def test_what_is_no_table_of_pictures_is_refused_in_words(workspace: Path, tmp_path: Path) -> None:
    source = save(tmp_path / "t.parquet", photo=[picture(10)], name=["a.png"], n=[1])
    with pytest.raises(ContractError, match=r"source\.picture is 'image' but the table has photo, name, n; name one"):
        list_pictures(source)
    with pytest.raises(ContractError, match=r"holds texts, not bytes; where they name files, give their folder"):
        list_pictures(source.model_copy(update={"picture": "name"}))
    with pytest.raises(ContractError, match="holds int64, no bytes of pictures"):
        list_pictures(source.model_copy(update={"picture": "n"}))
    with pytest.raises(ContractError, match=r"source\.id is 'sku' but the table has"):
        list_pictures(source.model_copy(update={"picture": "photo", "id": "sku"}))
    with pytest.raises(ContractError, match=r"column 'photo' holds binary, no names; name another in source\.id"):
        list_pictures(source.model_copy(update={"picture": "photo", "id": "photo"}))
    with pytest.raises(DataError, match="is a table without rows"):
        list_pictures(save(tmp_path / "none.parquet", image=pa.array([], pa.binary())))
    (tmp_path / "torn.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:200])
    with pytest.raises(DataError, match="not a whole parquet file"):
        list_pictures(PictureFiles(path=str(tmp_path / "torn.parquet")))
