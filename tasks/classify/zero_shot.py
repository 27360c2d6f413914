"""Classes by the vectors of their descriptions, no label used.

Shapes: N texts, K classes, W wordings, D width.
Source: zero-shot by label embeddings, as in "Hands-On Large Language Models", chapter 4; the mean of wordings is ours.
"""

import numpy as np
import numpy.typing as npt

from tasks.classify.model import Features, LinearModel
from tasks.metrics.classification import Bools, accuracy, decide, macro_f1

Vectors = npt.NDArray[np.floating]


def zero_shot_model(wordings: Vectors) -> LinearModel:
    """Return what scores a text by its mean cosine with the wordings (W, K, D) of each class."""
    mean = np.asarray(wordings, dtype=np.float64).mean(axis=0)
    return LinearModel(bias=np.zeros(len(mean)), vector_weights=mean)


def judge_wordings(wordings: Vectors, features: Features, targets: Bools) -> list[tuple[float, float]]:
    """Return macro-F1 and accuracy of each wording (W, K, D) alone, on texts whose labels (N, K) are known."""
    found = []
    for one in wordings:
        given = decide(zero_shot_model(one[None]).scores(features), None)
        found.append((macro_f1(targets, given), accuracy(targets, given)))
    return found
