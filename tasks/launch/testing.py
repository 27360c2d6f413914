"""Fixtures for the tests of flows, presets and tasks: in `conftest.py`, `pytest_plugins = ["tasks.launch.testing"]`.

Every test gets a workspace of its own, with nothing in it. Flows run in this process, on a Prefect server that the
tests of a session share. `docs/testing.md` has an example.
"""

import contextlib
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from configs.resolve import card_of, resolve
from tasks.data.base import Value
from tasks.data.run import Outcome

RunFlow = Callable[..., Outcome]
SharedFolder = Callable[[str, Callable[[Path], None]], Path]
SETTINGS = {  # before Prefect, MLflow or a model library is imported
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "tasks",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_OFFLINE": "1",
    # What a flow in this process does not wait for took a tenth of the processor's time.
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    # Each event of a task was a transaction of its own: half of what the server computed.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    **{
        f"PREFECT_SERVER_SERVICES_{service}_ENABLED": "false"
        for service in (
            "SCHEDULER", "LATE_RUNS", "FOREMAN", "CANCELLATION_CLEANUP", "PAUSE_EXPIRATIONS", "TRIGGERS",
            "EVENT_PERSISTER", "EVENT_LOGGER", "REPOSSESSOR",
        )
    },
}  # fmt: skip
for _name, _value in SETTINGS.items():
    os.environ.setdefault(_name, _value)
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the workers have the cores already


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known by which tests of flows can be chosen, or left out."""
    config.addinivalue_line("markers", "flow: runs a flow on a Prefect server")


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory, prefect_tables: Path) -> Iterator[str]:
    """Start a Prefect server, or join the one that another worker started; return its address."""
    os.environ.setdefault("LLM_FLOWS_HOME", str(tmp_path_factory.mktemp("unused")))
    from prefect.context import refresh_global_settings_context
    from prefect.events.worker import EventsWorker
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with FileLock(f"{prefect_tables}-server.lock"):
        url, held = _join_prefect_server(prefect_tables)
    # A run waits half a second for heartbeats.
    settings = {PREFECT_API_URL: url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    with pytest.MonkeyPatch.context() as patch:  # else `main` starts a temporary server: seconds for each worker
        patch.setenv("PREFECT_API_URL", url)
        refresh_global_settings_context()  # other threads have no settings but those of the process
        with temporary_settings(settings):
            yield url
            EventsWorker.drain_all()
    os.close(held)


def _join_prefect_server(tables: Path) -> tuple[str, int]:
    """Return the address of a server, started where none runs, and the writing end of the pipe that holds it open."""
    from tasks.launch.prefect_server import PrefectServer, free_port

    pipe, note = tables.with_name("prefect-server.pipe"), tables.with_name("prefect-server.url")
    with contextlib.suppress(OSError):  # nothing reads the pipe: the server of it has ended, or there never was one
        return note.read_text(), os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe, 0o600)
    reads = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    held = os.open(pipe, os.O_WRONLY)
    os.set_blocking(reads, True)  # it ends with the last worker that holds the pipe, however that ends
    folder = shutil.copytree(tables, pipe.with_name("prefect-server"), dirs_exist_ok=True)
    settings = {
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder / 'prefect.db'}",
        "PREFECT_UI_ENABLED": "0",
    }
    port = free_port()
    command = [sys.executable, "-m", "tasks.launch.prefect_server", str(port)]
    with (folder / "server.log").open("ab") as said:
        process = subprocess.Popen(  # noqa: S603
            command, stdin=reads, stdout=said, stderr=said, env={**os.environ, **settings}, start_new_session=True
        )
    os.close(reads)
    url = f"http://127.0.0.1:{port}/api"
    PrefectServer(url, "temporary", process).wait()
    note.write_text(url)
    return url, held


@pytest.fixture(scope="session")
def prefect_tables(shared_folder: SharedFolder) -> Path:
    """Return a folder with the empty database of a Prefect server, as a workspace has it under `prefect`."""
    return shared_folder("prefect", _make_prefect_tables)


@pytest.fixture(scope="session")
def mlflow_tables(shared_folder: SharedFolder) -> Path:
    """Return a folder with the tables of an empty MLflow store, as a workspace has it under `mlflow`."""
    return shared_folder("mlflow", _make_mlflow_tables)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> SharedFolder:
    """Return a function that makes a folder of a workspace once for all workers: tables take a quarter of a minute."""
    base = tmp_path_factory.getbasetemp()

    def made(name: str, make: Callable[[Path], None]) -> Path:
        home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"{name}-tables"
        with FileLock(f"{home}.lock"):
            if not (home / "made").exists():
                home.mkdir(mode=0o700, exist_ok=True)
                make(home)
                (home / "made").touch()
        return home / name

    return made


def _make_prefect_tables(home: Path) -> None:
    (home / "prefect").mkdir(mode=0o700, exist_ok=True)
    url = f"sqlite+aiosqlite:///{home / 'prefect' / 'prefect.db'}"
    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
    environment = {**os.environ, "PREFECT_HOME": str(home / "unused"), "PREFECT_API_DATABASE_CONNECTION_URL": url}
    subprocess.run(command, check=True, capture_output=True, env=environment)  # noqa: S603
    (home / "prefect" / "database-is-made").touch()


def _make_mlflow_tables(home: Path) -> None:
    from tasks.runtime import mlflow_run

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLM_FLOWS_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        mlflow_run.prepare()


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_tables: Path) -> Path:
    """Return a workspace with nothing in it but the tables of MLflow."""
    home = tmp_path / "workspace"
    home.mkdir(mode=0o700)
    shutil.copytree(mlflow_tables, home / "mlflow")
    monkeypatch.setenv("LLM_FLOWS_HOME", str(home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return home


@pytest.fixture
def run_flow(workspace: Path, prefect_server: str) -> RunFlow:
    """Return a function that runs a flow with the words of a command line: `run_flow("topic-model", "@quick")`."""

    def run(name: str, *words: str) -> Outcome:
        card = card_of(name)
        call = resolve(card, words)
        flow = getattr(importlib.import_module(f"flows.{card.module}"), card.function)
        made: Outcome = flow(**{field: getattr(call, field) for field in type(call).model_fields})
        return made

    return run


@pytest.fixture
def without_prefect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let steps be called outside of a flow: looked up, computed and stored as in one, but without Prefect."""
    from prefect.client.schemas.objects import State

    from tasks.runtime import steps
    from tasks.runtime.steps import Step

    def call(self: Step[..., Value], *args: Any, **kwargs: Any) -> Any:
        outcome = steps.execute(self.spec, self.fn, args, kwargs)
        return outcome.result() if isinstance(outcome, State) else outcome

    monkeypatch.setattr(Step, "__call__", call)
