"""A head that puts pictures among texts: the ridge regression of descriptions on features, in closed form.

Both encoders stay as they are. A symmetric contrastive loss (LiT) after it, judged on the same pictures, found fewer:
see `docs/experiments.md`.

Shapes: N pictures, F features, D numbers of a text.
Source: locked-image tuning, Zhai et al. 2022, arXiv:2111.07991, with the text tower locked too; ridge regression.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.vectors.arithmetic import normalise

Floats = npt.NDArray[np.float32]
LEAST_SPREAD = 1e-6  # of a feature that never changes


@dataclass(frozen=True, slots=True)
class RidgeHead:
    """A head.

    Attributes:
        mean: (F,) Of the features it learned from.
        spread: (F,) Their standard deviation.
        weight: (F, D).
        bias: (D,).
    """

    mean: Floats
    spread: Floats
    weight: Floats
    bias: Floats

    def __call__(self, features: Floats) -> Floats:
        """Return (N, D) vectors of length 1 of (N, F) features."""
        return normalise(((features - self.mean) / self.spread @ self.weight + self.bias).astype(np.float32))


def learn(features: Floats, texts: Floats, weight: float) -> RidgeHead:
    """Return the head that is nearest to the texts of pictures, by least squares with a ridge.

    Args:
        features: (N, F) of pictures.
        texts: (N, D) vectors of length 1 of their descriptions.
        weight: Of the ridge, in rows: as many rows of zeros.
    """
    mean, spread, centre = features.mean(0), features.std(0) + LEAST_SPREAD, texts.mean(0)
    rows = ((features - mean) / spread).astype(np.float64)
    gram = rows.T @ rows + weight * np.eye(rows.shape[1])
    weights = np.linalg.solve(gram, rows.T @ (texts - centre))
    return RidgeHead(*(np.asarray(part, np.float32) for part in (mean, spread, weights, centre)))
