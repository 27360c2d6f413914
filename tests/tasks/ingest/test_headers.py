"""A column that no table has is refused before rows are read; one that may be there never is."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.ingest import Tables
from tasks.data.documents import Document
from tasks.errors import ContractError
from tasks.ingest import list_items, tables
from tasks.ingest.sources import list_source
from tasks.ingest.tables import read_table

ROWS = [{"text": "good", "mark": "pos"}, {"text": "bad", "mark": "neg"}]


def written(folder: Path, ending: str) -> Path:
    path = folder / f"rows.{ending}"
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif ending == "csv":
        path.write_text("text,mark\ngood,pos\nbad,neg\n")
    else:
        path.write_bytes(gzip.compress(lines.encode()) if ending.endswith("gz") else lines.encode())
    return path


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "csv", "parquet"])
@pytest.mark.parametrize("field", ["text", "id", "title"])
def test_a_column_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path, ending: str, field: str) -> None:
    path = written(tmp_path, ending)
    with pytest.raises(ContractError, match=r"has the column 'labl'; there are 'mark', 'text'"):
        list_items(Tables(path=str(path), **{field: "labl"}))


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "csv", "parquet"])
def test_a_column_that_is_asked_for_beside_is_refused_and_one_that_is_only_kept_is_said_once(
    tmp_path: Path, ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = Tables(path=str(written(tmp_path, ending)), keep=("labl",))
    for _ in range(2):
        assert list_items(source).rows == 1
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.endswith("has the column 'labl'; there are 'mark', 'text'; nothing is kept of it")
    with pytest.raises(ContractError, match="has the column 'labl'"):
        list_items(source, required=("labl",))


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "csv", "parquet"])
def test_columns_that_are_there_are_taken(tmp_path: Path, ending: str) -> None:
    assert list_items(Tables(path=str(written(tmp_path, ending)), keep=("mark",))).rows == 1


def test_one_table_or_one_late_row_that_has_it_is_enough(tmp_path: Path) -> None:
    written(tmp_path, "csv")
    (tmp_path / "late.jsonl").write_text(
        json.dumps({"text": "x"}) + "\n" + json.dumps({"text": "y", "kind": 1}) + "\n"
    )
    assert list_items(Tables(path=str(tmp_path), keep=("mark", "kind"))).rows == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_table_is_looked_into_as_it_will_be_read(tmp_path: Path, encoding: str, ending: str) -> None:
    path = tmp_path / f"excel.{ending}"
    text = "text,größe\ngut,klein\n" if ending == "csv" else json.dumps({"text": "gut", "größe": "klein"}) + "\n"
    path.write_text(text, encoding)
    given = {"utf-8-sig": "utf-8"}.get(encoding, encoding)  # as somebody who does not know of the mark calls it
    assert list_items(Tables(path=str(path), encoding=given, keep=("größe",))).rows == 1


def test_of_a_long_table_the_head_alone_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "HEAD_BYTES", 16)
    (tmp_path / "a.csv").write_text("text,mark\n" + "ä,b\n" * 100, "utf-8")
    assert tables.csv_header(tmp_path / "a.csv", "utf-8", ",") == ["text", "mark"]


def test_what_cannot_be_looked_into_is_left_to_the_reader(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes("größe;text\n".encode("utf-16"))
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 no table")
    assert list_items(Tables(path=str(tmp_path), text="größe")).rows == 2


@pytest.mark.parametrize(("mark", "written"), [(";", "';'"), ("\t", r"\$'\\t'"), ("|", r"'\|'")])
def test_another_delimiter_is_found_or_read_as_named_and_named_where_a_wrong_one_was(
    tmp_path: Path, mark: str, written: str
) -> None:
    path = tmp_path / "excel.csv"
    path.write_text(f"text{mark}mark\ngut, sehr gut{mark}pos\n", "utf-8")
    with pytest.raises(ContractError, match=f"has the column 'text'.*; set source.delimiter={written}"):
        list_items(Tables(path=str(path), delimiter=","))
    for source in (Tables(path=str(path), keep=("mark",), delimiter=mark), Tables(path=str(path), keep=("mark",))):
        (item,) = list_source(source)[0]
        (row,) = read_table(path, item, source, Counter())
        assert isinstance(row, Document)
        assert (row.text, row.meta) == ("gut, sehr gut", {"mark": "pos"})
        assert len(tables.found_in(path, source, tables.columns_of(source))) == (source.delimiter is None)
