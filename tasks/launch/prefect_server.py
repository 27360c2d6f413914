"""Which Prefect server a run talks to, decided before Prefect is imported.

In order: the one in the environment or the active profile; a healthy one that `make ui` noted in the workspace; else a
temporary one of this process, with its database in the workspace so that `make ui` shows the run afterwards. The
temporary one ends with this process however that ends: it watches a pipe that only this process holds open.
"""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
import tomllib
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import psutil

from configs.addresses import is_loopback
from tasks.errors import ContractError, RemoteError, StoreError
from tasks.store import durable, workspace

NOTE = workspace.SERVERS
TRACKING = "tracking"  # in it, MLflow's address, where runs are to go through its server
SERVER_LOG = "temporary-server.log"  # beside its database; what servers of the workspace said, one after another
UI_ADDRESS = "http://127.0.0.1:4200"
LOOPBACK = ("127.0.0.1", "localhost", "::1")  # no brackets: httpx 0.28 takes those for a wrong address
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
MOST_PARAMETERS = "PREFECT_SERVER_API_MAX_PARAMETER_SIZE"  # bytes of a run's parameters that a server stores
DEFAULT_MOST, OWN_MOST = "524288", "33554432"  # Prefect's, and that of servers we start
START_TIMEOUT_S = 280.0  # on two cores that others have, 120 were too few


@dataclass
class PrefectServer:
    """The server a run talks to.

    Attributes:
        url: Address of its API.
        kind: Where its address is from: `environment`, `profile`, `noted` or `temporary`.
        process: The temporary server's process.
        seconds: What waiting for it cost this run.
    """

    url: str
    kind: str
    process: "subprocess.Popen[bytes] | None" = None
    seconds: float = 0.0

    def wait(self) -> None:
        """Wait until the server answers.

        Raises:
            RemoteError: It does not.
        """
        started = time.monotonic()
        limit = START_TIMEOUT_S if self.process else 5.0
        while not healthy(self.url):
            if time.monotonic() - started > limit or (self.process and self.process.poll() is not None):
                raise RemoteError(f"the Prefect server at {self.url} does not answer; {self._way_out()}")
            time.sleep(0.1)
        self.seconds = time.monotonic() - started

    def _way_out(self) -> str:
        if self.process is None:
            return {
                "environment": "start it, or unset PREFECT_API_URL",
                "profile": "start it, or use another Prefect profile, which names it",
            }.get(self.kind, "run again")
        log = workspace.folder("prefect") / SERVER_LOG
        return f"what it said stands in {log}; `python -m flows store check` says whether its database is damaged"

    def stop(self) -> None:
        """End the temporary server once it has written what it was told; leave any other alone."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def require_small(call: str, kind: str) -> None:
    """Make sure that a server stores the parameters of a call; ours store more than Prefect's default.

    Args:
        call: The parameters as JSON.
        kind: Where the address of the server is from.

    Raises:
        ContractError: They are larger than it stores.
    """
    most = int(os.environ.get(MOST_PARAMETERS, DEFAULT_MOST if kind in ("environment", "profile") else OWN_MOST))
    if most and (size := len(call.encode())) > most:
        raise ContractError(
            f"the parameters of this call have {size:,} bytes and the Prefect server stores {most:,}; give fewer or "
            f"shorter texts in one call, or set {MOST_PARAMETERS} here and where the server is started"
        )


def choose() -> PrefectServer:
    """Choose the server, set the environment for Prefect's import, and start a temporary one if need be."""
    bypass_proxies()
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "tasks")
    os.environ.setdefault("PREFECT_RESULTS_DEFAULT_SERIALIZER", "json")  # it pickles the error of a failed run
    os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")  # checks speak before the flow runs
    if url := os.environ.get("PREFECT_API_URL"):
        return PrefectServer(url, "environment")
    if (url := profile_url()) is not None:
        return PrefectServer(url, "profile")
    os.environ["PREFECT_HOME"] = str(workspace.folder("prefect"))
    os.environ.setdefault(MOST_PARAMETERS, OWN_MOST)
    if (url := noted()) is not None:
        os.environ["PREFECT_API_URL"] = url
        return PrefectServer(url, "noted")
    port = free_port()
    os.environ[workspace.NO_UI] = "1"
    os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
    os.environ.setdefault("PREFECT_UI_URL", UI_ADDRESS)  # a temporary server shows nothing; `make ui` does, later
    return PrefectServer(os.environ["PREFECT_API_URL"], "temporary", _start(port))


def bypass_proxies() -> None:
    """Keep requests to this machine itself from proxies, in this process and those it starts; others go as before.

    Prefect, MLflow and their clients read the environment, where a proxy may be set and no exception from it.
    """
    if not any(os.environ.get(name) or os.environ.get(name.upper()) for name in PROXIES):
        return
    stated = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    known = [host.strip() for host in stated.split(",") if host.strip()]
    if "*" not in known:
        known += [host for host in LOOPBACK if host not in known]
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(known)


def noted(*, wait_s: float = 0.0) -> str | None:
    """Return the API address of the server that `make ui` noted, if it answers.

    Args:
        wait_s: How long to wait for one that is still starting.
    """
    path = workspace.home() / NOTE
    until = time.monotonic() + wait_s
    with contextlib.suppress(StoreError, KeyError):
        while path.exists():
            note = durable.read_json(path)
            if healthy(url := str(note["prefect"])):
                return url
            if time.monotonic() >= until or not psutil.pid_exists(int(note.get("process", -1))):
                return None
            time.sleep(0.5)
    return None


def healthy(url: str) -> bool:
    """Return whether a Prefect server answers at an API address."""
    if not url.startswith(("http://", "https://")):
        return False
    try:
        opened = DIRECT.open if is_loopback(url) else urllib.request.urlopen
        with opened(f"{url}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ValueError):
        return False


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def profile_url() -> str | None:
    """Return the address that the active Prefect profile names."""
    return _of_profile("PREFECT_API_URL")


def setting(name: str) -> str | None:
    """Return a setting of Prefect as Prefect would find it: in the environment, else in the active profile."""
    return os.environ.get(name) or _of_profile(name)


def _of_profile(name: str) -> str | None:
    home = Path(os.environ.get("PREFECT_HOME") or Path.home() / ".prefect")
    path = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml")
    try:
        profiles = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    active = os.environ.get("PREFECT_PROFILE") or profiles.get("active", "")
    found = profiles.get("profiles", {}).get(active, {}).get(name)
    return None if found is None else str(found)


def _start(port: int) -> "subprocess.Popen[bytes]":
    """Start a temporary server; the first of a workspace makes the database while others wait."""
    ready = workspace.folder("prefect") / "database-is-made"
    if ready.exists():
        return _spawn(port)
    with workspace.lock("prefect-server"):
        process = _spawn(port)
        if not ready.exists():
            PrefectServer(f"http://127.0.0.1:{port}/api", "temporary", process).wait()
            ready.touch()
    return process


def _spawn(port: int) -> "subprocess.Popen[bytes]":
    environment = {
        **os.environ,
        "PREFECT_UI_ENABLED": "0",
        "PREFECT__SERVER_EPHEMERAL": "1",
        "PREFECT__SERVER_FINAL": "1",
    }
    command = [sys.executable, "-m", "tasks.launch.prefect_server", str(port)]
    with (workspace.folder("prefect") / SERVER_LOG).open("ab") as said:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said, env=environment)  # noqa: S603


def _serve(port: int) -> None:
    """Run the Prefect API until the parent's end of the pipe closes."""
    import uvicorn

    def end_with_parent() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=end_with_parent, daemon=True).start()
    factory = "prefect.server.api.server:create_app"
    uvicorn.run(factory, factory=True, host="127.0.0.1", port=port, log_level="error", lifespan="on")


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
