"""Run a module of this package in a process of its own, which may hang, swell or crash without harm to the others.

The process gets our own code and data on standard input, and nothing else of the environment but where Python looks.
"""

import os
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
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
