"""Tables are read as pandas and Excel write them: dates, missing cells, whole numbers, decimal commas, encodings."""

import datetime
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from configs.ingest import Files, Tables
from tasks.data.documents import Document
from tasks.ingest.dialects import find_delimiter, find_encoding
from tasks.ingest.sources import SourceContents, list_source, read_source
from tasks.ingest.tables import columns_of, found_in

KEPT = ("year", "day", "when", "price", "kind")
FRAME = pd.DataFrame(
    {
        "text": ["Der Aufzug steht.", "Das Dach ist undicht.", "Müll, schon wieder."],
        "year": [2024, np.nan, 2025],
        "day": [datetime.date(2024, 5, 1), None, datetime.date(2024, 6, 2)],
        "when": [pd.Timestamp("2024-05-01 07:30"), pd.NaT, pd.Timestamp("2024-06-02")],
        "price": [1234.5, 2.0, np.nan],
        "kind": ["a", "nan", None],
    }
)


def read(path: Path, **fields: Any) -> SourceContents:
    source = Tables(path=str(path), **{"keep": KEPT, **fields})
    return read_source(source, list_source(source)[0], lambda texts: [1 for _ in texts])


def metas(found: SourceContents) -> list[dict[str, str]]:
    assert found.rejected == []
    return [document.meta for document in found.documents]


EXPECTED = [
    {"year": "2024", "day": "2024-05-01", "when": "2024-05-01T07:30:00", "price": "1234.5", "kind": "a"},
    {"price": "2"},
    {"year": "2025", "day": "2024-06-02", "when": "2024-06-02T00:00:00"},
]


def test_what_pandas_writes_as_parquet_keeps_dates_and_loses_no_row_to_a_missing_cell(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "t.parquet")
    assert metas(read(tmp_path / "t.parquet")) == EXPECTED


def test_what_pandas_writes_for_excel_keeps_dates_and_loses_no_row_to_a_missing_cell(tmp_path: Path) -> None:
    with pd.ExcelWriter(tmp_path / "t.xlsx") as book:
        FRAME.to_excel(book, sheet_name="first", index=False)
        pd.DataFrame({"text": ["of another sheet"]}).to_excel(book, sheet_name="more", index=False)
    found = read(tmp_path / "t.xlsx")
    assert metas(found) == [*EXPECTED[:2], {**EXPECTED[2]}]
    assert [d.line for d in found.documents] == [2, 3, 4]  # the rows of Excel, the header is 1
    assert [d.text for d in read(tmp_path / "t.xlsx", sheet="more", keep=()).documents] == ["of another sheet"]
    (bad,) = read(tmp_path / "t.xlsx", sheet="none", keep=()).rejected
    assert "has no sheet 'none'; there are 'first', 'more'; set source.sheet" in bad.detail


def test_a_sheet_that_unpacks_to_far_more_than_it_is_is_not_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.xlsx", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b" " * (40 << 20))
    (bad,) = read(tmp_path / "t.xlsx").rejected
    assert (bad.reason, "unpacks to 41,943,040 bytes" in bad.detail) == ("unreadable", True)


def test_what_a_german_spreadsheet_writes_is_read_with_its_numbers(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "t.csv", index=False, sep=";", decimal=",", encoding="cp1252")
    found = read(tmp_path / "t.csv", encoding="auto")
    assert found.documents[2].text == "Müll, schon wieder."
    assert [meta.get("price") for meta in metas(found)] == ["1234.5", "2.0", None]
    assert found.notes == [
        "t.csv is read as cp1252, which is a guess; set source.encoding",
        "t.csv has a semicolon between cells, as found",
    ]


def test_whole_numbers_that_pandas_gave_a_point_lose_it_and_versions_do_not(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,year,version\na,2024.0,1.0\nb,,1.1\nc,2025.0,2.0\n", "utf-8")
    found = metas(read(tmp_path / "t.csv", keep=("year", "version")))
    assert [(meta.get("year"), meta["version"]) for meta in found] == [("2024", "1.0"), (None, "1.1"), ("2025", "2.0")]


def test_a_number_that_json_has_not_is_a_missing_cell(tmp_path: Path) -> None:
    rows = [
        {"text": "a", "n": float("nan")},
        {"text": "b", "n": 3.0},
        {"text": "c", "n": 0.25},
        {"text": "d", "n": 1e30},
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    assert metas(read(tmp_path / "t.jsonl", keep=("n",))) == [{}, {"n": "3"}, {"n": "0.25"}, {"n": "1e+30"}]


WORDS = ["#N/A", "NA", "N/A", "n/a", "NULL", "null", "None", "NaN", "<NA>", "-1.#IND", "nil", "none", "Na"]


def test_words_that_pandas_reads_as_missing_are_missing_in_kept_columns_and_said(tmp_path: Path) -> None:
    lines = [f"{word},{word}" for word in WORDS]
    (tmp_path / "t.csv").write_text("\n".join(["text,kind", *lines]), "utf-8")
    found = read(tmp_path / "t.csv", keep=("kind",))
    frame = pd.read_csv(tmp_path / "t.csv")
    known = [{} if pd.isna(cell) else {"kind": cell} for cell in frame["kind"]]
    assert metas(found) == known
    assert {"kind": "none"} in known
    assert [d.text for d in found.documents] == WORDS  # a text is what is written
    assert found.notes == [
        f"column 'kind': {word} is read as a missing cell in 1 row; write another word if it is a value"
        for word in ("N/A", "NA", "NULL", "None", "n/a", "null")  # these may be names
    ]


def test_a_row_has_the_number_of_a_spreadsheet_however_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('text,kind\none,a\n"two\nlines",b\n\nlast,c\n', "utf-8")
    folder = Files(path=str(tmp_path), patterns=("*.csv",))
    (whole,) = read_source(folder, list_source(folder)[0], lambda texts: [1 for _ in texts]).documents
    rows = read(tmp_path / "t.csv", keep=()).documents
    assert [(d.id, d.text) for d in rows] == [("t.csv#2", "one"), ("t.csv#3", "two\nlines"), ("t.csv#5", "last")]
    assert [whole.path_of(whole.text.index(d.text[:3])) for d in rows] == [f"t.csv row {d.line}" for d in rows]


@pytest.mark.parametrize(
    ("length", "shown"),
    [({"hours": 36, "minutes": 5}, "36:05:00"), ({"hours": -30}, "-30:00:00"), ({"seconds": 90.25}, "0:01:30.25")],
)
def test_a_length_of_time_counts_hours_on_beyond_a_day(tmp_path: Path, length: dict[str, float], shown: str) -> None:
    span = datetime.timedelta(**length)
    pd.DataFrame({"text": ["a"], "span": [span]}).to_parquet(tmp_path / "t.parquet")
    assert metas(read(tmp_path / "t.parquet", keep=("span",))) == [{"span": shown}]


@pytest.mark.parametrize(
    ("head", "wanted", "delimiter"),
    [
        ("text,label\na;b;c,1\n", ["text"], ","),
        ("text;label\na, b, c;1\n", ["text"], ";"),
        ("text\tlabel\na, b\t1\n", ["text"], "\t"),
        ("text|label\na, b|1\n", ["text"], "|"),
        ("text\nhello, world\none; two\n", ["text"], "\t"),
        ("text\nplain\n", ["text"], ","),
        ("a;b;c\n1;2;3\n", ["text"], ";"),
    ],
    ids=["comma", "semicolon", "tab", "bar", "one column", "nothing", "none of the columns"],
)
def test_a_delimiter_is_the_one_that_the_columns_asked_for_fit(head: str, wanted: list[str], delimiter: str) -> None:
    assert find_delimiter(head, wanted) == delimiter


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Grüße aus Köln, die Straße ist naß.", "utf-8"),
        ("Grüße aus Köln, die Straße ist naß.", "cp1252"),
        ("Отопление не работает, в подвале вода.", "cp1251"),
        ("暖房が動きません。水が漏れています。", "shift_jis"),
    ],
)
def test_bytes_are_read_as_what_they_are_likeliest(text: str, encoding: str) -> None:
    content = text.encode(encoding)
    assert content.decode(find_encoding(content)) == text
    assert (find_encoding(content) == "utf-8") == (encoding == "utf-8")


def test_files_of_an_encoding_that_was_left_open_are_read_and_said(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Die Straße ist naß.".encode("cp1252"))
    (tmp_path / "b.txt").write_bytes("Größe".encode())
    source = Files(path=str(tmp_path), encoding="auto")
    found = read_source(source, list_source(source)[0], lambda texts: [1 for _ in texts])
    assert [d.text for d in found.documents] == ["Die Straße ist naß.", "Größe"]
    assert found.notes == ["1 file is read as cp1252, which is a guess; set source.encoding: a.txt"]


def test_a_table_as_it_usually_is_leaves_nothing_to_say(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text\na\n", "utf-8")
    assert found_in(tmp_path / "t.csv", Tables(path="t.csv", encoding="auto"), ("text",)) == []
    (row,) = read(tmp_path / "t.csv", keep=()).documents
    assert row == Document("t.csv#2", "a", "", "tables", "t.csv", 2, "row")


def test_the_delimiter_that_is_said_is_the_one_that_is_read_by(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,a;id;title\nx,1;2;3\n", "utf-8")
    source = Tables(path=str(tmp_path / "t.csv"), id="id", title="title")
    found = found_in(tmp_path / "t.csv", source, columns_of(source))
    assert found == ["t.csv has a semicolon between cells, as found"]


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("name,town,value\nviolin,Cremona,1\nshort\nlute,Padua,5\nviola,Brescia,3\n", ","),
        ("name;town;value\nviolin;Cremona;1,5\nlute;Padua;5,25;extra\nviola;Brescia;3\nharp;Rom;4\n", ";"),
        ("Stock of March\n\nname,town,value\nviolin,Cremona,1\nlute,Padua,5\nviola,Brescia,3\n", ","),
        ("Stock of March\n\nname;town\nviolin;Cremona, Italy\nshort\nlute;Padua\nviola;Brescia\nharp;Rome\n", ";"),
    ],
    ids=["a short row", "a long row", "a title above", "a title and a short row"],
)
def test_a_delimiter_is_found_where_some_records_are_of_another_length(text: str, delimiter: str) -> None:
    assert find_delimiter(text, ()) == delimiter
