"""Prefect's worker, which goes on asking a server that is away for as long as it is away.

    python -m deployments.polling --pool cpu     the options of `prefect worker start`

Prefect 3.8.8 ends a worker after twelve attempts that failed one after the other (`backoff=4` in
prefect/workers/base.py): a server that was away for some minutes left no worker behind, and no scheduled run began
any more.
"""

import sys
from collections.abc import Callable
from typing import Any

from prefect.cli import app
from prefect.logging import get_logger
from prefect.utilities.services import critical_service_loop
from prefect.workers import base

BACKOFF = 2  # times three attempts, with twice the interval after the first three
GIVEN_UP = "Service exceeded error threshold."  # what Prefect's loop raises

log = get_logger("llm_flows.polling")


async def patient_loop(workload: Callable[..., Any], *args: Any, **options: Any) -> None:
    """Do as Prefect's loop, and begin it anew where it gives up.

    Args:
        workload: What is called again and again.
        args: What else Prefect's loop takes, by place.
        options: What else it takes, by name; `backoff` is ours.
    """
    while True:
        try:
            await critical_service_loop(workload, *args, **{**options, "backoff": BACKOFF})
        except RuntimeError as error:
            if str(error) != GIVEN_UP:
                raise
            log.warning("the Prefect server does not answer; this worker goes on asking")
        else:
            return


def main() -> None:
    """Run the worker until it is stopped."""
    vars(base)["critical_service_loop"] = patient_loop  # which is not exported
    sys.argv[:] = ["prefect", "worker", "start", *sys.argv[1:]]
    app()


if __name__ == "__main__":
    main()
