"""Every error this project raises on purpose.

    FlowError
    ├── ContractError   a caller broke a precondition (also a ValueError)
    ├── DataError       the content of an input cannot be used
    ├── StoreError      a stored object, record or collection is missing or damaged
    ├── ModelError      a model cannot be found, loaded or trusted
    ├── MissingExtra    an optional package is not installed (also an ImportError)
    ├── RemoteError     a server did not answer as it should; the only error that is retried
    ├── ReplyError      a model's reply does not have the form that was asked for
    └── BudgetError     what a run may cost is spent

A message says what is wrong with the value, what was needed and what to do.
"""


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
