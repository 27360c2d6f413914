import contextlib
import csv
import gzip
import io
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.ingest import Tables
from tasks.data.documents import Document, Item, Rejected
from tasks.ingest import tables
from tasks.ingest.files import describe_file
from tasks.ingest.tables import MAX_COLUMNS, read_table

VISIBLE = st.text(st.characters(categories=("L", "N", "P", "S")) | st.sampled_from(' ,"\r\n\t'), max_size=20)
TEXTS = st.lists(VISIBLE.map(lambda text: f"x{text}"), min_size=1, max_size=8)
REUSED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)


def read(path: Path, **columns: Any) -> list[Document | Rejected]:
    """List and read a table."""
    item = describe_file(path, path.name, 1 << 40)
    return list(read_table(path, item, Tables(path=str(path), **columns), Counter()))


def outcome(rows: list[Document | Rejected]) -> list[str]:
    """Return the text of each document and the reason of each rejected row."""
    return [row.text if isinstance(row, Document) else f"{row.item}: {row.reason}" for row in rows]


def written(path: Path, content: bytes) -> Path:
    """Write a file; return its path."""
    path.write_bytes(content)
    return path


def as_jsonl(path: Path, texts: list[str]) -> None:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")


def as_packed_jsonl(path: Path, texts: list[str]) -> None:
    path.write_bytes(
        gzip.compress("".join(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in texts).encode())
    )


def as_csv(path: Path, texts: list[str]) -> None:
    pd.DataFrame({"n": range(len(texts)), "text": texts}).to_csv(path, index=False, quoting=csv.QUOTE_NONNUMERIC)


def as_parquet(path: Path, texts: list[str]) -> None:
    pd.DataFrame({"text": texts, "n": range(len(texts))}).to_parquet(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "write"),
    [("t.jsonl", as_jsonl), ("t.jsonl.gz", as_packed_jsonl), ("T.CSV", as_csv), ("t.parquet", as_parquet)],
    ids=["jsonl", "jsonl.gz", "csv", "parquet"],
)
@REUSED_FOLDER
@given(texts=TEXTS)
def test_rows_that_another_library_wrote_read_back(
    tmp_path: Path, name: str, write: Callable[[Path, list[str]], None], texts: list[str]
) -> None:
    write(tmp_path / name, texts)
    first = 2 if name == "T.CSV" else 1  # the row of a spreadsheet; jsonl and parquet have no header
    made = [Document(f"{name}#{i}", text, "", "tables", name, i, "row") for i, text in enumerate(texts, start=first)]
    assert read(tmp_path / name) == made


def test_a_row_is_named_and_titled_by_its_columns(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", b'key,name,text\n../../etc/passwd,"=1+1",one\na/b,"@SUM(A1)",=cmd|calc\n')
    assert read(path, id="key", title="name") == [
        Document("../../etc/passwd", "one", "=1+1", "tables", "t.csv", 2, "row"),
        Document("a/b", "=cmd|calc", "@SUM(A1)", "tables", "t.csv", 3, "row"),
    ]


def lines(*rows: bytes) -> bytes:
    """Put rows between two good ones."""
    return b"\n".join([b'{"text": "first", "id": 1}', *rows, b'{"text": "last", "id": "z"}'])


BAD_LINES: dict[str, tuple[bytes, str, str]] = {
    "not JSON": (b"{oops", "bad-row", "is not JSON: JSONDecodeError Expecting property name"),
    "cut short": (b'{"text": "abc', "bad-row", "is not JSON: JSONDecodeError Invalid control character"),
    "duplicate keys": (b'{"text": "a", "text": "b", "id": 2}', "bad-row", "names a key twice"),
    "duplicate inner keys": (b'{"text": "a", "m": {"k": 1, "k": 2}}', "bad-row", "names a key twice"),
    "deep nesting": (b'{"text": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "bad-row", "is not JSON: RecursionError"),
    "long number": (b'{"text": "a", "id": ' + b"9" * 5_000 + b"}", "bad-row", "is not JSON: ValueError"),
    "a list": (b'["text"]', "bad-row", "is a JSON list, an object was needed"),
    "a bare NaN": (b"NaN", "bad-row", "is a JSON float, an object was needed"),
    "invalid UTF-8": (b'{"text": "\xff", "id": 2}', "not-decodable", "is not utf-8; set source.encoding=NAME"),
    "no text": (b'{"id": 2, "body": "x"}', "bad-row", "has no value in column 'text'; it has 'id', 'body'"),
    "odd keys": (b'{"\\ud800\\u001b[31m": 2}', "bad-row", r"has no value in column 'text'; it has '\ud800\x1b[31m'"),
    "null": (b'{"text": null, "id": 2}', "bad-row", "has no value in column 'text'"),
    "a number": (b'{"text": 5, "id": 2}', "not-text", "column 'text' holds int, text was needed"),
    "NaN": (b'{"text": NaN, "id": 2}', "not-text", "column 'text' holds float, text was needed"),
    "empty": (b'{"text": "", "id": 2}', "empty", "has no visible character"),
    "blank": (b'{"text": " \\u200b", "id": 2}', "empty", "has no visible character"),
    "NUL": (b'{"text": "a\\u0000", "id": 2}', "binary", "holds a NUL byte at character 1"),
    "half a character": (b'{"text": "a\\ud83d", "id": 2}', "lone-surrogate", "holds half a character"),
    "too large": (b'{"text": "' + b"x" * 5_000_001 + b'", "id": 2}', "too-large", "its text has over 5.0 MB; raise"),
    "NaN id": (b'{"text": "a", "id": NaN}', "not-a-number", "column 'id' holds nan"),
    "infinite id": (b'{"text": "a", "id": -Infinity}', "not-a-number", "column 'id' holds -inf"),
    "1e400 id": (b'{"text": "a", "id": 1e400}', "not-a-number", "column 'id' holds inf"),
    "inexact id": (b'{"text": "a", "id": 9007199254740994.0}', "not-a-number", "column 'id' holds 9007199254740994.0"),
    "true id": (b'{"text": "a", "id": true}', "bad-row", "column 'id' holds bool, a name or number was needed"),
    "list id": (b'{"text": "a", "id": [1]}', "bad-row", "column 'id' holds list, a name or number was needed"),
    "no id": (b'{"text": "a"}', "bad-row", "column 'id' holds NoneType, a name or number was needed"),
    "blank id": (b'{"text": "a", "id": " "}', "bad-row", "column 'id' is empty, not text, or longer than 512"),
    "half an id": (b'{"text": "a", "id": "\\udc00"}', "bad-row", "column 'id' is empty, not text, or longer than 512"),
    "long id": (b'{"text": "a", "id": "' + b"x" * 513 + b'"}', "bad-row", "column 'id' is empty, not text, or longer"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "reason", "detail"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_line_costs_that_line_alone(tmp_path: Path, line: bytes, reason: str, detail: str) -> None:
    first, bad, last = read(written(tmp_path / "t.jsonl", lines(line)), id="id")
    assert isinstance(bad, Rejected)
    assert (bad.item, bad.reason) == ("t.jsonl#2", reason)
    assert bad.detail.startswith(detail)
    bad.detail.encode("utf-8")
    assert outcome([first, last]) == ["first", "last"]


@pytest.mark.parametrize(
    ("value", "identity"),
    [
        ("9223372036854775809", "9223372036854775809"),
        ("-3", "-3"),
        ("1.5", "1.5"),
        ('"../x"', "../x"),
        ('"a/b#1"', "a/b#1"),
        ('"=1+1"', "=1+1"),
    ],
    ids=["beyond 64 bits", "negative", "fraction", "dots", "slash", "formula"],
)
def test_any_short_name_or_exact_number_is_an_id(tmp_path: Path, value: str, identity: str) -> None:
    (row,) = read(written(tmp_path / "t.jsonl", f'{{"text": "a", "id": {value}}}'.encode()), id="id")
    assert isinstance(row, Document)
    assert row.id == identity


def test_a_list_or_a_truth_value_is_kept_as_json_and_what_no_cell_may_hold_costs_its_row(tmp_path: Path) -> None:
    rows = [
        b'{"text": "a", "tags": ["x", 2], "spam": true}',
        b'{"text": "b", "tags": [], "spam": false}',
        b'{"text": "c", "tags": [["x"]]}',
        b'{"text": "d", "tags": {"x": 1}}',
    ]
    found = read(written(tmp_path / "t.jsonl", b"\n".join(rows)), keep=("tags", "spam"))
    assert [row.meta for row in found if isinstance(row, Document)] == [
        {"tags": '["x", "2"]', "spam": "true"},
        {"tags": "[]", "spam": "false"},
    ]
    assert outcome(found)[2:] == ["t.jsonl#3: bad-row", "t.jsonl#4: bad-row"]


def test_columns_that_are_not_asked_for_may_hold_anything(tmp_path: Path) -> None:
    line = b'{"text": "[SEP] </s> <|im_end|> \\u001b[31m", "x": NaN, "y": 1e400, "z": null, "w": "\\ud800"}\n\n  \n'
    assert outcome(read(written(tmp_path / "t.jsonl", line))) == ["[SEP] </s> <|im_end|> \x1b[31m"]


def test_a_line_keeps_its_number_when_blank_lines_stand_before_it(tmp_path: Path) -> None:
    (row,) = read(written(tmp_path / "t.jsonl", b'\n\n{"text": "a"}'))
    assert isinstance(row, Document)
    assert (row.id, row.line) == ("t.jsonl#3", 3)


BAD_CELLS: dict[str, tuple[bytes, list[str], str]] = {
    "embedded newlines": (b'1,"two\nlines"', ["two\nlines"], ""),
    "NUL": (b"1,a\x00b", ["t.csv#3: binary"], "holds a NUL byte at character 1"),
    "too few cells": (b"1", ["t.csv#3: bad-row"], "has 1 cells but the header 2"),
    "too many cells": (b"1,a,b", ["t.csv#3: bad-row"], "has 3 cells but the header 2"),
    "blank line": (b"", [], ""),
    "text after a quote": (b'1,"a"b', ["t.csv#3: bad-row"], "is not CSV: ',' expected after '\"'"),
    "10 MB cell": (b"1," + b"x" * 10_000_000, ["t.csv#3: too-large"], "its text has over 5.0 MB"),
    "empty cell": (b"1,", ["t.csv#3: empty"], "has no visible character"),
    "formula": (b"1,=HYPERLINK(1)", ["=HYPERLINK(1)"], ""),
}


@pytest.mark.parametrize(("line", "expected", "detail"), BAD_CELLS.values(), ids=BAD_CELLS.keys())
def test_a_bad_record_costs_that_record_alone(tmp_path: Path, line: bytes, expected: list[str], detail: str) -> None:
    rows = read(written(tmp_path / "t.csv", b"id,text\n0,first\n" + line + b"\n2,last\n"))
    assert outcome(rows) == ["first", *expected, "last"]
    assert "".join(row.detail for row in rows if isinstance(row, Rejected)).startswith(detail)


def test_a_quote_that_is_never_closed_costs_what_follows_it(tmp_path: Path) -> None:
    rows = read(written(tmp_path / "t.csv", b'text\nfirst\n"open\nlast\n'))
    assert outcome(rows) == ["first", "t.csv#3: bad-row"]
    assert rows[1] == Rejected("t.csv#3", "bad-row", "is not CSV: unexpected end of data")


def test_a_csv_file_of_another_encoding_is_read_when_it_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "text\nGr\u00fc\u00dfe\n".encode("latin-1"))
    assert outcome(read(path, encoding="latin-1")) == ["Gr\u00fc\u00dfe"]
    assert outcome(read(written(tmp_path / "u.csv", "text\n\u00df\n".encode("utf-16")))) == ["\u00df"]


BAD_FILES: dict[str, tuple[str, bytes, str, str]] = {
    "zero bytes csv": ("t.csv", b"", "empty", "has no rows"),
    "only a header": ("t.csv", b"text\n", "empty", "has no rows"),
    "zero bytes jsonl": ("t.jsonl", b"", "empty", "has no rows"),
    "blank jsonl": ("t.jsonl", b"\n \n", "empty", "has no rows"),
    "zero bytes parquet": ("t.parquet", b"", "unreadable", "cannot be read as parquet: t.parquet is not whole"),
    "zero bytes gzip": ("t.jsonl.gz", b"", "empty", "has no rows"),
    "no gzip": ("t.jsonl.gz", b'{"text": "a"}', "unreadable", "cannot be read as gz: Not a gzipped file"),
    "cut gzip": ("t.jsonl.gz", gzip.compress(b'{"text": "a"}')[:-9], "unreadable", "cannot be read as gz: Compressed"),
    "latin-1 csv": ("t.csv", b"text\nGr\xfc\xdfe\n", "unreadable", "cannot be read as csv: t.csv is not utf-8; set"),
    "double column": ("t.csv", b"text,text\na,b\n", "unreadable", "cannot be read as csv: t.csv names a column twice"),
    "broken header": ("t.csv", b'"text"x\na\n', "unreadable", "cannot be read as csv: ',' expected after '\"'"),
    "program": ("t.parquet", b"MZ\x90\x00" * 99, "unreadable", "cannot be read as parquet: t.parquet is not whole"),
    "other kind": ("t.ods", b"PK", "unreadable", "cannot be read as ods: t.ods is not one of *.jsonl, *.jsonl.gz"),
    "no zip": ("t.xlsx", b"PK", "unreadable", "cannot be read as xlsx: t.xlsx is no xlsx file, or is protected"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "reason", "detail"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_is_rejected_as_a_whole(
    tmp_path: Path, name: str, content: bytes, reason: str, detail: str
) -> None:
    (bad,) = read(written(tmp_path / name, content))
    assert isinstance(bad, Rejected)
    assert (bad.item, bad.reason) == (name, reason)
    assert bad.detail.startswith(detail)


def test_what_came_before_a_gzip_bomb_is_kept_and_the_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = gzip.compress(b'{"text": "first"}\n' + b" " * 40_000_000, compresslevel=6)
    first, bad = read(written(tmp_path / "t.jsonl.gz", bomb))
    assert isinstance(bad, Rejected)
    assert outcome([first, bad]) == ["first", "t.jsonl.gz: unreadable"]
    assert bad.detail.startswith(
        f"cannot be read as gz: t.jsonl.gz unpacks to over {len(bomb) * 200:,} bytes, 200 times"
    )


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_a_line_that_is_too_long_costs_itself_alone_and_is_not_held(
    pack: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MAX_LINE_BYTES", 2_000)
    lines = [b'{"text": "first"}', b'{"text": "' + random.Random(1).randbytes(60_000).hex().encode() + b'"}']
    name = "t.jsonl" if pack is bytes else "t.jsonl.gz"
    found = read(written(tmp_path / name, pack(b"\n".join([*lines, b'{"text": "last"}']))))
    assert outcome(found) == ["first", f"{name}#2: too-large", "last"]
    with contextlib.closing(tables.lines_of(tmp_path / name)) as held:
        assert max(map(len, held)) == 2_001


def parquet(**columns: Any) -> bytes:
    """Return a Parquet file of some columns."""
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@pytest.mark.parametrize("keep", [3, 100, -1, -200], ids=["magic", "head", "last byte", "footer"])
def test_a_truncated_parquet_file_is_rejected(tmp_path: Path, keep: int) -> None:
    content = parquet(text=[f"row {i}" for i in range(500)])
    assert outcome(read(written(tmp_path / "t.parquet", content[:keep]))) == ["t.parquet: unreadable"]


def test_a_parquet_file_of_damaged_pages_gives_no_row_that_is_not_its_own(tmp_path: Path) -> None:
    content = parquet(text=[f"row {i}" for i in range(500)])
    rows = read(written(tmp_path / "t.parquet", content[:40] + b"\xff" * 400 + content[440:]))
    assert outcome(rows)[-1] == "t.parquet: unreadable"


@pytest.mark.parametrize(
    ("columns", "detail"),
    [
        (
            {"body": ["a"]},
            r"cannot be read as parquet: t.parquet needs one column 'text', and none twice; it has ['body']",
        ),
        (
            {f"c{i}": [1] for i in range(MAX_COLUMNS + 1)},
            "cannot be read as parquet: t.parquet has 2001 columns, at most 2000",
        ),
    ],
    ids=["no text", "too many"],
)
def test_a_parquet_file_of_the_wrong_columns_is_rejected(tmp_path: Path, columns: Any, detail: str) -> None:
    (bad,) = read(written(tmp_path / "t.parquet", parquet(**columns)))
    assert isinstance(bad, Rejected)
    assert bad.reason == "unreadable"
    assert bad.detail.startswith(detail)


def test_a_parquet_file_that_names_its_text_twice_is_rejected(tmp_path: Path) -> None:
    pq.write_table(
        pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]), tmp_path / "t.parquet"
    )
    assert outcome(read(tmp_path / "t.parquet")) == ["t.parquet: unreadable"]


def test_a_cell_that_is_no_utf8_costs_its_row_alone(tmp_path: Path) -> None:
    raw = pa.array([b"first", b"\xff\xfe", b"last"])
    texts = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    rows = read(written(tmp_path / "t.parquet", parquet(text=texts)))
    assert outcome(rows) == ["first", "t.parquet#2: bad-row", "last"]
    assert isinstance(rows[1], Rejected)
    assert rows[1].detail.startswith("holds a value that cannot be read: 'utf-8' codec can't decode byte 0xff")


def test_a_date_beyond_the_calendar_costs_its_row_only_where_it_is_asked_for(tmp_path: Path) -> None:
    when = pa.array([0, 2**50], pa.timestamp("ms"))
    path = written(tmp_path / "t.parquet", parquet(text=["first", "last"], when=when))
    assert outcome(read(path)) == ["first", "last"]
    assert outcome(read(path, id="when")) == ["first", "t.parquet#2: bad-row"]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (pa.array(["a", None]), ["a", "t.parquet#2: bad-row"]),
        (pa.array([b"a"]), ["t.parquet#1: not-text"]),
        (pa.array(np.array([1.0, np.nan])), ["t.parquet#1: not-text", "t.parquet#2: not-text"]),
        (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
        (pa.array(["a"], pa.large_string()), ["a"]),
    ],
    ids=["null", "bytes", "numbers", "dictionary", "large"],
)
def test_a_column_of_any_type_is_read_where_it_holds_text(tmp_path: Path, texts: Any, expected: list[str]) -> None:
    assert outcome(read(written(tmp_path / "t.parquet", parquet(text=texts)))) == expected


def test_a_file_that_was_not_scanned_is_not_read(tmp_path: Path) -> None:
    item = Item("t.csv", 0, "", "link")
    found = list(read_table(tmp_path / "t.csv", item, Tables(path="t.csv"), Counter()))
    assert found == [Rejected("t.csv", "link", "not read: link")]


@pytest.mark.parametrize(
    "content", [b"text\nother\n", b"text\nlonger than it was\n", None], ids=["same size", "grown", "gone"]
)
def test_a_file_that_changed_since_it_was_listed_is_rejected(tmp_path: Path, content: bytes | None) -> None:
    path = written(tmp_path / "t.csv", b"text\nfirst\n")
    item = describe_file(path, path.name, 1 << 40)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    changed = Rejected("t.csv", "changed", "changed since it was listed; run again")
    assert list(read_table(path, item, Tables(path=str(path)), Counter())) == [changed]


def test_a_field_limit_set_elsewhere_does_not_matter(tmp_path: Path) -> None:
    before = csv.field_size_limit(10)
    try:
        assert outcome(read(written(tmp_path / "t.csv", b"text\n" + b"x" * 1_000))) == ["x" * 1_000]
    finally:
        csv.field_size_limit(before)


def repeated(text: str, rows: int, **options: Any) -> bytes:
    """Return Parquet of one text in many rows, which takes next to nothing."""
    held = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))
    made = io.BytesIO()
    pq.write_table(pa.table({"text": held}), made, **options)
    return made.getvalue()


@pytest.mark.parametrize(
    "content",
    [repeated("x", 200_000), repeated("x" * 100_000, 1_000), repeated("x", 150_000, row_group_size=50_000)],
    ids=["many rows", "long rows", "many row groups"],
)
def test_a_small_parquet_file_of_gigabytes_is_stopped(tmp_path: Path, content: bytes) -> None:
    assert len(content) < 6_000
    bad = read(written(tmp_path / "t.parquet", content))[-1]
    assert isinstance(bad, Rejected)
    assert "at most 67,108,864 are read of one file of its size; write it as jsonl" in bad.detail


def test_a_small_parquet_file_of_many_equal_rows_is_read(tmp_path: Path) -> None:
    assert len(read(written(tmp_path / "t.parquet", repeated("x", 20_000)))) == 20_000
