"""What Prefect costs: milliseconds a task that does nothing, and its share of `knowledge-base @quick`.

The share is measured inside of one run: the time of all calls of steps less the time spent in looking up, computing
and storing their results, over the time of the whole flow. The server is Prefect's own, on this machine, with SQLite.
"""

import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.testing.utilities import prefect_test_harness

from configs.resolve import resolve
from configs.signatures import flow_cards
from tasks.runtime import steps
from tests.bench.pairs import at_most, plain

COUNTS = (1, 10, 100, 1_000)
SHARE = 0.05


@task(cache_policy=NO_CACHE, persist_result=False)
def nothing(number: int) -> int:
    """Return the number."""
    return number


def called(count: int) -> None:
    """Call the task so many times, one after another."""
    for number in range(count):
        nothing(number)


def submitted(count: int) -> None:
    """Submit so many runs of the task, and wait for all."""
    wait([nothing.submit(number) for number in range(count)])


def mapped(count: int) -> None:
    """Map the task over so many numbers, and wait for all."""
    wait(nothing.map(range(count)))


def measure() -> list[dict[str, Any]]:
    """Return the milliseconds a task of each way and count, and the share of a whole flow."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["LLM_FLOWS_HOME"] = home
        with prefect_test_harness(server_startup_timeout=280):
            _milliseconds(called, 1)  # imports and connections
            rows = [
                plain(f"{way.__name__}, {count:,} tasks", _milliseconds(way, count), "ms a task")
                for way in (called, submitted, mapped)
                for count in COUNTS
            ]
            cold, warm = _share(), _share()
    return [
        *rows,
        at_most("share of Prefect in knowledge-base @quick, first run", cold, "", SHARE),
        plain("share of Prefect in knowledge-base @quick, all stored", warm, ""),
    ]


def _milliseconds(way: Callable[[int], None], count: int) -> float:
    taken: list[float] = []

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=8))
    def timed() -> None:
        started = time.perf_counter()
        way(count)
        taken.append(time.perf_counter() - started)

    timed()
    return 1_000 * taken[0] / count


def _share() -> float:
    """Run the quick preset; return the share of its time that went neither into steps nor into the flow itself."""
    from flows.knowledge_base import knowledge_base

    call = resolve(flow_cards()["knowledge-base"], ["@quick"])
    inside, around = [0.0], [0.0]
    execute, whole = steps.execute, steps.Step.__call__

    def counted(total: list[float], function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                total[0] += time.perf_counter() - started

        return run

    steps.execute, steps.Step.__call__ = counted(inside, execute), counted(around, whole)  # type: ignore[method-assign]
    try:
        started = time.perf_counter()
        knowledge_base(**{name: getattr(call, name) for name in type(call).model_fields})
        return (around[0] - inside[0]) / (time.perf_counter() - started)
    finally:
        steps.execute, steps.Step.__call__ = execute, whole  # type: ignore[method-assign]
