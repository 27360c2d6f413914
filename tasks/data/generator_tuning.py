"""What crosses the border between tasks that train a generator: merge, replies, losses, rewards."""

from dataclasses import dataclass
from typing import Any, Literal

from tasks.data.base import Ref, Value
from tasks.data.training import TrainingResult


class MergeParity(Value):
    """How a model that was saved and reloaded differs from the one that was trained.

    Attributes:
        logits: Largest difference of a logit, in fp32.
        tokens: Tokens of the prompts it was measured on.
        replies: Greedy replies that were compared; all are equal, else the flow has failed.
    """

    logits: float
    tokens: int
    replies: int


class PackingProbe(Value):
    """Whether rows behind each other are as alone to a model, and what that saves.

    Attributes:
        used: Whether they are; only then are rows packed.
        logits: Largest difference of a logit between rows alone and behind each other, in fp32.
        compared: Rows that were compared.
        rows: Rows that are trained on.
        packed: Packed rows that hold them.
        filled: Share of the places of packed rows that hold a token.
    """

    used: bool
    logits: float
    compared: int
    rows: int
    packed: int
    filled: float

    def cache_key(self) -> Any:
        """Count by whether rows are packed."""
        return self.used


class RewardPointsRef(Ref):
    """A table of `RewardPoint` rows."""

    kind: Literal["reward-points"] = "reward-points"


@dataclass(frozen=True, slots=True)
class RewardPoint:
    """What the validation pairs are worth at a step of preference training.

    Attributes:
        step: Steps done.
        chosen: Mean reward of the chosen answers.
        rejected: Mean reward of the rejected answers.
        accuracy: Share of the pairs whose chosen answer has the larger reward.
    """

    step: int
    chosen: float
    rejected: float
    accuracy: float


class TunedGenerator(Value):
    """A generator that was trained, merged, saved, and found equal when it was reloaded.

    Attributes:
        result: What training came to; its model is the merged one.
        parity: How the saved model differs from the trained one.
        rewards: Over the steps; None where no preferences were learned.
        learning_rate: Largest step.
        moved: Kind of the weights that moved.
    """

    result: TrainingResult
    parity: MergeParity
    rewards: RewardPointsRef | None = None
    learning_rate: float
    moved: str

    def cache_key(self) -> Any:
        """Count by the model."""
        return self.result.cache_key()


class PromptLossesRef(Ref):
    """A table of `PromptLoss` rows."""

    kind: Literal["prompt-losses"] = "prompt-losses"


@dataclass(frozen=True, slots=True)
class PromptLoss:
    """What a model makes of one held-out completion.

    Attributes:
        id: Of the row.
        loss: Cross entropy of all tokens of the completion together, its end included.
        tokens: How many these are.
    """

    id: str
    loss: float
    tokens: int


class TriedRepliesRef(Ref):
    """A table of `TriedReply` rows."""

    kind: Literal["tried-replies"] = "tried-replies"


@dataclass(frozen=True, slots=True)
class TriedReply:
    """What a model replies to one held-out prompt, at temperature 0.

    Attributes:
        id: Of the row.
        prompt: What was asked.
        wanted: The completion of the row.
        reply: What came.
        stopped: Whether the model ended it by itself.
        tokens: Of the reply.
        history: Turns before the prompt, as a `PromptRow` has them.
    """

    id: str
    prompt: str
    wanted: str
    reply: str
    stopped: bool
    tokens: int
    history: str = ""


class GeneratorTrial(Value):
    """What one model does on held-out rows.

    Attributes:
        name: base, SFT or DPO.
        losses: Of every row.
        replies: To some prompts.
    """

    name: str
    losses: PromptLossesRef
    replies: TriedRepliesRef


class PairRewardsRef(Ref):
    """A table of `PairReward` rows."""

    kind: Literal["pair-rewards"] = "pair-rewards"


@dataclass(frozen=True, slots=True)
class PairReward:
    """What a held-out pair is worth to a model, against the one it was started from.

    Attributes:
        id: Of the row.
        chosen: Log-probability of the chosen answer.
        rejected: Of the rejected answer.
        reference_chosen: Log-probability of the chosen answer by the model that was started from.
        reference_rejected: Of the rejected answer.
        beta: What differences of log-probabilities are multiplied by.
    """

    id: str
    chosen: float
    rejected: float
    reference_chosen: float
    reference_rejected: float
    beta: float

    @property
    def rewards(self) -> tuple[float, float]:
        """Rewards of the chosen and of the rejected answer."""
        return (
            self.beta * (self.chosen - self.reference_chosen), self.beta * (self.rejected - self.reference_rejected)
        )  # fmt: skip

    @property
    def margin(self) -> float:
        """By how much the chosen answer is worth more."""
        chosen, rejected = self.rewards
        return chosen - rejected
