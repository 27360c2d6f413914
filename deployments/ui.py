"""Start the Prefect server and the MLflow UI over the workspace, on loopback, until interrupted.

    make ui
    make ui PREFECT_PORT=4201 MLFLOW_PORT=5001

Their addresses are noted in the workspace: runs started meanwhile use this server, and runs from before are shown.
MLflow gets one worker process: its four took a minute to start on two cores.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from filelock import Timeout

from tasks.errors import ContractError, FlowError
from tasks.launch import prefect_server
from tasks.store import durable, workspace

HOST = "127.0.0.1"
PATIENCE_S = 8.0
LEASES = "prefect.server.concurrency.lease_storage.filesystem"


def main(words: Sequence[str]) -> int:
    """Run both servers; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deployments.ui", allow_abbrev=False)
    parser.add_argument("--prefect-port", type=int, default=4200)
    parser.add_argument("--mlflow-port", type=int, default=5000)
    asked = parser.parse_args(words)
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
    os.environ["PREFECT_HOME"] = str(workspace.folder("prefect"))
    try:
        _require_free("PREFECT_PORT", asked.prefect_port)
        _require_free("MLFLOW_PORT", asked.mlflow_port)
        with _alone():
            return _serve(asked.prefect_port, asked.mlflow_port)
    except FlowError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the lock of the servers of this workspace.

    Raises:
        ContractError: Another `make ui` holds it.
    """
    lock = workspace.lock("ui")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ContractError(
            f"make ui runs already over the workspace {workspace.home()}; end that one, or set another LLM_FLOWS_HOME"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _require_free(name: str, port: int) -> None:
    """Refuse a port that another program has.

    Raises:
        ContractError: Something listens on it.
    """
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise ContractError(
                f"port {port} of {HOST} is taken; end what listens there, or choose another: make ui {name}={port + 1}"
            )


def _serve(prefect_port: int, mlflow_port: int) -> int:
    url, mlflow_url = f"http://{HOST}:{prefect_port}", f"http://{HOST}:{mlflow_port}"
    os.environ["PREFECT_SERVER_UI_API_URL"] = f"{url}/api"  # else the pages ask port 4200, whatever the server has
    signal.signal(signal.SIGTERM, _stop)
    note = workspace.home() / prefect_server.NOTE
    durable.write_json(note, {"prefect": f"{url}/api", "mlflow": mlflow_url, "process": os.getpid()})
    from tasks.runtime import mlflow_run  # after the note, which `make deploy` waits by: this import takes seconds

    prefect = [sys.executable, "-m", "deployments.server", "--host", HOST, "--port", str(prefect_port)]
    mlflow = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(mlflow_port),
              "--workers", "1", "--backend-store-uri", mlflow_run.tracking_uri()]  # fmt: skip
    processes: list[subprocess.Popen[bytes]] = []
    try:
        mlflow_run.prepare()
        processes += [subprocess.Popen(command) for command in (prefect, mlflow)]  # noqa: S603
        prefect_server.PrefectServer(f"{url}/api", "noted", processes[0]).wait()
        print(f"\nPrefect {url}   MLflow {mlflow_url}   workspace {workspace.home()}\n"
              "next, in another shell: make deploy, then make worker\n", flush=True)  # fmt: skip
        while all(process.poll() is None for process in processes):
            time.sleep(1)
        return 1
    finally:
        note.unlink(missing_ok=True)
        _end(processes)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End the servers; one that still waits for open pages after `PATIENCE_S` is killed, which SQLite survives."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _stop(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
