import json
import os
from pathlib import Path

import pytest

from tasks.data.training import TunedModel, TunedRef
from tasks.launch import housekeeping
from tasks.store import collections, objects, tuned
from tests.tasks.launch.kept import call, flip, publish


@pytest.fixture
def other(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a second, empty workspace, which is not used yet."""
    return tmp_path / "other"


def exported(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    publish("notes", 1)
    assert call(capsys, "collections", "export", "notes", str(path))[0] == 0


def test_a_collection_is_the_same_in_another_workspace(
    other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    exported(capsys, tmp_path / "file")
    made = collections.live("notes")
    monkeypatch.setenv("LLM_FLOWS_HOME", str(other))
    assert call(capsys, "collections", "import", str(tmp_path / "file"))[2]["changed"] is True
    assert collections.live("notes") == made
    assert objects.load_array(made.vectors).tolist() == [[1, 1, 1], [1, 1, 1]]
    assert call(capsys, "store", "check")[0] == 0
    assert call(capsys, "collections", "import", str(tmp_path / "file"))[2]["changed"] is False
    assert list(other.glob(".tmp-*")) == []


def test_a_name_that_is_taken_asks_for_another_or_gets_a_generation(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "file")
    exported(capsys, tmp_path / "file")
    publish("notes", 2)
    assert housekeeping.main(["collections", "import", file]) == 2
    said = capsys.readouterr().err
    assert "notes is here already, as generation 2; say name=OTHER to keep both, or name=notes" in said
    assert call(capsys, "collections", "import", file, "name=notes")[2]["generation"] == 3
    assert call(capsys, "collections", "import", file, "name=copy")[2]["collection"] == "copy"
    assert [made.number for made in collections.history("notes")] == [1, 2, 3]


def test_a_damaged_object_is_named_and_nothing_is_written(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = publish("notes", 1)
    objects._verified.clear()
    damaged = home / "objects" / "vectors" / made.vectors.digest / "array.npy"
    flip(damaged)
    assert housekeeping.main(["collections", "export", "notes", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err.startswith(str(damaged))
    assert not (tmp_path / "file").exists()


def test_a_cut_file_is_one_line_and_leaves_the_workspace_as_it_was(
    other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    exported(capsys, file)
    file.write_bytes(file.read_bytes()[:-9])
    monkeypatch.setenv("LLM_FLOWS_HOME", str(other))
    assert housekeeping.main(["collections", "import", str(file)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert os.listdir(other) == []


def test_a_bucket_without_its_extra_is_one_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish("notes", 1)
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    assert housekeeping.main(["collections", "export", "notes", "s3://bucket/notes"]) == 2
    said = capsys.readouterr().err
    assert said == "s3:// is read and written by s3fs, which is not here; pip install 'llm-flows[s3]'\n"
    assert housekeeping.main(["collections", "import", "ftp://bucket/notes"]) == 2
    assert "give a path, or s3://BUCKET/KEY" in capsys.readouterr().err


def test_a_plan_states_what_pruning_by_size_then_removes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.tasks.launch.kept import age, array

    live = publish()
    loose = array(11)
    for folder in home.glob("objects/*/*"):
        age(folder, 3)
    assert housekeeping.main(["store", "prune", "gb=0"], dry=True) == 0
    planned = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert objects.path(loose).exists()
    status, lines, stated = call(capsys, "store", "prune", "gb=0")
    assert (status, planned["planned"], planned["freed_bytes"]) == (0, True, stated["freed_bytes"])
    assert (planned["over"], lines[1].split()[1:4]) == (1, ["GB", "are", "left:"])
    objects._verified.clear()
    assert objects.path(live.vectors).exists()
    assert not (home / "objects" / "vectors" / loose.digest).exists()


def test_the_trained_encoder_that_a_collection_needs_comes_with_it(
    other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = objects.save_files(TunedRef, lambda folder: (folder / "weights").write_bytes(b"w"), shape=(1,))
    trained = tuned.keep(
        TunedModel(name="zoo", task="embedder", model=weights, base="m", base_weights="w", data={"train": "d"}),
        release=True,
    )
    made = publish("notes", 1)
    encoder = made.fingerprint.encoder.model_copy(update={"model": trained.id})
    made = made.model_copy(update={"fingerprint": made.fingerprint.model_copy(update={"encoder": encoder})})
    collections.commit(made)
    assert call(capsys, "collections", "export", "notes", str(tmp_path / "file"))[2]["encoder"] == trained.id
    monkeypatch.setenv("LLM_FLOWS_HOME", str(other))
    assert call(capsys, "collections", "import", str(tmp_path / "file"))[2]["encoder"] == trained.id
    assert tuned.find(trained.id).model == weights
    assert (objects.path(weights) / "weights").read_bytes() == b"w"
    assert (other / "tuned" / "zoo" / "live").exists() is False  # no name is moved to a model of a stranger's
