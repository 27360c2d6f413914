"""Train a model of transformers to put texts into classes: what goes in, what is measured, what is written.

Shapes: N texts, K classes, B texts of a batch.
Source: HF `Trainer`; class weights as scikit-learn's `compute_class_weight("balanced")`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import DataCollatorWithPadding, Trainer, TrainerCallback, TrainingArguments

from configs.finetune import Parameters
from tasks.finetune.adapters import merge, move
from tasks.finetune.trainer import length_groups
from tasks.metrics.classification import decide, macro_f1

SHOWN = "eval_macro_f1"
EVEN = 0.5  # from which on a label is given, where a text may have several
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TokenisedTexts:
    """Texts as tokens, and their labels.

    Attributes:
        ids: Tokens of each text, cut, special ones included.
        targets: (N, K) labels.
        cut: How many texts were longer.
    """

    ids: list[list[int]]
    targets: Bools
    cut: int


@dataclass(frozen=True)
class ClassifierRecipe:
    """What a trainer of a classifier is made of.

    Attributes:
        load: Returns a fresh model with a new head.
        tokenizer: Of transformers; it pads.
        train: Trained on.
        validation: What the best step is chosen by.
        parameters: Which weights move.
        head: Names of the modules of the head.
        weights: (K,) what a text of each class counts for; None where all count alike.
        multiple: Whether a text may have several labels.
    """

    load: Callable[[], Any]
    tokenizer: Any
    train: TokenisedTexts
    validation: TokenisedTexts
    parameters: Parameters
    head: Sequence[str]
    weights: Floats | None
    multiple: bool


class TokenisedRows:
    """Texts as a trainer reads them, one at a time."""

    def __init__(self, encoded: TokenisedTexts, *, multiple: bool) -> None:
        self.encoded, self.multiple = encoded, multiple

    def __len__(self) -> int:
        return len(self.encoded.ids)

    def __getitem__(self, at: int) -> dict[str, Any]:
        row = self.encoded.targets[at]
        labels: Any = row.astype(float).tolist() if self.multiple else int(row.argmax())
        return {"input_ids": self.encoded.ids[at], "labels": labels}


class GroupedTrainer(Trainer):
    """A `Trainer` whose batches hold items of like length, in an order that a restart does not change."""

    lengths: Sequence[int] = ()

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return length_groups(self.lengths, batch, self.args.seed)


def tokens_of(tokenizer: Any, texts: Sequence[str], most: int) -> tuple[list[list[int]], int]:
    """Return the tokens of texts, cut at a length, and how many were longer; what looks like a special token is text.

    Args:
        tokenizer: Of transformers, with a fast one behind it.
        texts: N texts.
        most: Tokens of a text, special ones included.
    """
    quick = tokenizer.backend_tokenizer
    quick.no_padding()
    quick.enable_truncation(most)
    quick.encode_special_tokens = True
    found = quick.encode_batch(list(texts))
    return [list(e.ids) for e in found], sum(bool(e.overflowing) for e in found)


def encode(tokenizer: Any, texts: Sequence[str], targets: Bools, most: int) -> TokenisedTexts:
    """Return texts as tokens, with their labels."""
    ids, longer = tokens_of(tokenizer, texts, most)
    return TokenisedTexts(ids, targets, longer)


def class_weights(targets: Bools) -> Floats:
    """Return (K,) what a text of each class counts for so that all classes count alike; 1 in the mean over texts."""
    counted = np.maximum(targets.sum(axis=0), 1)
    return np.asarray(targets.sum() / (targets.shape[1] * counted), dtype=np.float64)


def trainer_of(recipe: ClassifierRecipe, arguments: TrainingArguments, callbacks: list[TrainerCallback]) -> Trainer:
    """Return a trainer with a fresh model in it."""
    model = recipe.load()
    move(model, recipe.parameters, recipe.head)
    made = GroupedTrainer(
        model=model,
        args=arguments,
        train_dataset=TokenisedRows(recipe.train, multiple=recipe.multiple),
        eval_dataset=TokenisedRows(recipe.validation, multiple=recipe.multiple),
        data_collator=DataCollatorWithPadding(recipe.tokenizer),
        compute_loss_func=None if recipe.weights is None else weighted_loss(recipe.weights, multiple=recipe.multiple),
        compute_metrics=_measure(recipe.validation.targets, multiple=recipe.multiple),
        callbacks=callbacks,
    )
    made.lengths = [len(ids) for ids in recipe.train.ids]
    return made


def stated(best_by: str, shown: str = SHOWN) -> dict[str, Any]:
    """Return the arguments of the trainer that training a classifier, or a tagger, decides.

    Args:
        best_by: What the best step is chosen by: loss, or what is shown.
        shown: What is measured at each evaluation.
    """
    return {
        "metric_for_best_model": "eval_loss" if best_by == "loss" else shown,
        "greater_is_better": best_by != "loss",
        "include_num_input_tokens_seen": "non_padding",
        "label_names": ["labels"],
    }


def weighted_loss(weights: Floats, *, multiple: bool) -> Callable[..., Any]:
    """Return a loss in which a text counts for as much as its class says.

    Args:
        weights: (K,).
        multiple: Whether a text may have several labels; then the weight is that of a label that a text has.
    """
    import torch
    from torch.nn import functional

    counts = torch.tensor(weights, dtype=torch.float32)

    def loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        logits, each = outputs.logits.float(), counts.to(outputs.logits.device)
        if multiple:
            total = functional.binary_cross_entropy_with_logits(logits, labels, pos_weight=each, reduction="sum")
        else:
            total = functional.cross_entropy(logits, labels, weight=each, reduction="sum")
        return total / (labels.numel() if num_items_in_batch is None else num_items_in_batch)

    return loss


def _measure(targets: Bools, *, multiple: bool) -> Callable[[Any], dict[str, float]]:
    """Return what measures the outputs for the validation texts."""

    def measure(predicted: Any) -> dict[str, float]:
        logits = np.asarray(predicted.predictions, dtype=np.float64)
        thresholds = np.zeros(logits.shape[1]) if multiple else None  # of a logit: half of the probability
        return {"macro_f1": macro_f1(targets, decide(logits, thresholds))}

    return measure


def save_model(
    model: Any, tokenizer: Any, folder: Path, most: int, write: Callable[[Any, Path], None] | None = None
) -> None:
    """Write a trained model as transformers does, its updates merged, its tokenizer cutting where training did.

    Args:
        model: Of transformers.
        tokenizer: Its tokenizer.
        folder: Where to, empty.
        most: Tokens of a text.
        write: Writes the model otherwise.
    """
    if write is not None:
        write(model, folder)
    else:
        merge(model)
        model.save_pretrained(folder)
    quick = tokenizer.backend_tokenizer
    quick.no_truncation()
    quick.no_padding()
    quick.encode_special_tokens = False
    tokenizer.model_max_length = most
    tokenizer.save_pretrained(folder)
