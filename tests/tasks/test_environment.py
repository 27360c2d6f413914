"""What a run says of the code, the libraries and the machine it ran with."""

import os
import subprocess
import sys
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


@pytest.mark.parametrize("stated", [None, "ACTIVE"])
def test_idle_threads_sleep_unless_the_user_says_otherwise(stated: str | None) -> None:
    known = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    asked = "import os, sys, tasks; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    environment = known if stated is None else {**known, "OMP_WAIT_POLICY": stated}
    done = subprocess.run([sys.executable, "-c", asked], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.split() == [stated or "PASSIVE", "False"]
