"""What crosses the border between tasks of training: a trained model, how its training went, the curve of it."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from tasks.data.base import Ref, Value

NOTE = "training.json"  # what this project adds to the folder of a model
TunedTask = Literal["embedder", "reranker", "classifier", "tagger", "generator"]


@dataclass(frozen=True, slots=True)
class StepLoss:
    """One point of a training curve; what was not measured at the step, or is no number, is None.

    Attributes:
        step: Steps done, from 1.
        epoch: Passes over the data by then.
        loss: Mean training loss since the point before.
        eval_loss: Loss of the validation data.
        metric: What the best step is chosen by, of the validation data.
        learning_rate: Of the step.
    """

    step: int
    epoch: float
    loss: float | None
    eval_loss: float | None
    metric: float | None
    learning_rate: float | None


class TunedRef(Ref):
    """A folder with a trained model: safetensors, config, tokenizer, training.json; opens in its library as it is."""

    kind: Literal["tuned-model"] = "tuned-model"


class StepLossRef(Ref):
    """A table of `StepLoss` rows."""

    kind: Literal["training-curve"] = "training-curve"


class TunedModel(Value):
    """A trained model that is kept under a name.

    Attributes:
        name: What it is called; its id is `tuned:<name>`, and `tuned:<name>@<number>` for good.
        number: Of the record, from 1; given when it is kept.
        task: What it does.
        model: Its files.
        base: Id of what it was trained from.
        base_weights: Digest of those weights.
        data: Digests of what it was trained on and judged by, by name.
        released: Whether the gate let it go live.
        why: What the gate says, in words.
        replaced: Id of what was live before it; empty where nothing was, or it did not go live.
        classifier: Of a classifier what predicts with it, a `Classifier` as JSON; None for every other task.
    """

    name: str
    number: int = 0
    task: TunedTask
    model: TunedRef
    base: str
    base_weights: str
    data: dict[str, str] = Field(default_factory=dict)
    released: bool = False
    why: str = ""
    replaced: str = ""
    classifier: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """The id that stays with this record when the pointer moves; of one that is not kept yet, the name's."""
        return f"tuned:{self.name}@{self.number}" if self.number else f"tuned:{self.name}"


class TrainingResult(Value):
    """What training came to.

    Attributes:
        model: The files of the best step.
        curve: Its curve.
        best_step: Step whose weights these are.
        steps: Steps that were run, earlier tries included.
        seconds: What this run of it took here.
        tokens: Tokens of training texts read here, padding left out; 0 where that was not counted.
        peak_bytes: Most memory this process held, of a GPU what torch held; all that ran before counts too.
        trainable: Weights that moved.
        parameters: Weights in all.
        stopped_because: Why it ended, in words.
        resumed_from: Step of the checkpoint it went on from; 0 where it began anew.
        halved: How often the learning rate was halved because the loss was no number.
        skipped: Steps whose gradients were no numbers and moved nothing.
        micro_batch: Items that went through the model at a time at the end.
        precision: What was computed in.
        device: Where.
    """

    model: TunedRef
    curve: StepLossRef
    best_step: int
    steps: int
    seconds: float
    tokens: int
    peak_bytes: int
    trainable: int
    parameters: int
    stopped_because: str
    resumed_from: int = 0
    halved: int = 0
    skipped: int = 0
    micro_batch: int = 0
    precision: str = "fp32"
    device: str = "cpu"

    def cache_key(self) -> Any:
        """Count by the model, not by how long it took."""
        return {"tuned": self.model.digest}
