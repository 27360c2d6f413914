"""How likely a language model takes labels to be, and how its label bias is taken out: references and small values."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from configs.classify import CalibrationKind
from tasks.data.base import Ref, Value
from tasks.data.chains import PromptUsage


@dataclass(frozen=True, slots=True)
class Likelihoods:
    """How likely a model takes texts to be its replies.

    Attributes:
        values: (N, K) natural logarithms of the probability that the reply begins with this text.
        prompt_tokens: (N,) tokens of each prompt.
        reply_tokens: (K,) tokens of each reply.
    """

    values: npt.NDArray[np.float32]
    prompt_tokens: npt.NDArray[np.int64]
    reply_tokens: npt.NDArray[np.int64]


class LikelihoodsRef(Ref):
    """A (N, K) float32 array: the log-likelihood of each label as the reply about each text."""

    kind: Literal["likelihoods"] = "likelihoods"


class LabelLikelihoods(Value):
    """What a language model holds of the labels of some texts.

    Attributes:
        tried: Of the training texts that ready models are tried on.
        test: Of the texts kept back.
        content_free: Of texts without content.
        usage: What it was asked, and what that took.
        seconds_per_1000: What 1,000 texts take here.
    """

    tried: LikelihoodsRef
    test: LikelihoodsRef
    content_free: LikelihoodsRef
    usage: PromptUsage
    seconds_per_1000: float

    def cache_key(self) -> Any:
        """Count by what was found, not by how long it took."""
        return [self.tried.digest, self.test.digest, self.content_free.digest]


class LabelCalibration(Value):
    """How the label bias of a language model is taken out.

    Attributes:
        kind: none, contextual, batch or threshold.
        offsets: What is added to the logarithm of the probability of each class, divided by the temperature.
        temperature: 1 but for `threshold`.
        texts: Texts it was found by.
        labelled: How many of them gave their label.
    """

    kind: CalibrationKind
    offsets: tuple[float, ...]
    temperature: float = 1.0
    texts: int = 0
    labelled: int = 0


class CalibrationTried(Value):
    """What one kind of calibration reaches on training texts, those that gave it a label left out.

    Attributes:
        kind: none, contextual, batch or threshold.
        macro_f1: On the training texts that ready models are tried on.
        accuracy: On the same.
    """

    kind: CalibrationKind
    macro_f1: float
    accuracy: float
