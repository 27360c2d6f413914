"""Servers, deployments, schedules and a worker, as the documentation says: each command in a plain shell."""

import contextlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import mlflow
import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, GlobalConcurrencyLimitUpdate
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.deployments import run_deployment
from prefect.settings import PREFECT_API_URL, temporary_settings

from configs.signatures import flow_cards
from deployments.deploy import stated
from tasks import hardware
from tasks.launch.prefect_server import free_port
from tests.flows.test_page import CHROMIUM

ROOT = Path(__file__).parents[2]
LATE_S = 30.0
pytestmark = [pytest.mark.flow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Site:
    """Servers of `make ui` over a workspace, and a worker."""

    folder: Path
    url: str
    client: SyncPrefectClient

    @property
    def home(self) -> Path:
        """The workspace."""
        return self.folder / "workspace"

    def shell(self, **more: str) -> dict[str, str]:
        """Return the environment of a plain shell: no address of any server."""
        stated = {"HOME": str(self.folder / "home"), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        stated["PYTHONPATH"] = str(ROOT)  # else the runs of a worker are those of the checkout that is installed
        return {**stated, "LLM_FLOWS_HOME": str(self.home), "OMP_NUM_THREADS": "1", **more}

    def run(self, *words: str, status: int = 0) -> str:
        """Run a module of Python to its end; return what it printed."""
        command = [sys.executable, "-m", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self.shell(), capture_output=True, text=True, check=False, timeout=400
        )
        assert done.returncode == status, done.stdout[-2_000:] + done.stderr[-2_000:]
        return done.stdout + done.stderr

    def start(self, log: str, *words: str, **more: str) -> subprocess.Popen[bytes]:
        """Start a module of Python that stays; its output goes into a file."""
        with (self.folder / log).open("wb") as file:
            command = [sys.executable, "-m", *words]
            return subprocess.Popen(command, cwd=ROOT, env=self.shell(**more), stdout=file, stderr=subprocess.STDOUT)

    def launch(self, deployment: str, **parameters: Any) -> FlowRun:
        """Ask for a run of a deployment, as the form of the UI does."""
        return run_deployment(deployment, parameters=parameters, timeout=0)  # type: ignore[return-value]

    def until(self, run_id: UUID, reached: Callable[[FlowRun], bool], wait_s: float = 150) -> FlowRun:
        """Wait until a run is as it should be."""
        end = time.monotonic() + wait_s
        while not reached(found := self.client.read_flow_run(run_id)):
            assert time.monotonic() < end, f"{found.state_name}\n{(self.folder / 'worker.log').read_text()[-2_000:]}"
            time.sleep(0.3)
        return found

    def logs(self, run_id: UUID) -> list[tuple[int, str]]:
        """Return level and text of every message of a run, its tasks included; they arrive seconds after its end."""
        wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id]))
        for _ in range(60):
            found = [(one.level, one.message) for one in self.client.read_logs(wanted, limit=200)]
            if any(level >= logging.ERROR or message.startswith("Finished in") for level, message in found):
                break
            time.sleep(0.5)
        return found

    def in_mlflow(self, run_id: UUID) -> Any:
        """Return the MLflow run of a flow run."""
        store = mlflow.MlflowClient(f"sqlite:///{self.home / 'mlflow' / 'mlflow.db'}")
        every = [experiment.experiment_id for experiment in store.search_experiments()]
        (found,) = store.search_runs(every, f"tags.`prefect.flow_run_id` = '{run_id}'")
        return found


def stop(process: subprocess.Popen[bytes], wait_s: float = 120) -> None:
    """End servers or a worker; what has not ended in time, as a worker that waits for a run, is killed with it."""
    started = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        process.wait(wait_s)
    except subprocess.TimeoutExpired:
        for one in (*started, process):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, prefect_tables: Path, mlflow_tables: Path) -> Iterator[Site]:
    """Start the servers of `make ui`; no message of theirs may be an error."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "home").mkdir()
    (folder / "workspace").mkdir(mode=0o700)
    for tables in (prefect_tables, mlflow_tables):  # tests of the launcher and of faults start with none
        shutil.copytree(tables, folder / "workspace" / tables.name)
    url = f"http://127.0.0.1:{free_port()}/api"
    with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
        started = Site(folder, url, client)
        ports = ["--prefect-port", url.split(":")[2].removesuffix("/api"), "--mlflow-port", str(free_port())]
        scheduler = {"PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2"}
        servers = started.start("ui.log", "deployments.ui", *ports, **scheduler)
        while not (started.home / "server.json").exists():
            assert servers.poll() is None, (folder / "ui.log").read_text()
            time.sleep(0.1)
        yield started
        stop(servers)
    said = (folder / "ui.log").read_text()
    errors = [line for line in said.splitlines() if re.search(r"\bERROR\b", line)]
    # A heartbeat that SQLite could not take in time is repeated; where others have the cores, one or two are late.
    assert not [line for line in errors if "heartbeat" not in line], said[-3_000:]


@pytest.fixture(scope="module")
def deployed(site: Site) -> str:
    """Deploy each flow and what is run here, at once after the servers were started; return what was printed."""
    return site.run("deployments.deploy", "docs-nightly", "tokenizer-report-quick", *flow_cards())


@pytest.fixture(scope="module")
def worker(site: Site, deployed: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker."""
    process = site.start("worker.log", "deployments.worker", PREFECT_WORKER_QUERY_SECONDS="1")
    yield process
    stop(process, wait_s=5)


def described(schema: dict[str, Any]) -> dict[str, str]:
    """Return dotted field to help for every field of a form but `kind`."""
    definitions = schema.get("definitions") or schema.get("$defs") or {}
    return {
        f"{model}.{name}": str(field.get("description", ""))
        for model, definition in definitions.items()
        for name, field in definition.get("properties", {}).items()
        if name != "kind"
    }


def test_one_command_in_a_plain_shell_deploys_flows_with_forms_that_explain_themselves(
    site: Site, deployed: str
) -> None:
    assert f"pool cpu: made, workspace {site.home}" in deployed
    assert "docs-nightly: made, schedule nightly 0 3 * * * UTC off" in deployed
    found = site.client.read_deployments()
    names = [one.name for one in found]
    assert "limit gpu: made, 1 at a time" in deployed
    made = [
        line
        for line in deployed.splitlines()
        if ": made" in line and not line.startswith(("pool ", "limit ", "automation "))
    ]
    assert len(names) == len(set(names)) == len(made)
    assert set(flow_cards()) < set(names)
    assert all(
        one.description and one.tags and re.fullmatch(r"[0-9a-f]{12}(\+changed)?", one.version or "") for one in found
    )
    helps = described(next(one for one in found if one.name == "knowledge-base").parameter_openapi_schema or {})
    assert len(helps) > 30
    assert [name for name, words in helps.items() if not words] == []


@pytest.mark.long
def test_deploying_again_keeps_the_schedules_a_person_set(site: Site, deployed: str) -> None:
    name = "knowledge-base/docs-nightly"
    one = site.client.read_deployment_by_name(name)
    site.client.update_deployment_schedule(one.id, one.schedules[0].id, active=True)
    weekly = CronSchedule(cron="0 5 * * 1", timezone="Europe/Berlin")
    site.client.create_deployment_schedules(one.id, [(weekly, True)])
    site.client.update_deployment(one.id, DeploymentUpdate(paused=True, description="as I like it"))
    said = site.run("deployments.deploy", "docs-nightly")
    assert (
        "docs-nightly: brought up to date, still paused, description set to what the files say, schedule kept" in said
    )
    assert site.client.read_deployment_by_name(name).paused
    site.client.update_deployment(one.id, DeploymentUpdate(paused=False))
    assert "schedule kept: nightly 0 3 * * * UTC on" in said
    kept = site.client.read_deployment_by_name(name)
    assert sorted((s.schedule.cron, s.active) for s in kept.schedules) == [("0 3 * * *", True), ("0 5 * * 1", True)]
    site.run("deployments.deploy", "docs-nightly", "--reset-schedules")
    back = site.client.read_deployment_by_name(name)
    assert [(s.slug, s.schedule.cron, s.active) for s in back.schedules] == [("nightly", "0 3 * * *", False)]


def test_a_name_that_is_no_deployment_is_refused_with_those_there_are(site: Site, deployed: str) -> None:
    said = site.run("deployments.deploy", "knowledge-bse", status=2)
    assert said.startswith("there is no deployment 'knowledge-bse'; perhaps knowledge-base")


def test_a_second_call_says_what_runs_and_refuses_other_ports(site: Site, deployed: str) -> None:
    noted = json.loads((site.home / "server.json").read_text())["value"]
    port, other = (noted[name].split(":")[2].removesuffix("/api") for name in ("prefect", "mlflow"))
    said = site.run("deployments.ui", "--prefect-port", port, "--mlflow-port", other)
    assert said.startswith(f"make ui runs already over the workspace {site.home}, process {noted['process']}: Prefect")
    assert said.count("(answers)") == 2
    said = site.run("deployments.ui", "--prefect-port", str(free_port()), "--mlflow-port", other, status=2)
    assert f"end process {noted['process']} first" in said
    assert (site.home / "server.json").exists()


def test_a_worker_runs_the_main_job_says_what_steps_did_and_its_page_opens_from_the_ui(
    site: Site, worker: subprocess.Popen[bytes], notes: Path
) -> None:
    (notes / "empty.txt").write_bytes(b"")
    source = {"kind": "files", "path": str(notes)}
    config = {"embed": {"precision": "fp32"}, "topics": None}
    started = site.launch("knowledge-base/knowledge-base", source=source, config=config)
    ended = site.until(started.id, lambda run: run.state is not None and run.state.is_final())
    assert ended.state_name == "Completed"
    assert re.fullmatch(r"knowledge-base notes · \d\d [A-Z][a-z]{2} \d\d:\d\d", ended.name)
    said = [message for _, message in site.logs(started.id)]
    assert any(re.fullmatch(r"tokenize-chunk: 5 passages, \d+\.\d s", message) for message in said), said
    assert not [message for message in said if message.startswith("Finished in state Completed(type")]
    tasks = site.client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[started.id])))
    assert "index-sparse bm25" in {task.name for task in tasks}
    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[started.id]))
    found = {str(a.key): a for a in site.client.read_artifacts(artifact_filter=wanted)}
    assert "empty.txt" in str(found["knowledge-base-rejected"].data)
    link = re.search(r"\((http\S+)\)", str(found["knowledge-base-report"].data))
    run = site.in_mlflow(started.id)
    noted = json.loads((site.home / "server.json").read_text())["value"]
    assert link is not None
    assert link.group(1) == (
        f"{noted['mlflow']}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}/artifacts/report/index.html"
    )
    assert (Path(run.info.artifact_uri.removeprefix("file://")) / "report" / "index.html").stat().st_size > 5_000
    if CHROMIUM is not None:
        card = found["knowledge-base-report"]
        assert clicked(f"{site.url.removesuffix('/api')}/artifacts/artifact/{card.id}").startswith("notes")
    assert run.inputs.dataset_inputs[0].dataset.name == "notes"
    assert f"]({run.data.tags['prefect.url']})" in run.data.tags["mlflow.note.content"]
    assert str(started.id) in run.data.tags["prefect.url"]


def clicked(artifact: str) -> str:
    """Click the link of an artifact in the Prefect UI; return the heading of the page that MLflow then shows."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page()
        tab.set_default_timeout(90_000)
        tab.goto(artifact)
        link = tab.get_by_role("link", name="report of this run")
        with tab.context.expect_page() as found:  # it opens a tab of its own
            link.click()
        heading = found.value.frame_locator("iframe").locator("h1").first.inner_text(timeout=90_000)
        browser.close()
    return heading


def test_a_failure_of_ours_is_one_message_and_no_traceback(site: Site, worker: subprocess.Popen[bytes]) -> None:
    parameters = {"question": "Where is it?", "collection": "nowhere"}
    started = run_deployment("rag-answers/rag-answers", parameters=parameters, timeout=0, flow_run_name="mine")
    ended = site.until(started.id, lambda run: run.state is not None and run.state.is_final())
    assert (ended.state_name, ended.name) == ("Failed", "mine")
    errors = [message for level, message in site.logs(started.id) if level >= logging.ERROR]
    assert len(errors) == 1, errors
    assert "nowhere" in errors[0]
    assert "Traceback" not in "".join(message for _, message in site.logs(started.id))
    assert "Traceback" not in (site.folder / "worker.log").read_text()


@pytest.mark.long
@pytest.mark.skipif(hardware.has_gpu(), reason="there is a GPU here")
def test_a_run_on_the_pool_of_gpus_without_one_fails_at_once_and_its_limit_stays_as_a_person_set_it(
    site: Site, deployed: str
) -> None:
    site.client.update_global_concurrency_limit("gpu", GlobalConcurrencyLimitUpdate(limit=3))
    assert "limit gpu: kept, 3 at a time; 1 are stated here: prefect gcl update gpu --limit 1" in site.run(
        "deployments.deploy", "knowledge-base-gpu"
    )
    own = {"PREFECT_WORKER_QUERY_SECONDS": "1", "PYTHONPATH": str(ROOT)}  # the code here, wherever it is installed
    worker = site.start("gpu.log", "deployments.worker", "gpu", **own)
    try:
        started = site.launch("knowledge-base/knowledge-base-gpu")
        ended = site.until(started.id, lambda run: run.state is not None and run.state.is_final())
        errors = [message for level, message in site.logs(started.id) if level >= logging.ERROR]
    finally:
        stop(worker, wait_s=5)
    assert ended.state_name == "Failed"
    assert len(errors) == 1, errors
    assert "this run needs a GPU and torch sees none here" in errors[0]
    found = site.client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[started.id])))
    assert not found
    assert "Traceback" not in (site.folder / "gpu.log").read_text()


def test_cancelled_in_the_ui_is_cancelled_in_mlflow(site: Site, worker: subprocess.Popen[bytes]) -> None:
    config = {"generator": {"kind": "small"}}
    started = site.launch("chat-session/chat-session", config=config)
    site.until(started.id, lambda run: run.state is not None and run.state.is_paused())
    from prefect.states import Cancelling

    site.client.set_flow_run_state(started.id, Cancelling())
    ended = site.until(started.id, lambda run: run.state is not None and run.state.is_final())
    assert ended.state_name == "Cancelled"
    end = time.monotonic() + 30
    while (status := site.in_mlflow(started.id).info.status) == "RUNNING" and time.monotonic() < end:
        time.sleep(0.5)
    assert status == "KILLED"


def test_a_schedule_starts_a_run_on_time(site: Site, worker: subprocess.Popen[bytes]) -> None:
    soon = IntervalSchedule(interval=timedelta(seconds=10), anchor_date=datetime.now(UTC))
    assert max(scheduled(site, soon, 1, 100)) < LATE_S


@pytest.mark.long
def test_without_names_every_flow_and_every_preset_is_deployed(site: Site) -> None:
    said = site.run("deployments.deploy")
    found = [one.name for one in site.client.read_deployments(limit=200)]
    assert sorted(found) == sorted(one.name for one in stated())
    assert f"{len(found)} deployments at" in said
    assert "set to what the files say" not in site.run("deployments.deploy")


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_schedule_of_every_minute_starts_three_runs_on_time(site: Site, worker: subprocess.Popen[bytes]) -> None:
    assert max(scheduled(site, CronSchedule(cron="* * * * *", timezone="UTC"), 3, 330)) < LATE_S


def scheduled(site: Site, schedule: CronSchedule | IntervalSchedule, count: int, wait_s: float) -> list[float]:
    """Give a deployment a schedule until so many of its runs have started; return how late each was, in seconds."""
    one = site.client.read_deployment_by_name("tokenizer-report/tokenizer-report-quick")
    site.client.create_deployment_schedules(one.id, [(schedule, True)])
    end = time.monotonic() + wait_s
    try:
        while len(started := _started_by_schedule(site, one.id)) < count:
            assert time.monotonic() < end, f"{len(started)} of {count} runs have started"
            time.sleep(1)
    finally:
        for kept in site.client.read_deployment_schedules(one.id):
            site.client.delete_deployment_schedule(one.id, kept.id)
    return [(run.start_time - run.expected_start_time).total_seconds() for run in started]


def _started_by_schedule(site: Site, deployment: UUID) -> list[Any]:
    return [
        run
        for run in site.client.read_flow_runs()
        if run.deployment_id == deployment and run.auto_scheduled and run.start_time
    ]


def test_the_servers_keep_no_processes_for_jobs_that_no_flow_asks_for(site: Site, deployed: str) -> None:
    said = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("HOME") == site.shell()["HOME"]:
                said.append(" ".join(process.cmdline()))
    assert [line for line in said if "mlflow" in line]
    assert not [line for line in said if "huey" in line or "_job_runner" in line]
