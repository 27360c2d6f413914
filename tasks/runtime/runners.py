"""Prefect's task runners, by config: the same tasks on threads, processes, Dask or Ray.

Workers read and write the workspace of the flow, which is a shared folder, and talk to its Prefect server.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, assert_never, cast

from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from configs.runner import Dask, Processes, Ray, Runner, Threads
from tasks.errors import MissingExtra
from tasks.store import workspace


@contextmanager
def started(config: Runner) -> Iterator[TaskRunner[Any]]:
    """Start a task runner, and stop it afterwards.

    Raises:
        MissingExtra: The runner's package is not installed.
    """
    with _make(config) as runner:
        yield runner


def _make(config: Runner) -> TaskRunner[Any]:
    match config:
        case Threads():
            return ThreadPoolTaskRunner(max_workers=config.workers)
        case Processes():
            share = max(1, (os.cpu_count() or 1) // config.workers)
            return ProcessPoolTaskRunner(max_workers=config.workers, initializer=take_cores, initargs=(share,))
        case Dask():
            return _dask(config)
        case Ray():
            return _ray(config)
    assert_never(config)


def take_cores(count: int) -> None:
    """Limit this process to some cores; must be said before a numeric library is loaded."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = str(count)


def _dask(config: Dask) -> TaskRunner[Any]:
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError as error:
        raise MissingExtra(
            "runner.kind is dask but prefect-dask is not here; pip install 'llm-flows[dask]'"
        ) from error
    if config.address:
        return DaskTaskRunner(address=config.address)
    cluster = {"n_workers": config.workers, "threads_per_worker": 1, "dashboard_address": None,
               "local_directory": str(workspace.folder("dask"))}  # fmt: skip
    return DaskTaskRunner(cluster_kwargs=cluster)


def _ray(config: Ray) -> TaskRunner[Any]:
    try:
        from prefect_ray import RayTaskRunner
    except ImportError as error:
        raise MissingExtra("runner.kind is ray but prefect-ray is not here; pip install 'llm-flows[ray]'") from error
    if config.address:
        return cast("TaskRunner[Any]", RayTaskRunner(address=config.address))
    alone = {"num_cpus": config.workers, "include_dashboard": False}
    return cast("TaskRunner[Any]", RayTaskRunner(init_kwargs=alone))
