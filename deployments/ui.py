"""Start the Prefect server and MLflow over the workspace, until interrupted.

    make ui
    make ui PREFECT_PORT=4201 MLFLOW_PORT=5001
    make ui PREFECT_HOST=0.0.0.0 MLFLOW_HOST=0.0.0.0      needs passwords, see docs/deployment.md

Their addresses are noted in the workspace: runs started meanwhile use these servers, and runs from before are shown.
Called again, it says what runs. One that dies is started again, and the other goes on (`deployments/supervise.py`).
MLflow answers by private addresses alone, and by the names in `MLFLOW_SERVER_ALLOWED_HOSTS`.
Databases and passwords come by the tools' own variables (`deployments/databases.py`, `deployments/passwords.py`).
"""

import argparse
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType

import psutil
from filelock import FileLock, Timeout
from sqlalchemy.engine import URL

from deployments import databases, passwords, supervise
from tasks.errors import ContractError, FlowError, StoreError
from tasks.launch import prefect_server
from tasks.store import durable, workspace

LEASES = "prefect.server.concurrency.lease_storage.filesystem"
LOOPBACK = "127.0.0.1"
EVERY = ("0.0.0.0", "::")  # noqa: S104


@dataclass(frozen=True)
class Listener:
    """Where a server listens.

    Attributes:
        name: Of the variable of `make ui`: PREFECT or MLFLOW.
        host: Name or address.
        port: Number.
    """

    name: str
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether this machine alone reaches it."""
        return self.host in prefect_server.LOOPBACK or self.host.startswith("127.")

    @property
    def url(self) -> str:
        """Address by which this machine reaches it."""
        host = LOOPBACK if self.host in EVERY else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def seen(self) -> str:
        """Address by which a browser reaches it."""
        return self.url if self.host not in EVERY else f"http://{socket.getfqdn()}:{self.port}"


def main(words: Sequence[str]) -> int:
    """Run both servers; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deployments.ui", allow_abbrev=False)
    parser.add_argument("--prefect-port", type=int, default=4200)
    parser.add_argument("--mlflow-port", type=int, default=5000)
    parser.add_argument("--prefect-host", default=LOOPBACK)
    parser.add_argument("--mlflow-host", default=LOOPBACK)
    asked = parser.parse_args(words)
    ports = (asked.prefect_port, asked.mlflow_port)
    if not all(0 < port < 1 << 16 for port in ports) or ports[0] == ports[1]:
        wanted = "two different numbers from 1 to 65535 were needed"
        print(f"PREFECT_PORT={ports[0]} MLFLOW_PORT={ports[1]}: {wanted}", file=sys.stderr)
        return 2
    prefect, mlflow = (
        Listener("PREFECT", asked.prefect_host, asked.prefect_port),
        Listener("MLFLOW", asked.mlflow_host, asked.mlflow_port),
    )
    _set_defaults()
    try:
        lock = workspace.lock("ui")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return _say_what_runs(prefect, mlflow)
        return _serve(prefect, mlflow, lock)
    except FlowError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0


def _set_defaults() -> None:
    """Set the environment that both servers and this process have."""
    prefect_server.bypass_proxies()
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # Else MLflow keeps eight processes, 1.6 GB, for jobs of its own that no flow asks for.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    # Of Prefect's 0.5 MB, a list of ten thousand queries was refused.
    os.environ.setdefault(prefect_server.MOST_PARAMETERS, prefect_server.OWN_MOST)
    os.environ.setdefault("PREFECT_SERVER_DATABASE_TIMEOUT", "60")  # of 10 s, a busy machine made "database is locked"
    # In memory, the default, a slot that was held when the server ended would be taken for good.
    os.environ.setdefault("PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE", LEASES)
    if os.environ.get("MLFLOW_TRACKING_URI", "").startswith("http"):
        del os.environ["MLFLOW_TRACKING_URI"]  # where runs find a server: the one that is started here has tables
    os.environ["PREFECT_HOME"] = str(workspace.folder("prefect"))


def _say_what_runs(prefect: Listener, mlflow: Listener) -> int:
    """Say what another call keeps running; return 0 where that is what this one asks for and it answers, else 1 or 2.

    Two calls that ask for the same end the same, so that a script may call it without looking first.
    """
    note: dict[str, object] = {}
    for _ in range(50):  # it writes the note at once after it has taken the lock
        with contextlib.suppress(StoreError, OSError):
            note = dict(durable.read_json(workspace.home() / prefect_server.NOTE))
            break
        time.sleep(0.1)
    if not note:
        raise ContractError(f"make ui starts or ends over the workspace {workspace.home()}; call it again in a moment")
    urls = {"Prefect": str(note["prefect"]).removesuffix("/api"), "MLflow": str(note["mlflow"])}
    states = {
        "Prefect": prefect_server.healthy(str(note["prefect"])),
        "MLflow": prefect_server.healthy(str(note["mlflow"])),
    }
    told = "   ".join(
        f"{name} {url} ({'answers' if states[name] else 'does not answer'})" for name, url in urls.items()
    )
    print(f"make ui runs already over the workspace {workspace.home()}, process {note['process']}: {told}")
    wanted = {"Prefect": prefect.url, "MLflow": mlflow.url}
    if other := [f"{name} at {wanted[name]}" for name, url in urls.items() if url != wanted[name]]:
        raise ContractError(
            f"not started: {' and '.join(other)}; end process {note['process']} first, or set another LLM_FLOWS_HOME"
        )
    if silent := [name for name, answers in states.items() if not answers]:
        print(f"{' and '.join(silent)}: starting, or given up, as the console of that make ui says")
    return 0 if all(states.values()) else 1


def _require_free(place: Listener) -> None:
    """Refuse a port that another program has.

    Raises:
        ContractError: Something listens on it, or the host is none of this machine.
    """
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    with socket.socket(family) as probe:
        if probe.connect_ex((LOOPBACK if place.host in EVERY else place.host, place.port)) == 0:
            holder = _holder(place.port)
            raise ContractError(
                f"port {place.port} of {place.host} is taken{holder}; end what listens there, or choose another: "
                f"make ui {place.name}_PORT={place.port + 1}"
            )


def _holder(port: int) -> str:
    """Return in words which process listens on a port; empty where the system does not tell."""
    with contextlib.suppress(psutil.Error, OSError):
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
                return f" by process {one.pid} ({psutil.Process(one.pid).name()})"
    return ""


def _serve(prefect: Listener, mlflow: Listener, lock: FileLock) -> int:
    for place in (prefect, mlflow):
        if not place.is_loopback:
            passwords.require(place.name, place.host)
        _require_free(place)
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _stop)
    first, its_database = _prefect(prefect)
    second, other_database = _mlflow(mlflow)
    databases.require_two(its_database, other_database)
    protected = passwords.protect_mlflow(second.environment)
    if protected:
        second.command.extend(("--app-name", "basic-auth"))
    through = other_database is not None or protected  # else runs write the tables of the workspace themselves
    note = workspace.home() / prefect_server.NOTE
    noted = {"prefect": f"{prefect.url}/api", "mlflow": mlflow.url, "process": os.getpid()}
    kinds = {"prefect": its_database, "mlflow": other_database}
    kept_by = {what: None if url is None else url.get_backend_name() for what, url in kinds.items()}
    durable.write_json(workspace.home() / workspace.DATABASES, kept_by)
    durable.write_json(note, {**noted, **({prefect_server.TRACKING: mlflow.url} if through else {})})
    try:
        _start(first, second, own_tables=other_database is None)
        if protected:
            passwords.check_admin(mlflow.url, second.environment)
        print(f"\nPrefect {prefect.seen}   MLflow {mlflow.seen}   workspace {workspace.home()}\n"
              "next, in another shell: make deploy, then make worker\n", flush=True)  # fmt: skip
        return supervise.watch((first, second))
    finally:
        note.unlink(missing_ok=True)
        supervise.end((first, second))
        lock.release()


def _start(first: supervise.KeptServer, second: supervise.KeptServer, *, own_tables: bool) -> None:
    """Start both at once, and wait until both answer."""
    first.start()
    if own_tables:
        from tasks.runtime import mlflow_run  # after the note, which `make deploy` waits by: this takes seconds

        mlflow_run.prepare()
    second.start()
    for server in (first, second):
        server.wait()


def _prefect(place: Listener) -> tuple[supervise.KeptServer, URL | None]:
    """Return Prefect's server, and the database it was given."""
    environment = {name: value for name, value in os.environ.items() if name not in passwords.OF_MLFLOW}
    passwords.check_prefect(environment)
    database = databases.prepare(databases.PREFECT, environment)
    environment.setdefault("PREFECT_SERVER_UI_API_URL", f"{place.seen}/api")  # else the pages ask port 4200
    command = [sys.executable, "-m", "deployments.server", "--host", place.host, "--port", str(place.port)]
    return supervise.KeptServer("Prefect", place.url, f"{place.url}/api/health", command, environment), database


def _mlflow(place: Listener) -> tuple[supervise.KeptServer, URL | None]:
    """Return MLflow's server, and the database it was given; one worker process, for four took a minute to start."""
    environment = {name: value for name, value in os.environ.items() if name not in passwords.OF_PREFECT}
    database = databases.prepare(databases.MLFLOW, environment)
    if database is None:
        own = f"sqlite:///{workspace.folder('mlflow') / 'mlflow.db'}"  # as runs find it
        environment[databases.MLFLOW] = os.environ.get("MLFLOW_TRACKING_URI") or own
    environment.setdefault("MLFLOW_ARTIFACTS_DESTINATION", str(workspace.folder("mlflow", "artifacts")))
    command = [sys.executable, "-m", "mlflow", "server", "--host", place.host, "--port", str(place.port),
               "--workers", "1"]  # fmt: skip
    return supervise.KeptServer("MLflow", place.url, f"{place.url}/health", command, environment), database


def _stop(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
