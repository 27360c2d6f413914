"""Where the time of each flow's `@quick` goes, the first time and again: a process of its own, a server running.

Each flow runs in a workspace all of them share, as a newcomer's would; what a flow needs of another has run before it.
A run that finds every result stored is as fast as its imports allow: the floor is a process that imports Prefect and
MLflow and leaves.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

from configs.signatures import flow_cards
from tests.bench.pairs import at_most, plain, python
from tests.bench.tuning import Place, place

AGAIN = 3  # warm runs, of which the median counts
PROMISED = 10.0
FLOOR = "import os, prefect, mlflow.store.tracking.sqlalchemy_store\nos._exit(0)"
FIRST = ("knowledge-base", "rag-answers")  # the others ask what these have built


def measure() -> list[dict[str, Any]]:
    """Return the seconds of every flow, cold and warm, and what of the warm ones is outside the flow."""
    named = [name for name, card in flow_cards().items() if "quick" in card.presets]
    with place(fresh=True) as at:
        rows = []
        for flow in sorted(named, key=lambda name: (name not in FIRST, name)):
            rows += _flow(flow, at)
        floor = [_timed(lambda: python("-c", FLOOR, environment=at.environment))[0] for _ in range(AGAIN)]
    return [plain("floor: a process that imports Prefect and MLflow", statistics.median(floor), "s"), *rows]


def _flow(flow: str, at: Place) -> list[dict[str, Any]]:
    cold, _ = _timed(lambda: at.run(flow, "@quick"))
    runs = [_timed(lambda: at.run(flow, "@quick")) for _ in range(AGAIN)]
    seconds, found = sorted(runs, key=lambda run: run[0])[AGAIN // 2]
    return [
        plain(f"{flow}: the first time", cold, "s"),
        at_most(f"{flow}: again, nothing run", seconds, "s", PROMISED),
        plain(f"{flow}: again, imports and checks", found["metrics"]["seconds.before"], "s"),
        plain(f"{flow}: again, the flow", found["metrics"]["seconds.flow"], "s"),
    ]


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that work takes, a process from start to end, and what it returns."""
    started = time.perf_counter()
    found = work()
    return time.perf_counter() - started, found
