"""A run that was given up and the one in its place never both publish (fault 39)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tasks.data.search import Generation
from tasks.store import collections
from tests.faults.conftest import ROOT, Job, check

pytestmark = [pytest.mark.flow, pytest.mark.faults, pytest.mark.timeout(400)]
STOPS_BEFORE_IT_PUBLISHES = """
import os, signal, sys
from tasks.store import collections
publish = collections.commit
def stop(*made, **more):
    os.kill(os.getpid(), signal.SIGSTOP)
    return publish(*made, **more)
collections.commit = stop
from flows.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of documents whose collection is called `town`."""
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "home"))
    folder = tmp_path / "town"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number}.txt").write_text(f"House {number} was built of stone in {1700 + number}.", "utf-8")
    return folder


def build(job: Callable[..., Job], source: Path) -> Job:
    return job(source.parent / "home", f"source.path={source}", "topics=null")


@contextmanager
def stopped(job: Callable[..., Job], source: Path) -> Iterator["subprocess.Popen[str]"]:
    """Start a run over the source and wait until it has stopped right before it publishes."""
    asked = build(job, source)
    command = [sys.executable, "-c", STOPS_BEFORE_IT_PUBLISHES, *asked.words]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=ROOT, env=dict(asked.environment), stdout=pipe, stderr=pipe, text=True
    ) as process:
        try:
            end = time.monotonic() + 250
            while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
                assert process.poll() is None, process.communicate()[1][-2_000:]
                assert time.monotonic() < end
                time.sleep(0.2)
            yield process
        finally:
            process.kill()


def go_on(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Let a stopped run go on to its end; return its status, and what it said last."""
    os.kill(process.pid, signal.SIGCONT)
    _, err = process.communicate(timeout=250)
    return process.returncode, err.strip().splitlines()[-1]


def change(source: Path) -> None:
    (source / "0.txt").write_text("House 0 was pulled down, and a garden laid out in its place.", "utf-8")


def kept() -> list[Generation]:
    return collections.history("town")


def test_a_run_that_wakes_when_another_has_published_is_told_so_and_publishes_nothing(
    job: Callable[..., Job], source: Path
) -> None:
    with stopped(job, source) as given_up:
        change(source)
        replacement = build(job, source).run()
        assert "works on collection town too" in replacement["result"]["also_building"]["said"]
        status, said = go_on(given_up)
    assert status == 1
    assert said.startswith(f"collection town is now what run {replacement['flow_run_id']} (began ")
    assert "run again to build anew, stored steps are not computed again" in said
    (only,) = kept()
    assert only.documents.digest == replacement["refs"]["collection.documents"]["digest"]
    assert check(source.parent / "home")["damaged"] == []


def test_a_run_that_wakes_while_another_works_lets_it_go_first(job: Callable[..., Job], source: Path) -> None:
    with stopped(job, source) as given_up:
        change(source)
        with stopped(job, source) as replacement:
            os.kill(given_up.pid, signal.SIGCONT)
            time.sleep(3)
            assert collections.names() == []
            status, _ = go_on(replacement)
        _, err = given_up.communicate(timeout=250)
    assert (status, given_up.returncode) == (0, 1)
    assert "began after this run; it goes first" in err
    assert err.strip().splitlines()[-1].startswith("collection town is now what run ")
    assert len(kept()) == 1


def test_where_the_replacement_is_killed_the_first_publishes(job: Callable[..., Job], source: Path) -> None:
    with stopped(job, source) as first:
        change(source)
        with stopped(job, source) as replacement:
            os.kill(first.pid, signal.SIGCONT)
            time.sleep(1)
            replacement.kill()
            replacement.wait()
        _, err = first.communicate(timeout=250)
    assert first.returncode == 0, err[-2_000:]
    assert len(kept()) == 1


def test_an_unchanged_source_makes_equal_generations_and_neither_is_refused(
    job: Callable[..., Job], source: Path
) -> None:
    with stopped(job, source) as first:
        build(job, source).run()
        assert go_on(first)[0] == 0
    assert len(kept()) == 1
