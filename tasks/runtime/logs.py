"""What a run logs: a line of words for every step that ends, one message for a failure of ours, no traceback.

Prefect says of every task `Finished in state Completed()`, and of a failure the same three times with two tracebacks.
Its loggers get a filter, in whichever process a flow runs: the launcher, a worker, a subprocess of one.
"""

import logging
from collections import deque

from prefect.exceptions import MissingContextError, ParameterTypeError
from prefect.logging import get_run_logger

from tasks.data.base import Ref, Value
from tasks.errors import FlowError

TASKS, FLOWS = "prefect.task_runs", "prefect.flow_runs"
ENGINES = (TASKS, FLOWS, "prefect.engine", "prefect.flow_runs.runner")
_reasons: deque[str] = deque(maxlen=8)  # why flow runs of this process have failed
ASKS_FOR_CODE = "bitsandbytes.backends.cpu.ops"  # wants a package that fetches code from the hub; it is not used here
OURS = (FlowError, ParameterTypeError)  # what a user can mend: the message says all
TOLD = ("Finished in state Completed(", "Finished in state Cached(", "Finished in state Failed(")


def step_ended(name: str, value: Value, seconds: float, *, cached: bool) -> None:
    """Log that a step has ended: its name with its labels, how many rows it made and rejected, how long it took."""
    made = f"{value.rows:,} {value.kind}" if isinstance(value, Ref) else ""
    if isinstance(gone := getattr(value, "rejected", None), Ref) and gone.rows:
        made = f"{gone.rows:,} rejected"
    took = "stored" if cached else f"{seconds:.1f} s"
    try:
        get_run_logger().info("%s: %s", name, ", ".join(filter(None, (made, took))))
    except MissingContextError:  # called outside of a flow
        return


def quieten() -> None:
    """Let Prefect's loggers say once what failed, and not that a step has ended; safe to repeat."""
    logging.getLogger(ASKS_FOR_CODE).setLevel(logging.ERROR)
    for name in ENGINES:
        logger = logging.getLogger(name)
        if _says_more not in logger.filters:
            logger.addFilter(_says_more)


def _says_more(record: logging.LogRecord) -> bool:
    """Return whether a message of Prefect's tells what is not told elsewhere; take the tracebacks of ours out."""
    message = record.getMessage()
    if record.exc_info and isinstance(error := record.exc_info[1], OURS):
        record.exc_info = record.exc_text = None
        if record.name != FLOWS or str(error) in _reasons:
            return "Retry" in message or "will attempt" in message
        record.msg, record.args = f"{type(error).__name__}: {error}", ()
        _reasons.append(str(error))
        return True
    if record.name == FLOWS and message.startswith("Finished in state Failed("):
        return not any(reason in message for reason in _reasons)
    return not (record.name == TASKS and message.startswith(TOLD))
