"""Two runs at once over one fresh workspace: both succeed, one set of objects, one intact MLflow store (fault 21)."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import Job, check
from tests.faults.test_kill import statuses

pytestmark = [pytest.mark.flow, pytest.mark.timeout(280)]


def run_two(job: Callable[..., Job], home: Path, **more: str) -> None:
    pair = [job(home, "topics=null", **more).start() for _ in range(2)]
    stated = []
    for process in pair:
        out, err = process.communicate(timeout=250)
        assert process.returncode == 0, err[-2_000:]
        stated.append(json.loads(out.splitlines()[-1]))
    first, second = stated
    assert first["refs"] == second["refs"]
    of_each = ("changes", "gate", "also_building")  # the second may find the first at work, or its generation live
    same = [{name: value for name, value in run["result"].items() if name not in of_each} for run in stated]
    assert same[0] == same[1]
    assert first["metrics"]["passages" if "passages" in first["metrics"] else "tokenize-chunk.passages"] > 0
    for kind in ("documents", "passages", "dense-index", "sparse-index"):
        assert len(list((home / "objects" / kind).iterdir())) == 1
    # Of all passages, of those looked for again, and of the questions that the threshold is fitted on.
    assert len(list((home / "objects" / "vectors").iterdir())) == 3
    assert check(home)["damaged"] == []
    assert statuses(home) == {"FINISHED"}
    once = first["metrics"]["embed-passages.encoded"] + second["metrics"].get("embed-passages.encoded", 0)
    assert once >= first["refs"]["collection.passages"]["rows"]


@pytest.mark.faults
def test_two_runs_at_once_on_a_fresh_workspace_both_succeed(job: Callable[..., Job], tmp_path: Path) -> None:
    run_two(job, tmp_path / "home")


@pytest.mark.faults
@pytest.mark.parametrize("_round", range(20))
def test_two_runs_at_once_succeed_every_time(_round: int, job: Callable[..., Job], tmp_path: Path) -> None:
    run_two(job, tmp_path / "home")


@pytest.mark.faults
def test_two_runs_with_servers_of_their_own_both_succeed(job: Callable[..., Job], tmp_path: Path) -> None:
    run_two(job, tmp_path / "home", PREFECT_API_URL="", HOME=str(tmp_path))
