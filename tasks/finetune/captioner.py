"""Train the network that turns pictures into the first token embeddings of a frozen language model.

Shapes: N pictures, F features, B rows of a batch, L padded tokens of prompt and caption.
Source: HF `Trainer`, whose checkpoints hold the prefix network alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import Trainer, TrainerCallback, TrainingArguments

from tasks.finetune.padding import collator

Floats = npt.NDArray[np.float32]
STATED: dict[str, Any] = {
    "label_names": ["labels"],
    "prediction_loss_only": True,
    "remove_unused_columns": False,
}  # of a trainer


class DescribedFeatures:
    """Pictures and their descriptions as a trainer reads them, one at a time."""

    def __init__(self, features: Floats, ids: Sequence[list[int]], labels: Sequence[list[int]]) -> None:
        self.features, self.ids, self.labels = features, ids, labels

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, at: int) -> dict[str, Any]:
        return {"features": self.features[at], "input_ids": self.ids[at], "labels": self.labels[at]}


@dataclass(frozen=True)
class CaptionerRecipe:
    """What a trainer of a captioner is made of.

    Attributes:
        load: Returns a captioner that has learned nothing; its language model is no part of its weights.
        train: Learned from.
        validation: What the best step is chosen by.
        padding: The padding token.
    """

    load: Callable[[], Any]
    train: DescribedFeatures
    validation: DescribedFeatures
    padding: int


def trainer_of(recipe: CaptionerRecipe, arguments: TrainingArguments, callbacks: list[TrainerCallback]) -> Trainer:
    """Return a trainer with a fresh captioner in it."""
    return Trainer(
        model=recipe.load(),
        args=arguments,
        train_dataset=recipe.train,
        eval_dataset=recipe.validation,
        data_collator=_collator(recipe.padding),
        callbacks=callbacks,
    )


def _collator(padding: int) -> Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]]:
    """Return what makes a batch of rows: features (B, F), and tokens (B, L) with their mask and labels."""
    import torch

    words = collator(padding)

    def collate(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {"features": torch.from_numpy(np.stack([row["features"] for row in rows])), **words(rows)}

    return collate
