"""Run a module of this package in a process of its own, which may hang, swell or crash without harm to the others.

The process gets our own code and data on standard input, and nothing else of the environment but where Python looks.
"""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

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


def parse(program: str, content: bytes, seconds: float, *numbers: int) -> dict[str, Any]:
    """Parse a file in a process of its own, which is killed when its time is up.

    What is limited is processor time, which other work on the machine does not use up; a parser that only waits is
    stopped after several times as long.

    Args:
        program: What `program` returned; it writes a JSON object to standard output.
        content: What comes in on standard input.
        seconds: Of processor time.
        numbers: What its `main` gets before the seconds and the bytes of memory.

    Returns:
        The object, or `reason` and `detail` of why there is none.
    """
    late = {"reason": "timeout", "detail": f"was not read in {seconds:g} s; raise source.timeout_s"}
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and code; the file comes in as data
            command(program, *numbers, math.ceil(seconds), MEMORY), input=content, capture_output=True,
            timeout=seconds * WAITING + WAITING, check=False, env=environment(),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return late
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return late
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        detail = f"broke its parser, which ended with {done.returncode}: {' '.join(last)[:200]}"
        return {"reason": "unreadable", "detail": detail}
    return found
