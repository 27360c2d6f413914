"""Runs of a deployment whose process, worker or server is killed: what becomes of them, and a rerun finishes them.

`TRIALS` in the environment is how often each is killed, once if it is not set; `--log-cli-level=INFO` shows the times.
"""

import contextlib
import hashlib
import logging
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings

from tasks.data.search import Generation
from tasks.launch.prefect_server import free_port
from tasks.store import collections
from tests.faults.conftest import write_documents
from tests.flows.test_operations import Site, stop

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.flow, pytest.mark.faults, pytest.mark.timeout(1_200)]
trials = pytest.mark.parametrize("trial", range(int(os.environ.get("TRIALS", "1"))))
DOCUMENTS = 600
OUTAGE_S = 90.0
AT_ONCE_S = 30.0
log = logging.getLogger(__name__)
CONFIG: dict[str, Any] = {"embed": {"precision": "fp32", "shards": {"tokens": 2_000}}, "topics": None}


class Servers(Site):
    """A site whose servers and worker can be killed and started again."""

    def serve(self) -> subprocess.Popen[bytes]:
        """Start the servers and wait until they are noted."""
        port = self.url.split(":")[2].removesuffix("/api")
        (self.home / "server.json").unlink(missing_ok=True)
        process = self.start("ui.log", "deployments.ui", "--prefect-port", port, "--mlflow-port", str(free_port()))
        while not (self.home / "server.json").exists():
            assert process.poll() is None, (self.folder / "ui.log").read_text()
            time.sleep(0.2)
        return process

    @contextlib.contextmanager
    def working(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run a worker while the context is open."""
        process = self.start("worker.log", "deployments.worker", PREFECT_WORKER_QUERY_SECONDS="1")
        try:
            yield process
        finally:
            stop(process, wait_s=5)

    def build(self, source: Path) -> FlowRun:
        """Launch a build of a folder and wait until it encodes."""
        stated = {"kind": "files", "path": str(source)}
        run = self.launch("knowledge-base/knowledge-base", source=stated, collection=source.name, config=CONFIG)
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
        end = time.monotonic() + 120
        while not any(
            one.name.startswith("embed-shard") for one in self.client.read_task_runs(flow_run_filter=wanted)
        ):
            assert time.monotonic() < end, (self.folder / "worker.log").read_text()[-2_000:]
            time.sleep(0.2)
        time.sleep(random.Random(source.name).uniform(0, 2))
        return run

    def ended(self, run: UUID, wait_s: float) -> tuple[str, float, str]:
        """Wait for the end of a run; return its state, after how many seconds, and what the state says."""
        started = time.monotonic()
        found = self.until(run, lambda one: one.state is not None and one.state.is_final(), wait_s)
        assert found.state is not None
        return found.state_name or "", time.monotonic() - started, found.state.message or ""

    def processes(self, run: UUID) -> list[psutil.Process]:
        """Return the processes that run a flow run, those of its own included."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("PREFECT__FLOW_RUN_ID") == str(run):
                    found.append(process)
        return found

    def rebuilt(self, source: Path, monkeypatch: pytest.MonkeyPatch) -> Generation:
        """Launch a build again, to its end; return what is live then."""
        stated = {"kind": "files", "path": str(source)}
        run = self.launch("knowledge-base/knowledge-base", source=stated, collection=source.name, config=CONFIG)
        state, _, why = self.ended(run.id, 400)
        assert state == "Completed", why
        return self.live(source, monkeypatch)

    def live(self, source: Path, monkeypatch: pytest.MonkeyPatch) -> Generation:
        """Return the live generation of a folder's collection."""
        monkeypatch.setenv("LLM_FLOWS_HOME", str(self.home))
        return collections.live(source.name)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Return where the servers run that a test starts and kills."""
    folder = tmp_path_factory.mktemp("killed")
    (folder / "home").mkdir()
    (folder / "workspace").mkdir(mode=0o700)
    url = f"http://127.0.0.1:{free_port()}/api"
    with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
        yield Servers(folder, url, client)


@pytest.fixture(scope="module")
def servers(site: Servers) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run the servers with one deployment; the last of the list is the one that runs."""
    running = [site.serve()]
    site.run("deployments.deploy", "knowledge-base")
    yield running
    stop(running[-1])


@pytest.fixture
def worker(site: Servers, servers: list[subprocess.Popen[bytes]]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker for one test."""
    with site.working() as process:
        yield process


@pytest.fixture
def source(tmp_path: Path, request: pytest.FixtureRequest, trial: int) -> Path:
    """Return a folder of documents that no other test has."""
    kind = hashlib.sha256(request.node.name.encode()).hexdigest()[:8]
    folder = tmp_path / f"parish-{kind}-{trial}"
    folder.mkdir()
    write_documents(folder, DOCUMENTS, folder.name)
    return folder


@pytest.fixture
def unbroken(site: Servers, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Generation]:
    """Return a function that builds the folder in another workspace, undisturbed; it returns what is live there."""

    def build() -> Generation:
        home = tmp_path / "unbroken"
        words = ["knowledge-base", "source.kind=files", f"source.path={source}", f"collection={source.name}"]
        words += ["embed.precision=fp32", "embed.shards.tokens=2000", "topics=null"]
        environment = site.shell(LLM_FLOWS_HOME=str(home), PREFECT_API_URL=site.url)
        command = [sys.executable, "-m", "flows", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=500
        )
        assert done.returncode == 0, done.stderr[-2_000:]
        monkeypatch.setenv("LLM_FLOWS_HOME", str(home))
        return collections.live(source.name)

    return build


def kill(*processes: psutil.Process) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def whole(started: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return a process with all below it, which is killed first."""
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(started.pid)
        return [parent, *parent.children(recursive=True)]
    return []


@trials
def test_a_flow_process_that_is_killed_is_crashed_at_once(
    site: Servers, worker: subprocess.Popen[bytes], source: Path, unbroken: Callable[[], Generation],
    monkeypatch: pytest.MonkeyPatch, trial: int,
) -> None:  # fmt: skip
    run = site.build(source)
    kill(*site.processes(run.id))
    state, seconds, why = site.ended(run.id, AT_ONCE_S)
    log.info("flow killed: %s after %.1f s: %s", state, seconds, why)
    assert state == "Crashed"
    assert site.rebuilt(source, monkeypatch) == unbroken()


@trials
def test_what_becomes_of_a_run_whose_worker_alone_is_killed(
    site: Servers, worker: subprocess.Popen[bytes], source: Path, unbroken: Callable[[], Generation],
    monkeypatch: pytest.MonkeyPatch, trial: int,
) -> None:  # fmt: skip
    run = site.build(source)
    worker.kill()
    state, seconds, why = site.ended(run.id, 400)
    log.info("worker killed: %s after %.1f s: %s", state, seconds, why)
    assert (state, why) == ("Crashed", "Execution was aborted by Python system exit call.")
    with site.working():
        assert site.rebuilt(source, monkeypatch) == unbroken()


@trials
def test_worker_and_flow_that_are_killed_together_are_crashed_within_the_stated_time(
    site: Servers, worker: subprocess.Popen[bytes], source: Path, unbroken: Callable[[], Generation],
    monkeypatch: pytest.MonkeyPatch, trial: int,
) -> None:  # fmt: skip
    run = site.build(source)
    kill(*whole(worker), *site.processes(run.id))
    state, seconds, why = site.ended(run.id, 400)
    log.info("worker and flow killed: %s after %.1f s: %s", state, seconds, why)
    assert state == "Crashed"
    with site.working():
        assert site.rebuilt(source, monkeypatch) == unbroken()


@trials
def test_a_server_that_is_gone_for_a_while_does_not_crash_a_run_that_works(
    site: Servers, servers: list[subprocess.Popen[bytes]], worker: subprocess.Popen[bytes], source: Path,
    unbroken: Callable[[], Generation], monkeypatch: pytest.MonkeyPatch, trial: int,
) -> None:  # fmt: skip
    run = site.build(source)
    killed = whole(servers[-1])
    kill(*killed)
    psutil.wait_procs(killed, 10)
    time.sleep(OUTAGE_S)
    servers.append(site.serve())
    back = site.client.read_flow_run(run.id)
    assert back.state is not None
    assert back.state_name == "Running"
    state, seconds, why = site.ended(run.id, 400)
    log.info("server gone for %.0f s: %s %.1f s after its return: %s", OUTAGE_S, state, seconds, why)
    assert state == "Completed"
    again = site.rebuilt(source, monkeypatch)  # by the worker that was there all the time
    assert worker.poll() is None
    assert again == unbroken()
