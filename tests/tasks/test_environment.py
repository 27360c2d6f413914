"""What a run says of the code, the libraries and the machine it ran with."""

import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from tasks import environment as known
from tasks.environment import commit, environment, revision

ROOT = Path(__file__).parents[2]


def test_the_commit_is_that_of_the_checkout() -> None:
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    assert commit() == subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def test_a_revision_says_that_files_were_changed_since_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True)

    (tmp_path / "tasks").mkdir()
    (tmp_path / "read.txt").write_text("first", "utf-8")
    monkeypatch.setattr(known, "__file__", str(tmp_path / "tasks" / "environment.py"))
    assert revision() == ""
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    assert revision() == commit()[:12] != ""
    (tmp_path / "read.txt").write_text("second", "utf-8")
    assert revision() == f"{commit()[:12]}+changed"


def test_libraries_and_machine_are_named() -> None:
    stated = environment()
    assert stated["libraries"]["torch"] == metadata.version("torch")
    assert {"system", "python", "processor", "cores", "memory_gb"} <= stated["machine"].keys()
