import contextlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.launch import housekeeping
from tasks.store import objects
from tests.tasks.launch.kept import age, array, call, finished, flip, publish

pytestmark = pytest.mark.usefixtures("home")


def test_one_damaged_collection_does_not_hide_the_others(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish("docs")
    publish("notes")
    flip(home / "collections" / "docs" / "live")
    assert housekeeping.main(["collections"]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("collection docs is damaged (")
    stated = json.loads(said.out.splitlines()[-1])
    assert [one["collection"] for one in stated["collections"]] == ["notes"]
    assert len(stated["damaged"]) == 1


@pytest.mark.parametrize("room", ["collections", "steps"])
def test_the_check_finds_what_is_missing_and_says_what_to_run(
    home: Path, capsys: pytest.CaptureFixture[str], room: str
) -> None:
    if room == "collections":
        gone = publish().passages
    else:
        gone = array(5)
        finished("verb-object", gone)
    assert call(capsys, "store", "check")[0] == 0
    objects.forget(gone)
    status, lines, _ = call(capsys, "store", "check")
    assert status == 1
    (line,) = lines
    assert line.startswith(str(home / room))
    assert f"refers to {gone.kind} {gone.digest[:12]}, which is not there; run " in line


@pytest.mark.parametrize(("folder", "name"), [("mlflow", "mlflow.db"), ("prefect", "prefect.db")])
def test_the_check_asks_sqlite_about_the_databases(
    home: Path, capsys: pytest.CaptureFixture[str], folder: str, name: str
) -> None:
    path = home / folder / name
    path.parent.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, name TEXT)")
        database.executemany("INSERT INTO runs (name) VALUES (?)", [(f"run {n}" * 20,) for n in range(500)])
        database.execute("CREATE INDEX by_name ON runs (name)")
        database.commit()
    assert call(capsys, "store", "check")[:2] == (0, ["0 objects, 0 records and 1 databases are whole"])
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 512] = bytes(512)
    path.write_bytes(content)
    status, lines, _ = call(capsys, "store", "check")
    assert (status, len(lines)) == (1, 1)
    assert lines[0].startswith(f"{path} is damaged (")


def test_pruning_never_follows_a_link_and_says_what_it_left_alone(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = tmp_path / "foreign"
    for below in ("kind/digest", "name", "deep"):
        (foreign / below).mkdir(parents=True)
    files = [foreign / "kind" / "digest" / "array.npy", foreign / "name" / "key.json", foreign / "deep" / "photo.raw"]
    for file in files:
        file.write_bytes(b"theirs")
        age(file, 99)
    age(foreign / "kind" / "digest", 99)
    array(1)
    finished("verb-object", array(1))
    links = {
        home / "objects" / "linked": foreign / "kind",
        home / "steps" / "linked": foreign / "name",
        home / "steps" / "verb-object" / "linked.json": files[1],
        home / "training" / "linked": foreign / "deep",
        home / "recognised": foreign / "name",
    }
    for link, target in links.items():
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(target)
    status, lines, stated = call(capsys, "store", "prune", "days=0")
    assert status == 0
    assert [file.read_bytes() for file in files] == [b"theirs"] * 3
    assert all(link.is_symlink() for link in links)
    assert set(stated["links"]) == {str(link) for link in links}
    assert lines[1].startswith(f"{len(links)} links were left alone, with all behind them: ")
    assert set(call(capsys, "store", "check")[2]["links"]) == {
        str(link) for link in links if "training" not in str(link)
    }


def test_what_may_not_be_read_is_said_and_the_rest_is_checked(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    array(1)
    locked, iterdir = home / "items", Path.iterdir

    def refuse(path: Path) -> Iterator[Path]:
        if path == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert housekeeping.main(["store", "check"]) == 1
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["damaged"] == [f"{locked} may not be read, and what stands behind it was not checked; chmod u+rX"]
    assert found["checked"] == 1


def test_a_file_of_an_object_that_is_a_link_is_named_and_not_followed(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish()
    file = next(path for path in sorted((home / "objects").glob("*/*/*")) if path.name != "manifest.json")
    shutil.move(file, tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert housekeeping.main(["store", "check"]) == 1
    said = capsys.readouterr().out
    assert f"{file} is a link, which is not followed" in said
    assert json.loads(said.splitlines()[-1])["links"] == [str(file)]
