"""A run that is killed at any moment is finished by running it again: same digests, finished shards kept.

Faults 1 (ingest), 3 (embed), 4 (index), 5 (reduce, cluster) and 28 (a run left open in MLflow).
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import psutil
import pytest

from tests.faults.conftest import Job, check

pytestmark = [pytest.mark.flow, pytest.mark.timeout(280)]
SEED = 20261124
Unbroken = dict[tuple[str, ...], tuple[dict[str, Any], float]]


@pytest.fixture(scope="module")
def unbroken() -> Unbroken:
    """Keep what runs that nobody disturbed have stated, and their seconds, by what was asked for."""
    return {}


def kill_and_finish(
    job: Callable[..., Job], tmp_path: Path, unbroken: Unbroken, moments: list[float], *words: str
) -> None:
    """Kill one run after another at shares of the time an unbroken one takes; the last must end as that one did."""
    if words not in unbroken:
        started = time.monotonic()
        stated = job(tmp_path / "unbroken", *words).run()
        unbroken[words] = stated, time.monotonic() - started
    expected, seconds = unbroken[words]

    home = tmp_path / "killed"
    broken = job(home, *words)
    for moment in moments:
        process = broken.start()
        time.sleep(seconds * moment)
        process.kill()
        process.communicate()
        assert check(home)["damaged"] == []
    kept = vectors_in(home)

    again = broken.run()
    assert again["refs"] == expected["refs"]
    encoded = again["metrics"].get("embed-passages.encoded", 0)
    assert encoded + kept == expected["metrics"]["embed-passages.encoded"]
    assert check(home)["damaged"] == []
    assert statuses(home) <= {"FINISHED", "KILLED"}


def vectors_in(home: Path) -> int:
    """Count the cached vectors of passages; queries add none here, where there are no questions."""
    return sum(len(np.load(path)) for path in home.glob("items/*/[!.]*/keys.npy"))


def statuses(home: Path) -> set[str]:
    client = mlflow.MlflowClient(f"sqlite:///{home / 'mlflow' / 'mlflow.db'}")
    experiments = [e.experiment_id for e in client.search_experiments()]
    return {run.info.status for run in client.search_runs(experiments)}


MOMENTS = [round(random.Random(SEED + n).uniform(0.25, 1.0), 3) for n in range(10)]


@pytest.mark.faults
def test_a_run_killed_three_times_is_finished_by_the_next(
    job: Callable[..., Job], tmp_path: Path, unbroken: Unbroken
) -> None:
    kill_and_finish(job, tmp_path, unbroken, sorted(MOMENTS[:3]), "topics=null")


@pytest.mark.faults
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_with_topics_killed_is_finished_by_the_next(
    moment: float, job: Callable[..., Job], tmp_path: Path, unbroken: Unbroken
) -> None:
    kill_and_finish(job, tmp_path, unbroken, [moment])


@pytest.mark.faults
def test_a_temporary_server_ends_when_its_run_is_killed(job: Callable[..., Job], tmp_path: Path) -> None:
    alone = job(tmp_path / "home", "topics=null", PREFECT_API_URL="", HOME=str(tmp_path))
    process = alone.start()
    server = wait_for_server(process)
    process.kill()
    process.communicate()
    gone, alive = psutil.wait_procs([server], timeout=20)
    assert alive == []
    assert gone[0].pid == server.pid


def wait_for_server(process: "subprocess.Popen[str]") -> psutil.Process:
    """Wait for the child that serves Prefect's API."""
    for _ in range(600):
        for child in psutil.Process(process.pid).children(recursive=True):
            if "tasks.launch.prefect_server" in child.cmdline():
                return child
        time.sleep(0.1)
    raise AssertionError("no temporary server was started")


@pytest.mark.faults
def test_an_interrupted_run_says_how_to_go_on_and_ends_with_status_130(
    job: Callable[..., Job], workspace: Path
) -> None:
    process = job(workspace, "topics=null").start()
    while not (workspace / "steps").exists() and process.poll() is None:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "run the same command again to continue" in err.splitlines()[-1]
