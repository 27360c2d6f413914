"""What a flow run is called: after what it works on and when, unless a person named it."""

import inspect
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tasks.data.run import subject_of

SUBJECT = 60  # characters of a name that say what a run works on
GREEK = (
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|omicron|pi|rho|sigma|tau|upsilon|phi"
    "|chi|psi|omega"
)
# The form of Prefect 3.8 fills in a letter, mostly with a number, then some words. A letter without a number, as in
# `beta-test`, is rather a person's: it is kept, and with it one in nine of those the form has drawn.
OF_THE_FORM = re.compile(rf"(?:{GREEK})\d+(?:-[a-z]+){{1,4}}")


def named(*parameters: str) -> Callable[[], str]:
    """Return what Prefect asks for the name of a flow run: `knowledge-base notes · 26 Nov 03:00`.

    A name that a person has given, in the UI or with `--flow-run-name`, is kept, unless it looks like one that Prefect
    draws.

    Args:
        parameters: Of the flow; the first that has a value is what the run works on.
    """

    def name() -> str:
        from prefect.context import FlowRunContext

        context = FlowRunContext.get()
        if context is None or context.flow_run is None or context.flow is None:
            raise RuntimeError("a flow run is named inside of it; Prefect calls this")
        if not is_generated(given := context.flow_run.name):
            return given
        stated = inspect.signature(context.flow.fn).parameters
        values = {p: (context.parameters or {}).get(p, stated[p].default) for p in parameters}
        subject = next((subject_of(value) for value in values.values() if value), "")
        planned = context.flow_run.expected_start_time or datetime.now(UTC)
        return told(context.flow.name, subject, planned.astimezone())

    return name


def told(flow: str, subject: str, moment: datetime) -> str:
    """Return the name of a run; what cannot be printed becomes a blank, what is long is cut."""
    words = " ".join("".join(c if c.isprintable() else " " for c in subject).split())
    short = words if len(words) <= SUBJECT else words[: SUBJECT - 1].rstrip() + "…"
    return " ".join(filter(None, (flow, short, f"· {moment:%d %b %H:%M}")))


def is_generated(name: str) -> bool:
    """Return whether Prefect has drawn a name, or its form has: `blue-whale`, `delta2-bayliss-instability`."""
    from coolname.data import config

    lists: dict[str, Any] = config
    words = {word for part in lists.values() if part["type"] == "words" for word in part["words"]}
    words |= {str(p) if isinstance(p, str) else "-".join(p)
              for part in lists.values() if part["type"] == "phrases" for p in part["phrases"]}  # fmt: skip
    first, _, second = name.partition("-")
    return (first in words and second in words) or OF_THE_FORM.fullmatch(name) is not None
