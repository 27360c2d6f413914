"""Rows of a data set as `datasets` keeps pictures: words, classes and names beside them; bad rows cost themselves."""

import io
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest
from PIL import Image

from configs.pictures import PictureHub
from tasks.data.documents import Document, Rejected
from tasks.errors import ContractError, DataError
from tasks.ingest import ingest_pictures, list_pictures, name_of_pictures
from tasks.report.picture_cards import unused_descriptions
from tasks.store import objects

pytestmark = pytest.mark.usefixtures("workspace")


def cell(shade: int) -> dict[str, object]:
    made = io.BytesIO()
    Image.new("RGB", (24, 16), (shade, 80, 160)).save(made, "PNG")
    return {"bytes": made.getvalue(), "path": "image.png"}


@pytest.fixture
def shades(tmp_path: Path) -> Path:
    """Return a data set of rows in two shards, of which one holds no picture, two no words and one no class."""
    rows = {
        "image": [cell(10), cell(90), {"bytes": None, "path": "gone.png"}, cell(200), cell(10), cell(230), cell(250)],
        "said": ["dark", "middle", "lost", None, "dark again", "light", ""],
        "kind": [0, 1, 0, 1, 0, 1, -1],
        "sku": ["a", "b", "c", "d", "e", "a", "f"],
    }
    kinds = {"image": datasets.Image(), "said": datasets.Value("string"), "sku": datasets.Value("string"),
             "kind": datasets.ClassLabel(names=["low", "high"])}  # fmt: skip
    made = datasets.Dataset.from_dict(rows, features=datasets.Features(kinds))
    folder = tmp_path / "shades" / "data"
    folder.mkdir(parents=True)
    table = made.data.table.replace_schema_metadata(made.features.arrow_schema.metadata)  # as `push_to_hub` does
    for part in (0, 1):
        pq.write_table(table.slice(4 * part, 4), folder / f"train-{part:05}-of-00002.parquet")
    return folder.parent


def test_rows_become_pictures_with_their_words_classes_and_names(shades: Path) -> None:
    source = PictureHub(dataset=str(shades), text="said", id="sku", keep=("kind",), max_rejected_share=0.9)
    found = ingest_pictures.fn(list_pictures(source), None, source)
    assert [(d.id, d.text, d.meta.get("kind")) for d in objects.load_rows(found.documents, Document)] == [
        ("a", "dark", "low"), ("b", "middle", "high"), ("d", "", "high"), ("f", "", None),
    ]  # fmt: skip
    assert objects.load_rows(found.rejected_rows, Rejected) == []  # a picture without words is one all the same
    assert [(r.item, r.reason) for r in objects.load_rows(found.rejected, Rejected)] == [
        ("c", "empty"), ("e", "duplicate"), ("a", "repeated-id"),
    ]  # fmt: skip
    assert (found.described, found.lost, found.left_out) == (2, 2, 0)
    assert name_of_pictures(source, None) == "shades"
    few = source.model_copy(update={"max_rows": 2, "id": None})
    read = ingest_pictures.fn(list_pictures(few), None, few)
    names = [d.id for d in objects.load_rows(read.documents, Document)]
    assert names == ["train row 000001", "train row 000002"]
    assert "rows or more lie beyond source.max_rows" in unused_descriptions(read)[0]


def test_what_is_no_data_set_of_pictures_is_refused(shades: Path) -> None:
    for fields, said in (
        ({"picture": "said"}, "column 'said' of .* holds .*string.*, no pictures; name another in source.picture"),
        ({"keep": ("colour",)}, "has no column 'colour' of source.keep"),
    ):
        with pytest.raises(ContractError, match=said):
            list_pictures(PictureHub.model_validate({"dataset": str(shades), **fields}))
    with pytest.raises(DataError, match="has no column 'words'"):
        list_pictures(PictureHub(dataset=str(shades), text="words"))
    source = PictureHub(dataset=str(shades))
    listed = list_pictures(source)
    (shades / "data" / "train-00000-of-00002.parquet").unlink()
    with pytest.raises(DataError, match="changed since it was listed"):
        ingest_pictures.fn(listed, None, source)
