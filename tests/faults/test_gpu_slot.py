"""Runs that share one slot of a GPU that is not there: their inputs say that they compute on one."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments import ui
from tasks.launch.prefect_server import free_port, healthy
from tasks.runtime.accelerator import LEASE_S
from tests.faults.conftest import ROOT

pytestmark = [pytest.mark.flow, pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(400)]
REAPED_S = 15.0  # how often Prefect looks for leases that have ended
Said = list[dict[str, Any]]


@dataclass
class Shared:
    """A Prefect server, as `make ui` starts it, and the runs that use it."""

    folder: Path
    port: int = field(default_factory=free_port)
    server: "subprocess.Popen[bytes] | None" = None
    runs: "list[subprocess.Popen[str]]" = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PREFECT_HOME": str(self.folder / "prefect"),
                "LLM_FLOWS_HOME": str(self.folder / "home"),
                "PREFECT_API_URL": self.url, "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": ui.LEASES,
                "PREFECT_SERVER_SERVICES_REPOSSESSOR_ENABLED": "true"}  # fmt: skip

    def serve(self) -> None:
        command = [sys.executable, "-m", "deployments.server", "--host", "127.0.0.1", "--port", str(self.port)]
        with (self.folder / "server.log").open("ab") as log:
            self.server = subprocess.Popen(command, cwd=ROOT, env=self.environment(), stdout=log, stderr=log)
        end = time.monotonic() + 120
        while not healthy(self.url):
            assert time.monotonic() < end, (self.folder / "server.log").read_text()[-2_000:]
            time.sleep(0.2)

    def limit(self, count: int) -> None:
        with temporary_settings({PREFECT_API_URL: self.url}), get_client(sync_client=True) as client:
            client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name="gpu", limit=count))

    def start(self, who: str, rounds: int, cpu_s: float, gpu_s: float) -> "subprocess.Popen[str]":
        words = [sys.executable, "-m", "tests.faults.gpu_flow", who, str(rounds), str(cpu_s), str(gpu_s)]
        run = subprocess.Popen(words, cwd=ROOT, env=self.environment(), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
        self.runs.append(run)
        return run


def until_it_computes(run: "subprocess.Popen[str]") -> float:
    """Wait for the first span on the GPU; return when it began."""
    assert run.stdout is not None
    for line in run.stdout:
        if '"began"' in line and "torch-cuda" in line:
            return float(json.loads(line)["began"])
    raise AssertionError(run.communicate()[1][-2_000:])


def ended(run: "subprocess.Popen[str]") -> tuple[Said, str]:
    """Return what a run said on both streams; it must have ended well."""
    out, err = run.communicate(timeout=350)
    assert run.returncode == 0, err[-3_000:]
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")], err


def spans(said: Said, engine: str) -> list[tuple[float, float]]:
    return [tuple(one["span"]) for one in said if one.get("engine") == engine and "span" in one]


def overlapping(some: list[tuple[float, float]], others: list[tuple[float, float]]) -> int:
    return sum(a < d and c < b for a, b in some for c, d in others)


@pytest.fixture
def shared(tmp_path: Path, prefect_tables: Path) -> Iterator[Shared]:
    shutil.copytree(prefect_tables, tmp_path / "prefect")
    (tmp_path / "home").mkdir(mode=0o700)
    made = Shared(tmp_path)
    made.serve()
    yield made
    for process in (*made.runs, made.server):
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()


def test_two_runs_take_turns_on_one_slot_and_their_other_steps_overlap(shared: Shared) -> None:
    shared.limit(1)
    runs = [shared.start(who, 4, 1.5, 1.5) for who in ("a", "b")]
    (first, log), (second, other) = map(ended, runs)
    on_gpu = [spans(said, "torch-cuda") for said in (first, second)]
    on_cpu = [spans(said, "torch-cpu") for said in (first, second)]
    assert [len(one) for one in (*on_gpu, *on_cpu)] == [4] * 4
    assert overlapping(*on_gpu) == 0
    assert overlapping(on_cpu[0], on_gpu[1]) + overlapping(on_cpu[1], on_gpu[0]) > 0
    waited = sum(value for said in (first, second) for value in said[-1]["waits"].values())
    assert waited > 0.5
    assert "for the GPU slot" in log + other
    for said in (first, second):  # 4 times 3 s; what was waited for is no part of it
        assert 12 <= said[-1]["computed"] < 12 + 4


def test_without_a_limit_nobody_waits(shared: Shared) -> None:
    runs = [shared.start(who, 1, 0, 6) for who in ("a", "b")]
    (first, log), (second, other) = map(ended, runs)
    assert not first[-1]["waits"]
    assert not second[-1]["waits"]
    assert "GPU slot" not in log + other
    assert overlapping(spans(first, "torch-cuda"), spans(second, "torch-cuda")) == 1


def test_a_killed_holder_frees_its_slot_within_the_stated_time(shared: Shared) -> None:
    shared.limit(1)
    holder = shared.start("a", 1, 0, 600)
    until_it_computes(holder)
    waiting = shared.start("b", 1, 0, 0.1)
    time.sleep(20)  # it waits, and the holder has renewed its lease
    holder.kill()
    killed = time.time()
    took = until_it_computes(waiting) - killed
    said, _ = ended(waiting)
    assert 0 < took < LEASE_S + REAPED_S + 10, took
    assert sum(said[-1]["waits"].values()) > took
    sys.stderr.write(f"free {took:.1f} s after the kill\n")


def test_a_server_that_was_killed_and_came_back_leaves_no_slot_taken(shared: Shared) -> None:
    shared.limit(1)
    holder = shared.start("a", 1, 0, 45)
    until_it_computes(holder)
    assert shared.server is not None
    shared.server.kill()
    shared.server.wait()
    time.sleep(10)
    shared.serve()
    waiting = shared.start("b", 1, 0, 0.1)
    said, log = ended(holder)
    began = until_it_computes(waiting)
    assert 0 <= began - spans(said, "torch-cuda")[0][1] < 15
    assert "lost" not in log
    ended(waiting)
