"""What a run has spent at servers, shared by all that ask in it: steps, threads, label writers, judges.

A ledger belongs to the context of a run and to the threads that inherit it. The caps are those of whoever asks: what
others have spent counts against them.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

_current: ContextVar["Ledger | None"] = ContextVar("spending", default=None)


@dataclass
class Ledger:
    """What is spent, and what is reserved for requests under way.

    Attributes:
        tokens: Spent.
        money: Spent.
        reserved_tokens: Of requests under way, at most.
        reserved_money: Of requests under way, at most.
        caps: Caps that were named in the run, by the name of their setting.
        turn: Held while any of it is read or changed; told when a request has ended.
    """

    tokens: int = 0
    money: float = 0.0
    reserved_tokens: int = 0
    reserved_money: float = 0.0
    caps: dict[str, float] = field(default_factory=dict)
    turn: threading.Condition = field(default_factory=threading.Condition)

    def stated(self) -> dict[str, float | str]:
        """Return what is spent and what remains of each cap, with a sentence; nothing where there is no cap."""
        spent = {"budget_tokens": self.tokens, "budget_money": self.money}
        left = {name: max(0, cap - spent[name]) for name, cap in sorted(self.caps.items())}
        told = [f"{spent[name]:,.6g} of {self.caps[name]:,.6g} spent, {left[name]:,.6g} remain" for name in left]
        said = "; ".join(f"{name} {words}" for name, words in zip(left, told, strict=True))
        return {"said": said, **{f"{name} remaining": value for name, value in left.items()}} if left else {}


def current() -> Ledger:
    """Return the ledger of the run that asks; outside any run, a new one."""
    return _current.get() or Ledger()


@contextmanager
def shared() -> Iterator[Ledger]:
    """Share one ledger from here to the end of the context; a run inside a run shares that of the outer one."""
    ledger = current()
    token = _current.set(ledger)
    try:
        yield ledger
    finally:
        _current.reset(token)
