"""A workspace that was backed up, and a collection that was exported, answer the same in another place."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
QUESTIONS = ("When is bread baked?", "Wann faehrt der Nachtzug?", "What is the mass of the moon?")
pytestmark = [pytest.mark.flow, pytest.mark.long, pytest.mark.timeout(500)]


@pytest.fixture
def shell(prefect_server: str) -> Callable[..., dict[str, Any]]:
    """Return a function that runs a command over a workspace; it returns the JSON of its last line."""

    def run(home: Path, *words: str) -> dict[str, Any]:
        environment = {**os.environ, "LLM_FLOWS_HOME": str(home), "PREFECT_API_URL": prefect_server}
        environment.pop("MLFLOW_TRACKING_URI", None)
        command = [sys.executable, "-m", "flows", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=200
        )
        assert done.returncode == 0, done.stderr[-2_000:]
        stated: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return stated

    return run


def test_questions_get_the_same_answers_where_it_was_restored_and_where_it_was_imported(
    shell: Callable[..., dict[str, Any]], searchable: Path, tmp_path: Path
) -> None:
    home = searchable.parent / "workspace"
    expected = [shell(home, "rag-answers", f"question={one}")["result"] for one in QUESTIONS]
    assert [bool(one["citations"]) for one in expected][::2] == [True, False]

    shell(home, "store", "backup", str(tmp_path / "all"))
    shell(home, "collections", "export", "notes", str(tmp_path / "one"))
    restored, imported = tmp_path / "restored", tmp_path / "imported"
    assert shell(restored, "store", "restore", str(tmp_path / "all"))["databases"]
    shell(imported, "collections", "import", str(tmp_path / "one"))
    searchable.rename(tmp_path / "gone")  # neither needs the source to answer
    for place in (restored, imported):
        assert [shell(place, "rag-answers", f"question={one}")["result"] for one in QUESTIONS] == expected
        assert shell(place, "store", "check")["damaged"] == []
