"""What crosses the border when a model is measured on public benchmarks."""

from dataclasses import dataclass
from typing import Literal

from tasks.data.base import Ref


class TaskScoresRef(Ref):
    """A table of `TaskScore` rows."""

    kind: Literal["task-scores"] = "task-scores"


@dataclass(frozen=True, slots=True)
class TaskScore:
    """What a model reaches on one task of a benchmark.

    Attributes:
        task: Its name.
        metric: What the benchmark ranks models by there, as `cosine_spearman`.
        score: Of the splits it is judged on, the mean.
    """

    task: str
    metric: str
    score: float
