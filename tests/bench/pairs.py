"""Compare two ways of doing a thing in one sitting: alternating, several times, by their medians."""

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def alternate(
    ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, float]:
    """Return the median seconds of each by a clock, run in turn `rounds` times."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for work, times in zip((ours, theirs), seconds, strict=True):
            started = clock()
            work()
            times.append(clock() - started)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def python(*words: str, environment: Mapping[str, str]) -> None:
    """Run Python in a process of its own; fail if it fails."""
    subprocess.run([sys.executable, *words], cwd=ROOT, env=dict(environment), check=True, capture_output=True)


def forget_peak() -> float:
    """Let Linux forget the peak of this process, which begins with that of its parent; return its memory in MB."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    return _memory("VmRSS")


def peak() -> float:
    """Return the most MB this process has held since its peak was forgotten."""
    return _memory("VmHWM")


def _memory(kind: str) -> float:
    said = Path("/proc/self/status").read_text("ascii")
    return int(re.findall(rf"^{kind}:\s+(\d+) kB", said, re.MULTILINE)[0]) / 1e3


def at_most(what: str, value: float, unit: str, promised: float) -> dict[str, Any]:
    """Return a row with a promised upper bound."""
    return {
        "what": what,
        "value": value,
        "unit": unit,
        "promised": f"at most {promised:.6g}",
        "kept": value <= promised,
    }


def at_least(what: str, value: float, unit: str, promised: float) -> dict[str, Any]:
    """Return a row with a promised lower bound."""
    return {
        "what": what,
        "value": value,
        "unit": unit,
        "promised": f"at least {promised:.6g}",
        "kept": value >= promised,
    }


def plain(what: str, value: float, unit: str) -> dict[str, Any]:
    """Return a row without a promise."""
    return {"what": what, "value": value, "unit": unit}


def why_not(what: str, reason: str) -> dict[str, Any]:
    """Return a row that says why nothing could be measured here."""
    return {"what": what, "value": None, "unit": reason}
