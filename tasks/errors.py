"""Every error this project raises on purpose.

    FlowError
    ├── ContractError   a caller broke a precondition (also a ValueError)
    ├── DataError       the content of an input cannot be used
    ├── StoreError      a stored object, record or collection is missing or damaged
    ├── ModelError      a model cannot be found, loaded or trusted
    ├── MissingExtra    an optional package is not installed (also an ImportError)
    ├── RemoteError     a server did not answer as it should; the only error that is retried
    ├── ReplyError      a model's reply does not have the form that was asked for
    ├── BudgetError     what a run may cost is spent
    └── SupersededError another run, which began later, publishes in its place

A message says what is wrong with the value, what was needed and what to do. `disk_refusal` reads from the errors of
libraries that a disk is full.
"""

import errno
import os
import re

NUMBERED = re.compile(r"\(os error ([0-9]+)\)")  # how Rust ends a message
UNNAMED = "PytorchStreamWriter failed writing"


class FlowError(Exception):
    """Anything the user can act on; the launcher prints it as one line."""


class ContractError(FlowError, ValueError):
    """A caller broke a precondition."""


class DataError(FlowError):
    """The content of an input cannot be used."""


class StoreError(FlowError):
    """A stored object, record or collection is missing or damaged."""


class ModelError(FlowError):
    """A model cannot be found, loaded or trusted."""


class MissingExtra(FlowError, ImportError):
    """An optional package is not installed."""


class RemoteError(FlowError):
    """A server did not answer as it should."""


class ReplyError(FlowError):
    """A model's reply does not have the form that was asked for."""


class BudgetError(FlowError):
    """What a run may cost is spent."""


class SupersededError(FlowError):
    """Another run, which began later, publishes in the place of this one."""


def disk_refusal(error: BaseException) -> str:
    """Return why a disk refused, in words, where an error says that it did; empty where it is of something else.

    Libraries written in Rust, as safetensors, name the number of the system's error at the end of a message; torch
    names no reason at all.
    """
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (found := NUMBERED.search(str(error))):
        number = int(found[1])
    if number is None:
        unnamed = isinstance(error, OSError) or UNNAMED in str(error)
        return str(error).strip().partition("\n")[0] if unnamed else ""
    return "the disk is full" if number == errno.ENOSPC else os.strerror(number)
