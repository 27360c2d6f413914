"""What is kept of a run that builds or moves a collection: numbers and a decision, no reference to anything."""

from typing import Literal

from pydantic import Field

from tasks.data.base import Value
from tasks.data.evaluation import Measure

RunState = Literal[
    "running",
    "published",
    "unchanged",
    "refused",
    "superseded",
    "failed",
    "stopped",
    "killed",
    "rolled back",
    "imported",
]


class CollectionRun(Value):
    """One run of a collection as it ended.

    Attributes:
        run: Id of the flow run, or of the command.
        flow: Which flow it was; the command where it was none.
        started: When, in seconds since 1970.
        state: How it ended.
        reason: Why, where it did not end well.
        generation: Number of the generation live at its end, or of one that was killed when it began; 0 for none.
        gate: What the gate found, in words; empty where it was not asked.
        documents: Of the generation that was made.
        passages: Of the generation that was made.
        bytes: Of all files it refers to.
        changes: Documents added, changed, removed and unchanged, by name.
        measures: What was measured by questions; none where there were none.
        seconds: Of the whole run.
        steps: Seconds of each step that ran.
        ran: Steps that ran.
        stored: Steps whose results were stored.
        tokens: Spent at servers that charge for them.
        money: Spent at servers, in the currency of their prices.
        asked_again: How often somebody was asked again over the network, by who it was.
    """

    run: str
    flow: str
    started: float
    state: RunState = "running"
    reason: str = ""
    generation: int = 0
    gate: str = ""
    documents: int = 0
    passages: int = 0
    bytes: int = 0
    changes: dict[str, int] = Field(default_factory=dict)
    measures: tuple[Measure, ...] = ()
    seconds: float = 0.0
    steps: dict[str, float] = Field(default_factory=dict)
    ran: int = 0
    stored: int = 0
    tokens: int = 0
    money: float = 0.0
    asked_again: dict[str, int] = Field(default_factory=dict)

    @property
    def why(self) -> str:
        """What the gate found, or why the run ended otherwise; empty where neither is known."""
        return self.gate if self.state == "refused" else self.reason or self.gate
