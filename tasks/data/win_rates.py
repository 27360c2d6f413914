"""What crosses the border when a language model compares replies: verdicts on pairs, and what they come to."""

from dataclasses import dataclass
from typing import Literal

from tasks.data.base import Ref, Value
from tasks.data.evaluation import MeasuresRef

Verdict = Literal["A", "B", "tie", ""]  # the reply in the first place, in the second, neither; empty: none was given
Preferred = Literal["ours", "theirs", "tie", "none", "not asked"]


class JudgedPairsRef(Ref):
    """A table of `JudgedPair` rows."""

    kind: Literal["judged-pairs"] = "judged-pairs"


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """What a judge says of two replies to one prompt, asked once in each order.

    Attributes:
        match: Whose replies they are, as `SFT over base`.
        id: Of the held-out row.
        prompt: What was asked.
        ours: Reply of the one that is named first.
        theirs: Reply of the other.
        forward: What is preferred where ours stands first; none: no verdict came. Of equal replies nobody is asked.
        backward: What is preferred where theirs stands first.
        score: 1 where ours is better in both orders, 0 where theirs is, 0.5 where the verdicts differ or say tie; None
            where the judge gave none.
    """

    match: str
    id: str
    prompt: str
    ours: str
    theirs: str
    forward: Preferred
    backward: Preferred
    score: float | None


class WinRates(Value):
    """What a judge makes of the replies of models, two by two.

    Attributes:
        judge: Name of the model that judged.
        precision: What it computed in.
        prompt: Name of the prompt it was asked by.
        pairs: Every pair.
        measures: Win rates, and what they are worth.
        reliable: Whether the judge tells a held-out answer from an answer to another prompt for sure.
        shown: Prompts and replies that it was shown.
        shortened: Those of them that it read the beginning of alone.
        unjudged: Pairs without a verdict in one order or both.
        unread: What the judge said in place of the first verdict that did not come; empty where all came.
        equal: Pairs of equal replies: a tie, which nobody was asked about.
        tokens: That it read and wrote, each request once, those of cached replies too.
        reasoned: Replies of it that began with a thought, which is no verdict.
    """

    judge: str
    precision: str
    prompt: str
    pairs: JudgedPairsRef
    measures: MeasuresRef
    reliable: bool
    shown: int
    shortened: int
    unjudged: int
    unread: str
    equal: int
    tokens: int
    reasoned: int = 0
