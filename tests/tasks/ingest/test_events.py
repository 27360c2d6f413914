from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.ingest import Events
from tasks.errors import DataError
from tasks.ingest.events import list_files, read_events


def read(source: Events) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    lines, _, rejected = read_events(source, list_files(source))
    return {line.id: line.words for line in lines}, [r.detail for r in rejected]


def test_items_of_a_user_stand_in_the_order_of_time_and_equal_times_in_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "plays.csv"
    path.write_text("user,item,time,,\nu,b,2,,\nv,x,2026-01-02,,\nu,a,1,,\nv,y,2026-01-01,,\nu,c,2,,\n", "utf-8")
    assert read(Events(path=str(path))) == ({"u": ("a", "b", "c"), "v": ("y", "x")}, [])


def test_a_bad_row_costs_itself_alone(tmp_path: Path) -> None:
    path = tmp_path / "plays.jsonl"
    path.write_text(
        '{"user": 1, "item": 7, "time": 1}\n{"user": 1, "item": 8}\nno json\n{"user": 1, "item": 9, "time": "soon"}\n',
        "utf-8",
    )
    lists, details = read(Events(path=str(path)))
    assert lists == {"1": ("7",)}
    assert [text[:24] for text in details] == [
        "has NoneType in column '",
        "is not JSON: JSONDecodeE",
        "time 'soon' is neither a",
    ]


def test_parquet_and_names_are_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"who": [1, 1], "what": [3, 4], "at": [2.0, 1.0]}), tmp_path / "e.parquet")
    (tmp_path / "names.csv").write_text("item,title\n3,Alien\n", "utf-8")
    source = Events(
        path=str(tmp_path / "e.parquet"), user="who", item="what", time="at", names=str(tmp_path / "names.csv")
    )
    lines, names, rejected = read_events(source, list_files(source))
    assert ([line.words for line in lines], rejected) == ([("4", "3")], [])
    assert [(line.id, line.words) for line in names] == [("3", ("Alien",))]


def test_a_file_that_is_missing_or_changed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'/no/such"):
        list_files(Events(path="/no/such.csv"))
    path = tmp_path / "e.csv"
    path.write_text("user,item,time\nu,a,1\n", "utf-8")
    items = list_files(Events(path=str(path)))
    path.write_text("user,item,time\nu,b,1\n", "utf-8")
    with pytest.raises(DataError, match="has changed since it was listed"):
        read_events(Events(path=str(path)), items)
