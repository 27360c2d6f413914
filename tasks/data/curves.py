"""What ways to classify reach with fewer labels: references, small values and rows."""

from dataclasses import dataclass
from typing import Literal

from tasks.data.base import Ref, Value


class CurveRef(Ref):
    """A table of `CurvePoint` rows."""

    kind: Literal["curve"] = "curve"


class CurveMean(Value):
    """What a way reaches with some of the labels, over all draws.

    Attributes:
        way: Name of the way.
        share: Share of the training texts.
        examples: How many that is.
        macro_f1: On the texts kept back, in the mean.
        least: Least of the draws.
        most: Most of the draws.
    """

    way: str
    share: float
    examples: int
    macro_f1: float
    least: float
    most: float


class LearningCurve(Value):
    """What a way reaches with fewer labels: every draw, and the means over the draws."""

    points: CurveRef
    means: tuple[CurveMean, ...]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What a way reaches with some of the labels.

    Attributes:
        way: Name of the way.
        share: Share of the training texts.
        examples: How many that is.
        repeat: Number of the draw.
        macro_f1: On the texts kept back.
        accuracy: The same.
    """

    way: str
    share: float
    examples: int
    repeat: int
    macro_f1: float
    accuracy: float
