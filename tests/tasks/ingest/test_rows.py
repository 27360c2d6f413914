"""Rows of tables and data sets are read cell by cell, repeated texts included."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.ingest import Hub, Ingest, Tables
from tasks.data.cells import CellRow
from tasks.data.documents import Rejected
from tasks.errors import DataError
from tasks.ingest import ingest_rows, list_items
from tasks.store import objects


def cells_of(source: Tables | Hub, columns: tuple[str, ...]) -> tuple[list[dict[str, object]], list[Rejected]]:
    read = ingest_rows.fn(list_items(source), source, columns, Ingest())
    rows = objects.load_rows(read.cells, CellRow)
    return [json.loads(row.cells) for row in rows], objects.load_rows(read.rejected, Rejected)


def test_a_question_may_stand_in_many_rows_and_a_cell_may_be_long(home: Path, tmp_path: Path) -> None:
    rows = [{"q": "who?", "a": "x" * 2_000, "n": 1.5}, {"q": "who?", "a": "y", "n": None}, {"a": "no question"}]
    path = tmp_path / "qa.jsonl"
    path.write_text("\n".join([*map(json.dumps, rows), "not json"]))
    found, rejected = cells_of(Tables(path=str(path), text="q"), ("q", "a", "n"))
    assert found == [rows[0], {"q": "who?", "a": "y"}]
    assert [(r.item, r.reason) for r in rejected] == [("qa.jsonl#3", "bad-row"), ("qa.jsonl#4", "bad-row")]
    assert "it has 'a'" in rejected[0].detail


def test_a_folder_of_the_hub_gives_the_same_rows(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "train.csv").write_text("q,a,b\nwho?,me,1\nwho?,you,2\n")
    found, rejected = cells_of(Hub(dataset=str(folder), text="other"), ("q", "b"))
    assert found == [{"q": "who?", "b": 1}, {"q": "who?", "b": 2}]
    assert rejected == []


def test_too_many_rejected_rows_are_an_error_that_says_why(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "qa.csv"
    path.write_text("question,answer\nwho?,me\n")
    with pytest.raises(DataError, match=r"1 of 1 rows cannot be read .* it has 'question', 'answer'"):
        cells_of(Tables(path=str(path), text="answer"), ("q", "answer"))


def test_a_file_is_read_with_its_delimiter_encoding_and_byte_order_mark(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "paires.csv"
    path.write_bytes("\ufeffquestion;réponse\nOù ?;À Nîmes, ici\n".encode())
    source = Tables(path=str(path), text="question", delimiter=";")
    assert cells_of(source, ("question", "réponse")) == ([{"question": "Où ?", "réponse": "À Nîmes, ici"}], [])
    path.write_bytes("question\tréponse\nOù ?\tÀ Nîmes\n".encode("latin-1"))
    source = Tables(path=str(path), text="question", delimiter="\t", encoding="latin-1")
    assert cells_of(source, ("question", "réponse")) == ([{"question": "Où ?", "réponse": "À Nîmes"}], [])


def test_turns_of_a_conversation_are_read_from_json_lines_and_parquet(home: Path, tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Wo?"}, {"role": "assistant", "content": "Hier."}]
    row = {"messages": [{**turn, "seen": [1]} for turn in turns], "tags": ["a"]}
    (tmp_path / "a.jsonl").write_text(json.dumps(row), "utf-8")
    pq.write_table(pa.table({"messages": [turns]}), tmp_path / "b.parquet")
    for name in ("a.jsonl", "b.parquet"):
        found, rejected = cells_of(Tables(path=str(tmp_path / name), text="messages"), ("messages", "tags"))
        assert (found, rejected) == ([{"messages": turns}], [])


def test_what_was_found_of_how_rows_are_written_is_said(home: Path, tmp_path: Path) -> None:
    (tmp_path / "qa.csv").write_bytes("q;a\nWie groß?;3,5\n".encode("cp1252"))
    source = Tables(path=str(tmp_path / "qa.csv"), text="q", encoding="auto")
    read = ingest_rows.fn(list_items(source), source, ("q", "a"), Ingest())
    assert read.notes == (
        "qa.csv is read as cp1252, which is a guess; set source.encoding",
        "qa.csv has a semicolon between cells, as found",
    )
