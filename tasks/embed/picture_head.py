"""A head that puts pictures among texts: features of a locked picture encoder to vectors of a locked text encoder.

It begins as the ridge regression of texts on features, and goes on by a symmetric contrastive loss whose targets are
softened by how alike the texts are; the step that ranks validation texts best is kept, the start included.

Source: LiT, Zhai et al. 2022, arXiv:2111.07991, with both towers locked; CLIP, Radford et al. 2021, arXiv:2103.00020.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

Floats = npt.NDArray[np.float32]
LEAST_SPREAD = 1e-6  # of a feature that never changes


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """How a head is trained.

    Attributes:
        ridge: Weight of the ridge, in rows: as many rows of zeros.
        steps: Steps of the contrastive loss at most.
        batch: Pictures a step.
        learning_rate: Of AdamW.
        temperature: That cosines are divided by at the start; it is learned.
        soft: Share of the targets that is spread over like texts.
        dropout: Of features.
        every: Steps between two looks at the validation rows.
        seed: Draws batches.
    """

    ridge: float = 2_000.0
    steps: int = 400
    batch: int = 512
    learning_rate: float = 1e-3
    temperature: float = 0.05
    soft: float = 0.5
    dropout: float = 0.2
    every: int = 20
    seed: int = 0


@dataclass(frozen=True, slots=True)
class PictureHead:
    """A head.

    Attributes:
        mean: (F,) Of the features it learned from.
        spread: (F,) Their standard deviation.
        weight: (F, D).
        bias: (D,).
        step: At which it was kept; 0 for the ridge.
        reciprocal_rank: Of validation pictures by their own text, the mean; what the step was chosen by.
        start: The same of the ridge.
    """

    mean: Floats
    spread: Floats
    weight: Floats
    bias: Floats
    step: int
    reciprocal_rank: float
    start: float

    def __call__(self, features: Floats) -> Floats:
        """Return (N, D) vectors of length 1 of (N, F) features."""
        vectors = (features - self.mean) / self.spread @ self.weight + self.bias
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def train_head(
    features: Floats, texts: Floats, validation: tuple[Floats, Floats], settings: HeadSettings
) -> PictureHead:
    """Return a head trained on pictures and the texts that describe them.

    Args:
        features: (N, F) Of pictures.
        texts: (N, D) Vectors of length 1 of their texts.
        validation: The same of others, by which the step is chosen.
        settings: How.
    """
    mean, spread = features.mean(0), features.std(0) + LEAST_SPREAD
    rows, held = (torch.from_numpy((part - mean) / spread) for part in (features, validation[0]))
    head = torch.nn.Linear(rows.shape[1], texts.shape[1])
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(ridge(rows.numpy(), texts - texts.mean(0), settings.ridge).T))
        head.bias.copy_(torch.from_numpy(texts.mean(0)))
    targets, asked = torch.from_numpy(texts), torch.from_numpy(validation[1])
    start = best = (_reciprocal_rank(head(held), asked), 0, head.weight.detach().clone(), head.bias.detach().clone())
    scale = torch.nn.Parameter(torch.tensor(-np.log(settings.temperature), dtype=torch.float32))
    learner = torch.optim.AdamW([*head.parameters(), scale], lr=settings.learning_rate, weight_decay=0.0)
    draws = torch.Generator().manual_seed(settings.seed)
    for step in range(1, settings.steps + 1):
        chosen = torch.randperm(len(rows), generator=draws)[: settings.batch]
        keep = torch.rand((len(chosen), rows.shape[1]), generator=draws) >= settings.dropout
        given = rows[chosen] * keep / (1 - settings.dropout)
        loss = contrast(head(given), targets[chosen], scale, settings)
        learner.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        learner.step()
        if step % settings.every == 0:
            with torch.no_grad():
                reached = _reciprocal_rank(head(held), asked)
            if reached > best[0]:
                best = (reached, step, head.weight.detach().clone(), head.bias.detach().clone())
    reached, step, weight, bias = best
    return PictureHead(mean, spread, weight.T.numpy().copy(), bias.numpy().copy(), step, reached, start[0])


def ridge(rows: Floats, wanted: Floats, weight: float) -> Floats:
    """Return (F, D) weights of a ridge regression of centred rows."""
    whole = rows.astype(np.float64)
    gram = whole.T @ whole + weight * np.eye(rows.shape[1])
    return np.asarray(np.linalg.solve(gram, whole.T @ wanted), np.float32)


def contrast(vectors: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor, settings: HeadSettings) -> torch.Tensor:
    """Return the loss of telling each picture's text among those of a batch, and each text's picture."""
    cosines = functional.normalize(vectors, dim=1) @ texts.T * scale.exp()
    alike = torch.softmax(texts @ texts.T / settings.temperature, 1)
    wanted = (1 - settings.soft) * torch.eye(len(texts)) + settings.soft * alike
    return -sum((wanted * way.log_softmax(1)).sum(1).mean() for way in (cosines, cosines.T)) / 2  # type: ignore[return-value]


def _reciprocal_rank(vectors: torch.Tensor, texts: torch.Tensor) -> float:
    """Return the mean reciprocal rank of pictures, each asked for by its own text."""
    cosines = texts @ functional.normalize(vectors.detach(), dim=1).T
    ranks = (cosines > cosines.diagonal()[:, None]).sum(1) + 1
    return float((1 / ranks).mean())
