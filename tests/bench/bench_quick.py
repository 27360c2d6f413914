"""Where the time of each flow's `@quick` goes, the first time and again: a process of its own, a server running.

Each flow runs in a workspace all of them share, as a newcomer's would; what a flow needs of another has run before it.
A run that finds every result stored is as fast as its imports allow: the floor is a process that imports Prefect and
MLflow and leaves.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

from configs.signatures import flow_cards
from tests.bench.pairs import ROOT, at_most, plain, python

AGAIN = 3  # warm runs, of which the median counts
PROMISED = 10.0
FLOOR = "import os, prefect, mlflow.store.tracking.sqlalchemy_store\nos._exit(0)"
FIRST = ("knowledge-base", "rag-answers")  # the others ask what these have built


def measure() -> list[dict[str, Any]]:
    """Return the seconds of every flow, cold and warm, and what of the warm ones is outside the flow."""
    named = [name for name, card in flow_cards().items() if "quick" in card.presets]
    with tempfile.TemporaryDirectory() as home, prefect_test_harness(server_startup_timeout=120):
        environment = {**os.environ, "LLM_FLOWS_HOME": home, "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1",
                       "PREFECT_API_URL": str(PREFECT_API_URL.value())}  # fmt: skip
        rows = []
        for flow in sorted(named, key=lambda name: (name not in FIRST, name)):
            rows += _flow(flow, environment)
        floor = [_seconds(lambda: python("-c", FLOOR, environment=environment)) for _ in range(AGAIN)]
    return [plain("floor: a process that imports Prefect and MLflow", statistics.median(floor), "s"), *rows]


def _flow(flow: str, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    cold, _ = _run(flow, environment)
    warm = sorted((_run(flow, environment) for _ in range(AGAIN)), key=lambda found: found[0])[AGAIN // 2]
    before = warm[1]["metrics"]["seconds.before"]
    return [
        plain(f"{flow}: the first time", cold, "s"),
        at_most(f"{flow}: again, nothing run", warm[0], "s", PROMISED),
        plain(f"{flow}: again, imports and checks", before, "s"),
        plain(f"{flow}: again, the flow", warm[1]["metrics"]["seconds.flow"], "s"),
    ]


def _run(flow: str, environment: Mapping[str, str]) -> tuple[float, dict[str, Any]]:
    """Return the seconds of a command from start to end, and its last line."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "flows", flow, "@quick"]
    done = subprocess.run(command, cwd=ROOT, env=dict(environment), check=True, capture_output=True, text=True)
    return time.perf_counter() - started, json.loads(done.stdout.splitlines()[-1])


def _seconds(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
