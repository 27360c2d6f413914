"""Four deployments on schedules of every two minutes, on the servers of `make ui` with a worker, as people start them.

`MINUTES` in the environment is how long, 20 if it is not set. Late is what lies between the time a run was planned for
and the moment its flow began: it holds the scheduler, the polling of the worker and the start of a process. Then ten
runs are launched at once. `schedules_postgres` is the same with both databases on a PostgreSQL server of its own.
"""

import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.schedules import CronSchedule
from prefect.settings import PREFECT_API_URL, temporary_settings

from tasks.launch.prefect_server import free_port
from tests.bench.pairs import at_most, plain
from tests.flows.test_operations import Site, stop

DEPLOYMENTS = (
    "tokenizer-report/tokenizer-report-quick",
    "text-vectors/text-vectors-quick",
    "knowledge-base/knowledge-base-quick",
    "prompt-chain/prompt-chain-offline-test",
)
EVERY_S = 120
EVERY = CronSchedule(cron="*/2 * * * *", timezone="UTC")
ENDING_S = 180.0
AT_ONCE = 10
LOOP_S = 60.0  # of Prefect's scheduler


def measure() -> list[dict[str, Any]]:
    """Return how late runs began, how many were lost or doubled, and what the server said was an error."""
    return measure_on({})


def measure_on(databases: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the same for servers whose databases are named by variables of the environment."""
    minutes = float(os.environ.get("MINUTES", "20"))
    url = f"http://127.0.0.1:{free_port()}/api"
    with (
        tempfile.TemporaryDirectory() as folder,
        temporary_settings({PREFECT_API_URL: url}),
        get_client(sync_client=True) as client,
    ):
        site = Site(Path(folder), url, client)
        (site.folder / "home").mkdir()
        port = url.split(":")[2].removesuffix("/api")
        servers = site.start(
            "ui.log", "deployments.ui", "--prefect-port", port, "--mlflow-port", str(free_port()), **databases
        )
        try:
            while not (site.home / "server.json").exists():
                time.sleep(0.2)
            site.run("deployments.deploy", *(name.partition("/")[2] for name in DEPLOYMENTS))
            worker = site.start("worker.log", "deployments.worker")
            try:
                rows = [*_judged(client, *_scheduled(client, minutes)), *_at_once(site)]
            finally:
                stop(worker)
        finally:
            stop(servers)
        said = [
            line for log in ("ui.log", "worker.log") for line in (site.folder / log).read_text("utf-8").splitlines()
        ]
    errors = [line for line in said if re.search(r"\bERROR\b|Traceback", line)]
    print("\n".join(errors[:5]))
    locked = sum("database is locked" in line for line in said)
    return [
        *rows,
        at_most("errors in the logs of servers and worker", float(len(errors)), "", 0),
        at_most("lines with: database is locked", float(locked), "", 0),
    ]


def _at_once(site: Site) -> list[dict[str, Any]]:
    """Launch runs at once and wait for them all."""
    launched = [site.launch(DEPLOYMENTS[0]) for _ in range(AT_ONCE)]
    began = time.monotonic()
    ended = [site.until(run.id, lambda one: one.state is not None and one.state.is_final(), 540) for run in launched]
    states = Counter(str(run.state_name) for run in ended)
    print(f"  {AT_ONCE} runs at once: {dict(states)}")
    return [
        at_most(f"of {AT_ONCE} runs at once, not completed", float(AT_ONCE - states["Completed"]), "", 0),
        plain(f"until the last of {AT_ONCE} has ended", time.monotonic() - began, "s"),
    ]


def _scheduled(client: SyncPrefectClient, minutes: float) -> tuple[datetime, datetime]:
    """Let the schedules run for so long; return when they began and ended."""
    found = [client.read_deployment_by_name(name) for name in DEPLOYMENTS]
    began = datetime.now(UTC)
    for one in found:
        client.create_deployment_schedules(one.id, [(EVERY, True)])
    time.sleep(minutes * 60)
    ended = datetime.now(UTC)
    for one in found:
        for kept in client.read_deployment_schedules(one.id):
            client.update_deployment_schedule(one.id, kept.id, active=False)
    time.sleep(ENDING_S)  # what was due ends
    return began, ended


def _judged(client: SyncPrefectClient, began: datetime, ended: datetime) -> list[dict[str, Any]]:
    names = {client.read_deployment_by_name(name).id: name for name in DEPLOYMENTS}
    first = began + timedelta(seconds=LOOP_S)  # what is due before the scheduler has looked once may be left out
    runs = [r for r in _all_runs(client) if r.auto_scheduled and first <= r.expected_start_time <= ended]
    late = [(r.start_time - r.expected_start_time).total_seconds() for r in runs if r.start_time]
    made = Counter((r.deployment_id, int(r.expected_start_time.timestamp())) for r in runs)
    slots = range(int(first.timestamp() // EVERY_S + 1) * EVERY_S, int(ended.timestamp()) + 1, EVERY_S)
    due = {(one, slot) for one in names for slot in slots}
    for one, slot in sorted(due - set(made), key=str):
        print(f"  lost: {names[one]} of {datetime.fromtimestamp(slot, UTC):%H:%M:%S}")
    states = Counter(str(r.state_name) for r in runs)
    print(f"  {len(runs)} runs of {len(names)} deployments: {dict(states)}")
    return [
        plain("runs that were due", float(len(due)), ""),
        plain("late, half of the runs at most", float(np.percentile(late, 50)), "s"),
        at_most("late, 95 of 100 runs at most", float(np.percentile(late, 95)), "s", 60.0),
        at_most("runs lost", float(len(due) - states["Completed"]), "", 0),
        at_most("runs doubled", float(sum(count - 1 for count in made.values())), "", 0),
    ]


def _all_runs(client: SyncPrefectClient) -> list[Any]:
    found: list[Any] = []
    while page := client.read_flow_runs(limit=200, offset=len(found)):
        found += page
    return found
