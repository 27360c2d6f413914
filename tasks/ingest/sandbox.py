"""Run a module of this package in a process of its own, which may hang, swell or crash without harm to the others.

The process gets our own code and data on standard input, and nothing else of the environment but where Python looks.
"""

import contextlib
import json
import math
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import IO, Any, cast

from tasks.ingest import forked

Parse = Callable[..., dict[str, Any]]
ROOT = Path(__file__).parents[2]
MEMORY = 1 << 30  # bytes a parser may take
WAITING = 4  # times the processor time that a process may take on a busy machine


def program(module: ModuleType) -> str:
    """Return a program that calls `main` of a module with whole numbers."""
    return f"""
import sys, types
package = types.ModuleType("tasks.ingest")  # the real one would load Prefect, which nothing here needs
package.__path__ = [sys.argv[1]]
sys.modules["tasks.ingest"] = package
from {module.__name__} import main
main(*map(int, sys.argv[2:]))
"""


def command(program: str, *numbers: int) -> list[str]:
    """Return the command that runs a program with these numbers."""
    return [sys.executable, "-P", "-c", program, str(Path(__file__).parent), *map(str, numbers)]


def environment() -> dict[str, str]:
    """Return the environment such a process gets."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    threads = {"OPENBLAS_NUM_THREADS": "1"}  # each would take address space of its own
    return {"PYTHONPATH": path, "PYTHONHASHSEED": "0"} | threads


def forking(module: ModuleType) -> str:
    """Return a program that forks a process for each file, which calls `main` of a module; `load` loads libraries."""
    started, _, _ = program(module).partition("\nfrom ")
    served = f"from {module.__name__} import load, main\nfrom {forked.__name__} import serve\nserve(main, load)\n"
    return f"{started}\n{served}"


class Parser:
    """Parses one file after another, each in a process of its own, which is killed when its time is up.

    What is limited is processor time, which other work on the machine does not use up; a parser that only waits is
    stopped after several times as long.

    Args:
        program: What `forking` returned; what `main` writes is a JSON object.
    """

    def __init__(self, program: str) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._words: IO[bytes] | None = None

    def parse(self, content: bytes, seconds: float, *numbers: int) -> dict[str, Any]:
        """Return the object that is made of a file, or `reason` and `detail` of why there is none.

        Args:
            content: What comes in on standard input.
            seconds: Of processor time.
            numbers: What `main` gets before the seconds and the bytes of memory.
        """
        late = {"reason": "timeout", "detail": f"was not read in {seconds:g} s; raise source.timeout_s"}
        process = self._started()
        given_up = threading.Event()
        timer = threading.Timer(seconds * WAITING + WAITING, _give_up, (process, given_up))
        timer.start()
        try:
            code, said, words = _asked(process, content, [*numbers, math.ceil(seconds), MEMORY])
        except (OSError, ValueError, LookupError):
            code, said, words = process.wait(), b"", self._last_words()
            self.close()
        finally:
            timer.cancel()
        if given_up.is_set():
            self.close()
        if given_up.is_set() or code in (-signal.SIGXCPU, -signal.SIGKILL):
            return late
        try:
            found: dict[str, Any] = json.loads(said)
        except ValueError:
            detail = f"broke its parser, which ended with {code}: {words[:200]}"
            return {"reason": "unreadable", "detail": detail}
        return found

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            _kill(process)
            process.wait()
            for pipe in (process.stdin, process.stdout, self._words):
                with contextlib.suppress(OSError):
                    cast(IO[bytes], pipe).close()

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code; files come in as data
                command(self._program), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._words,
                env=environment(), start_new_session=True,
            )  # fmt: skip
        return self._process

    def _last_words(self) -> str:
        words = cast(IO[bytes], self._words)
        words.seek(0)
        return " ".join(words.read().decode("utf-8", "replace").strip().splitlines()[-1:])


def _asked(process: "subprocess.Popen[bytes]", content: bytes, numbers: Sequence[int]) -> tuple[int, bytes, str]:
    requests, answers = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
    requests.write(json.dumps({"numbers": numbers, "bytes": len(content)}).encode() + b"\n" + content)
    requests.flush()
    stated = json.loads(answers.readline())
    return int(stated["code"]), answers.read(int(stated["bytes"])), str(stated["words"])


def _give_up(process: "subprocess.Popen[bytes]", given_up: threading.Event) -> None:
    given_up.set()
    _kill(process)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and what it has forked."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def parsers(program: str, count: int) -> Iterator[Parse]:
    """Give a function that parses a file by one of several parsers, for as many threads; all end with the context.

    Args:
        program: What `forking` returned.
        count: How many.
    """
    idle: queue.SimpleQueue[Parser] = queue.SimpleQueue()
    every = [Parser(program) for _ in range(count)]
    for one in every:
        idle.put(one)

    def parse(content: bytes, seconds: float, *numbers: int) -> dict[str, Any]:
        one = idle.get()
        try:
            return one.parse(content, seconds, *numbers)
        finally:
            idle.put(one)

    try:
        yield parse
    finally:
        for one in every:
            one.close()
