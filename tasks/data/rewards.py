"""What crosses the border when a generator learns from rewards: the reward model, and what it gives to replies."""

from dataclasses import dataclass
from typing import Any, Literal

from tasks.data.base import Ref, Value
from tasks.data.training import TrainingResult


class RewardModel(Value):
    """A model that gives a number to a prompt and a reply, trained on pairs.

    Attributes:
        result: What training came to; its model is the reward model, updates merged.
        right: Held-out pairs whose chosen answer it gives more.
        pairs: Held-out pairs.
    """

    result: TrainingResult
    right: int
    pairs: int

    def cache_key(self) -> Any:
        """Count by the model."""
        return self.result.cache_key()


class ReplyRewardsRef(Ref):
    """A table of `ReplyReward` rows."""

    kind: Literal["reply-rewards"] = "reply-rewards"


@dataclass(frozen=True, slots=True)
class ReplyReward:
    """What a reward model gives to the reply of a generator.

    Attributes:
        model: Whose reply it is: base, SFT, RLOO.
        id: Of the held-out row.
        reward: The number; only differences on one prompt mean anything.
    """

    model: str
    id: str
    reward: float


class JudgedReplies(Value):
    """A reward model, and what it gives to the replies of every model.

    Attributes:
        judge: The reward model.
        rewards: Of every reply.
    """

    judge: RewardModel
    rewards: ReplyRewardsRef
