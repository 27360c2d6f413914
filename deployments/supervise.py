"""Keep servers running side by side: what dies is said with its status and last lines, and is started again.

Three times, with longer waits in between: a server that runs out of memory once comes back by itself, and one whose
database is gone is not tried for ever. The others go on meanwhile. A server that has run well for ten minutes has its
three tries again. One that ends before it has ever answered is set up wrongly, and is not tried again.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tasks.errors import RemoteError
from tasks.launch import prefect_server

WAITS_S = (1.0, 4.0, 16.0)  # before each new start
STEADY_S = 600.0  # after which a server has its tries again
PATIENCE_S = 8.0
LINES = 5  # of its last ones, shown when it dies


@dataclass
class KeptServer:
    """A server as a child of this process, whose output goes to the console.

    Attributes:
        name: What it is called in messages.
        address: What a browser opens.
        health: Address that answers 200 once it works.
        command: What is run; no secret belongs in it, for every user of the machine can read it.
        environment: Of the process, whole.
    """

    name: str
    address: str
    health: str
    command: list[str]
    environment: dict[str, str]
    process: "subprocess.Popen[bytes] | None" = None
    ready: bool = False
    tries: int = 0
    given_up: bool = False
    _due: float = 0.0
    _began: float = 0.0
    _said: deque[str] = field(default_factory=lambda: deque(maxlen=LINES))
    _reader: threading.Thread | None = None

    def start(self) -> None:
        """Start the process, and show on the console what it says."""
        self.ready, self._due, self._began = False, 0.0, time.monotonic()
        self._said.clear()
        environment = {**self.environment, "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(  # noqa: S603
            self.command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that what it has started is found when it is dead
        )
        self._reader = threading.Thread(target=self._show, args=(self.process.stdout or (),), daemon=True)
        self._reader.start()

    def wait(self, limit_s: float = prefect_server.START_TIMEOUT_S) -> None:
        """Wait until the server answers for the first time.

        Raises:
            RemoteError: It ended, or does not answer in time.
        """
        while not self._answers():
            if self.process is not None and self.process.poll() is not None:
                raise RemoteError(f"{self.name} has not started: {self._last_words()}")
            if self.seconds > limit_s:
                raise RemoteError(f"{self.name} at {self.address} does not answer after {limit_s:.0f} s")
            time.sleep(0.2)

    def look(self) -> None:
        """Notice that the server has died or answers again; start it where its time has come."""
        if self.given_up or self.process is None:
            return
        if self._due:
            if time.monotonic() >= self._due:
                self.start()
        elif self.process.poll() is not None:
            self._died()
        elif not self.ready:
            if self._answers():
                _tell(f"{self.name} {self.address} answers again")
        elif self.seconds > STEADY_S:
            self.tries = 0

    @property
    def seconds(self) -> float:
        """How long ago the process was started."""
        return time.monotonic() - self._began

    def end(self) -> None:
        """Ask the process to end; `reap` waits for it."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def reap(self) -> None:
        """Wait for the end; what still waits for open pages after `PATIENCE_S` is killed, which databases survive."""
        if self.process is None:
            return
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._kill_children()

    def _kill_children(self) -> None:
        """Kill what the process has left behind: MLflow's own child lives on, and would hold the port."""
        if self.process is not None and hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def _answers(self) -> bool:
        try:
            with prefect_server.DIRECT.open(self.health, timeout=2) as answer:
                self.ready = answer.status == 200
        except (urllib.error.URLError, OSError, ValueError):
            self.ready = False
        return self.ready

    def _died(self) -> None:
        self._kill_children()
        ended = f"{self.name} has ended: {self._last_words()}\n"
        self.given_up = self.tries >= len(WAITS_S)
        if self.given_up:
            _tell(
                f"{ended}{self.name} was started again {self.tries} times and is given up; the rest goes on; "
                "mend what its lines say, then end make ui and start it again"
            )
            return
        wait_s = WAITS_S[self.tries]
        self.tries += 1
        self._due = time.monotonic() + wait_s
        which = f"try {self.tries} of {len(WAITS_S)}"
        _tell(f"{ended}{self.name} starts again in {wait_s:.0f} s ({which}); the rest goes on")

    def _last_words(self) -> str:
        """Return how the process ended and the last lines it said."""
        if self._reader is not None:
            self._reader.join(timeout=2)
        status = 0 if self.process is None else self.process.returncode
        how = f"exit status {status}"
        if status < 0:
            with contextlib.suppress(ValueError):
                how = f"killed by {signal.Signals(-status).name}"
        return f"{how}; its last lines:\n" + "\n".join(f"    {line}" for line in self._said)

    def _show(self, said: Iterable[bytes]) -> None:
        for line in said:
            text = line.decode(errors="replace").rstrip()
            if text:
                self._said.append(text[:300])
            with contextlib.suppress(OSError):  # the console may be closed; the server goes on
                print(text, flush=True)


def watch(servers: Sequence[KeptServer]) -> int:
    """Look after servers until none is left; return the exit status."""
    while not all(server.given_up for server in servers):
        for server in servers:
            server.look()
        time.sleep(0.5)
    return 1


def end(servers: Sequence[KeptServer]) -> None:
    """End all servers."""
    for server in servers:
        server.end()
    for server in servers:
        server.reap()


def _tell(text: str) -> None:
    print(f"\n{text}\n", file=sys.stderr, flush=True)
