"""What the gate of generators says."""

from tasks.data.base import Value
from tasks.data.evaluation import MeasuresRef
from tasks.data.pairs import TuneChecksRef

# Names of measures.
LOSS, STOPS, ACCURACY, DRAWN = "loss a token", "stop rate", "reward accuracy", "mean reward"


class GeneratorVerdict(Value):
    """What the gate of generators found.

    Attributes:
        checks: What it decides by, before and after.
        measures: Of every model, on the same held-out rows.
        released: Whether the model goes live.
        why: In words; of a refusal, what failed.
    """

    checks: TuneChecksRef
    measures: MeasuresRef
    released: bool
    why: str
