import contextlib
import os
import sqlite3
import threading
from pathlib import Path

import pytest

from tasks.launch import housekeeping
from tasks.store import collections, durable, workspace
from tests.tasks.launch.kept import call, flip, publish


def test_a_backup_taken_while_a_database_is_written_comes_back_whole_and_finds_its_files(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish()
    (home / "mlflow").mkdir()
    (home / "link").symlink_to(tmp_path)
    (home / "server.json").write_text("{}")
    database, stop = sqlite3.connect(home / "mlflow" / "mlflow.db", check_same_thread=False), threading.Event()
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE runs (n INTEGER, artifact_uri TEXT)")
    database.execute("CREATE TABLE pairs (n INTEGER)")

    def write() -> None:
        number = 0
        while not stop.wait(0.001):
            with database:  # both or neither
                database.execute("INSERT INTO runs VALUES (?, ?)", (number, f"{home.resolve().as_uri()}/mlflow/x"))
                database.execute("INSERT INTO pairs VALUES (?)", (number,))
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        status, _, stated = call(capsys, "store", "backup", str(tmp_path / "all"))
    finally:
        stop.set()
        writer.join()
        database.close()
    assert (status, stated["databases"], stated["links"]) == (0, ["mlflow/mlflow.db"], [str(home / "link")])
    other = tmp_path / "other"
    monkeypatch.setenv("LLM_FLOWS_HOME", str(other))
    assert call(capsys, "store", "restore", str(tmp_path / "all"))[0] == 0
    assert call(capsys, "store", "check")[0] == 0
    assert collections.live("notes").number == 1
    assert not (other / "link").exists()
    assert not (other / "server.json").exists()
    with contextlib.closing(sqlite3.connect(other / "mlflow" / "mlflow.db")) as copy:
        rows = copy.execute("SELECT count(*), min(artifact_uri), max(artifact_uri) FROM runs").fetchone()
        assert copy.execute("SELECT count(*) FROM pairs").fetchone()[0] == rows[0]
    assert rows[1:] in [(f"{other.as_uri()}/mlflow/x",) * 2, (None, None)]
    assert housekeeping.main(["store", "restore", str(tmp_path / "all")]) == 2
    assert "holds something; set LLM_FLOWS_HOME to a new folder" in capsys.readouterr().err


def test_a_cut_backup_leaves_an_empty_place_empty(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish()
    file, other = tmp_path / "all", tmp_path / "place" / "other"
    call(capsys, "store", "backup", str(file))
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)
    monkeypatch.setenv("LLM_FLOWS_HOME", str(other))
    assert housekeeping.main(["store", "restore", str(file)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert os.listdir(other.parent) == ["other"]
    assert os.listdir(other) == []


def test_damage_is_said_and_a_file_in_the_workspace_is_refused(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = publish()
    flip(home / "objects" / "vectors" / made.vectors.digest / "array.npy")
    status, lines, stated = call(capsys, "store", "backup", str(tmp_path / "all"))
    assert (status, len(stated["damaged"])) == (1, 1)
    assert stated["damaged"][0] in lines
    assert stated["damaged"][0].endswith("run the flow again that uses it: it is made again before use")
    assert housekeeping.main(["store", "backup", str(home / "all")]) == 2
    assert "lies in the workspace itself" in capsys.readouterr().err


def test_a_database_that_make_ui_kept_elsewhere_and_the_shell_does_not_name_is_said(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish()
    durable.write_json(home / workspace.DATABASES, {"prefect": "postgresql", "mlflow": None})
    status, lines, stated = call(capsys, "store", "backup", str(tmp_path / "all"))
    assert (status, stated["elsewhere"]) == (1, "the database of prefect")
    assert lines[1].startswith("not in it: the database of prefect, on another server; name it as make ui does")
