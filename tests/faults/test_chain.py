"""An event of ours starts what follows it once, whenever the server is killed.

No run is executed: what counts is how many the server has planned.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments import bootstrap, deploy, watching
from tasks.launch import events
from tasks.launch.prefect_server import free_port, healthy
from tests.faults.conftest import ROOT

pytestmark = [pytest.mark.faults, pytest.mark.timeout(500)]
CHAINED = ("docs-topics", "docs-evaluation")
WRITTEN_WITHIN_S = 8
FOLLOWED_WITHIN_S = 75  # usual time, and two looks


@dataclass
class Chain:
    """A server with the automations of ours, that is killed and started again."""

    folder: Path
    port: int
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Address of its API."""
        return f"http://127.0.0.1:{self.port}/api"

    def start(self, **more: str) -> None:
        """Start the server as `make ui` does, and wait for it."""
        services = {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "true" for name in ("TRIGGERS", "EVENT_PERSISTER")}
        environment = {**os.environ, "PREFECT_HOME": str(self.folder), **services, **more}
        environment.pop("PREFECT_API_URL", None)
        command = [sys.executable, "-m", "deployments.server", "--host", "127.0.0.1", "--port", str(self.port)]
        with (self.folder / "server.log").open("ab") as said:
            self.processes.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=said))
        end = time.monotonic() + 120
        while not healthy(self.url):
            assert self.processes[-1].poll() is None
            assert time.monotonic() < end, (self.folder / "server.log").read_text()[-2_000:]
            time.sleep(0.2)

    def kill(self) -> None:
        """Kill it as a machine that fails does."""
        for process in self.processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in psutil.Process(process.pid).children(recursive=True):
                    child.kill()
            process.kill()
            process.wait()
        self.processes.clear()

    def runs(self, client: SyncPrefectClient) -> list[FlowRun]:
        """Return what was planned."""
        return [run for run in client.read_flow_runs() if run.idempotency_key]

    def until(self, client: SyncPrefectClient, count: int) -> list[FlowRun]:
        """Wait until so many runs are planned, and then long enough for one too many."""
        end = time.monotonic() + FOLLOWED_WITHIN_S
        while len(found := self.runs(client)) < count and time.monotonic() < end:
            time.sleep(0.5)
        return found


@pytest.fixture
def chain(
    tmp_path: Path, prefect_tables: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Chain, SyncPrefectClient]]:
    """Start a server, put pools, the two deployments and the automations on it."""
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "workspace"))
    monkeypatch.setattr(events, "flow_run", SimpleNamespace(id=str(uuid4())))
    shutil.copytree(prefect_tables, tmp_path / "prefect")
    made = Chain(tmp_path / "prefect", free_port())
    made.start()
    with temporary_settings({PREFECT_API_URL: made.url}), get_client(sync_client=True) as client:
        bootstrap.put_pools()
        for one in deploy.choose(list(deploy.stated()), CHAINED):
            deploy.deploy(one, client)
        assert not [said for said in watching.apply(client) if "waits" in said.line]
        assert not [said for said in watching.apply(client, check=True) if said.differs]
        yield made, client
    made.kill()


def tell(event: str, generation: int = 2, *, surely: bool = True) -> bool:
    """Tell the server what a run tells it."""
    payload = {"generation": generation}
    resource = "llm-flows.collection.python-docs"
    return events.emit(event, resource, payload, identity=f"here python-docs {generation}", surely=surely)


def test_a_refresh_starts_topics_once_and_topics_start_the_evaluation_once(
    chain: tuple[Chain, SyncPrefectClient],
) -> None:
    server, client = chain
    for count, event in enumerate((events.PUBLISHED, events.TOPICS_FOUND), start=1):
        assert tell(event)
        assert tell(event)
        assert len(server.until(client, count)) == count
    list(watching.apply(client))
    server.kill()  # between topics and evaluation, and after both
    server.start()
    time.sleep(FOLLOWED_WITHIN_S)
    deployed = {one.id: one.name for one in client.read_deployments()}
    assert sorted(deployed[run.deployment_id] for run in server.runs(client) if run.deployment_id) == sorted(CHAINED)
    assert tell(events.PUBLISHED, 3)
    assert len(server.until(client, 3)) == 3


def test_an_event_that_was_written_and_not_acted_on_is_followed_once_after_the_restart(
    chain: tuple[Chain, SyncPrefectClient],
) -> None:
    server, client = chain
    server.kill()
    server.start(PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED="false")  # as if killed right after it was written
    assert tell(events.PUBLISHED)
    time.sleep(3)
    assert server.runs(client) == []
    server.kill()
    server.start()
    assert len(server.until(client, 1)) == 1
    time.sleep(WRITTEN_WITHIN_S)  # that it was planned
    client.delete_flow_run(server.runs(client)[0].id)
    server.kill()
    server.start()
    time.sleep(FOLLOWED_WITHIN_S)
    assert server.runs(client) == []  # what a person deletes is not planned again


def test_an_event_that_the_server_took_and_died_with_is_told_again(chain: tuple[Chain, SyncPrefectClient]) -> None:
    server, client = chain
    assert tell(events.PUBLISHED, surely=False)  # taken into memory, written within seconds
    server.kill()
    server.start()
    assert tell(events.PUBLISHED)
    assert len(server.until(client, 1)) == 1
    time.sleep(FOLLOWED_WITHIN_S)
    assert len(server.runs(client)) == 1


def test_an_automation_that_was_off_when_something_happened_does_not_follow_it_later(
    chain: tuple[Chain, SyncPrefectClient],
) -> None:
    server, client = chain
    (topics,) = client.read_automations_by_name("llm-flows: docs-topics follows docs-nightly")
    client.pause_automation(topics.id)
    assert not events.awaited(events.PUBLISHED)
    assert tell(events.PUBLISHED)
    client.resume_automation(topics.id)
    server.kill()
    server.start()
    time.sleep(FOLLOWED_WITHIN_S)
    assert server.runs(client) == []


def test_a_run_that_ended_is_watched_no_more_and_one_that_works_gets_its_full_time_after_a_restart(
    chain: tuple[Chain, SyncPrefectClient],
) -> None:
    server, client = chain
    pool = client.read_work_pool("cpu")
    deployment = client.read_deployment_by_name("topic-model/docs-topics")
    related = [{"prefect.resource.id": f"prefect.work-pool.{pool.id}", "prefect.resource.role": "work-pool",
                "prefect.resource.name": "cpu"}]  # fmt: skip
    ended, works = (client.create_flow_run_from_deployment(deployment.id) for _ in range(2))
    for run in (ended, works):
        beat = {"event": "prefect.flow-run.heartbeat", "occurred": datetime.now(UTC).isoformat(), "related": related,
                "resource": {"prefect.resource.id": f"prefect.flow-run.{run.id}"}, "id": str(uuid4())}  # fmt: skip
        client.request("POST", "/events", json=[beat])
    time.sleep(WRITTEN_WITHIN_S)
    ends = watched(server)
    assert set(ends) == {str(ended.id), str(works.id)}
    server.kill()
    with contextlib.closing(sqlite3.connect(server.folder / "prefect.db")) as database, database:
        completed = "update flow_run set state_type = 'COMPLETED' where id = ?"
        database.execute(completed, (str(ended.id),))  # while nobody listens
    server.start()
    time.sleep(WRITTEN_WITHIN_S)
    assert set(later := watched(server)) == {str(works.id)}
    assert later[str(works.id)] > ends[str(works.id)]


def watched(server: Chain) -> dict[str, str]:
    """Return until when the server waits for the next heartbeat of each run."""
    with contextlib.closing(sqlite3.connect(server.folder / "prefect.db")) as database:
        rows = database.execute('select bucketing_key, "end" from automation_bucket').fetchall()
    return {json.loads(key)[0].rpartition(".")[2]: end for key, end in rows}
