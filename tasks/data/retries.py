"""Asking again over the network what passes: how often, how long apart, and the count of it for the records of a run.

Waiting is exponential with jitter, by tenacity; a server that says how long to wait is waited for, up to a minute.
What a library does by itself (the hub's files, streamed data sets, buckets, Prefect, MLflow) is left to it.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import tenacity

TRIES = 4  # the first included: 7 s in all where the server names no time
FIRST_S, LONGEST_S = 1.0, 60.0
PASSING = (408, 425, 429)  # statuses, and every 5xx
Made = TypeVar("Made")

log = logging.getLogger(__name__)
_lock = threading.Lock()
_counted: Counter[str] = Counter()


def tried(
    call: Callable[[], Made], what: str, passes: Callable[[BaseException], float | None],
    sleep: Callable[[float], None] = tenacity.nap.sleep,
) -> Made:  # fmt: skip
    """Return what a call over the network gives; what passes is asked for again, and counted.

    Args:
        call: Asks; may be called several times.
        what: Who is asked, in a word.
        passes: Returns the seconds that a server asks to wait, 0 where it names none, or None for an error that
            asking again will not mend.
        sleep: Waits so many seconds.

    Raises:
        Exception: What the last call has raised.
    """

    def wait(state: tenacity.RetryCallState) -> float:
        asked = passes(_error(state)) or 0.0
        own = (tenacity.wait_exponential(multiplier=FIRST_S) + tenacity.wait_random(0, FIRST_S))(state)
        return min(LONGEST_S, max(own, asked))

    def say(state: tenacity.RetryCallState) -> None:
        count(what)
        reason = " ".join(str(_error(state)).split())[:200] or type(_error(state)).__name__
        pause = state.next_action.sleep if state.next_action else 0.0
        log.warning("%s did not answer (%s); asked again in %.0f s", what, reason, pause)

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: passes(error) is not None),
        stop=tenacity.stop_after_attempt(TRIES), wait=wait, sleep=sleep, before_sleep=say, reraise=True,
    )  # fmt: skip
    return retrying(call)


def _error(state: tenacity.RetryCallState) -> BaseException:
    found = state.outcome.exception() if state.outcome else None
    return found or RuntimeError("no answer")


def count(what: str) -> None:
    """Count that somebody was asked once more."""
    with _lock:
        _counted[what] += 1


def counted() -> Counter[str]:
    """Return how often each was asked again by this process so far."""
    with _lock:
        return _counted.copy()


def of_hub(error: BaseException) -> float | None:
    """Return how long the hub asks to wait; None where it refuses, or what failed is not the network.

    The hub's client hides the cause of some failures behind errors of its own, or of `datasets`.
    """
    from huggingface_hub.errors import HfHubHTTPError

    network = HfHubHTTPError.__bases__[0]  # every error of the HTTP client that this version of the hub's uses
    seen: BaseException | None = error
    for _ in range(8):
        if isinstance(seen, HfHubHTTPError):
            response = seen.response
            return seconds(response.headers.get("Retry-After")) if passing(response.status_code) else None
        if isinstance(seen, network):
            return 0.0
        if seen is None:
            return None
        seen = seen.__cause__ or seen.__context__
    return None


def passing(status: int) -> bool:
    """Return whether a status says that a later answer may be another."""
    return status in PASSING or status >= 500


def seconds(stated: str | None) -> float:
    """Return the seconds of a header `Retry-After`; 0 where it states none."""
    try:
        return max(0.0, float(stated or 0))
    except ValueError:  # a date, which no hub sends
        return 0.0
