"""Train a cross-encoder with the trainer of sentence-transformers: what goes in, and what is measured.

Source: Nogueira & Cho 2019, arXiv:1901.04085; binary cross-entropy over pairs, as sentence-transformers has it;
relevant pairs count for more where they are few.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import CrossEncoder, CrossEncoderTrainer, CrossEncoderTrainingArguments
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss
from sentence_transformers.sentence_transformer.evaluation import SentenceEvaluator
from transformers import TrainerCallback, TrainingArguments

from configs.finetune import Parameters
from tasks.data.pairs import TextPair
from tasks.finetune import adapters
from tasks.finetune.judged import Sides
from tasks.finetune.trainer import quiet
from tasks.finetune.weights import OwnWeights
from tasks.metrics.judged import listed

Arguments = CrossEncoderTrainingArguments
BEST = "eval_validation"  # what the best step is chosen by
EPOCH = 1_000_003  # apart in seeds, so that an epoch of one seed is none of another
HEAD = ("classifier", "score", "pre_classifier", "vocab_projector")


@dataclass(frozen=True)
class RerankerRecipe:
    """What a trainer of a cross-encoder is made of.

    Attributes:
        base: Folder of the model to start from.
        load: Returns a fresh transformer that gives one score.
        rows: Pairs with a score of 1 or 0.
        validation: Likewise.
        sides: What the best step is chosen by.
        max_seq_length: Tokens of a pair.
        parameters: Which weights move.
    """

    base: Path
    load: Callable[[], Any]
    rows: Sequence[TextPair]
    validation: Sequence[TextPair]
    sides: Sides
    max_seq_length: int
    parameters: Parameters


def trainer_of(
    recipe: RerankerRecipe, arguments: TrainingArguments, callbacks: list[TrainerCallback]
) -> "RerankerTrainer":
    """Return a trainer with a fresh cross-encoder in it."""
    with quiet():  # what it says of a head that is lacking: the fresh transformer has one
        model: Any = CrossEncoder(
            str(recipe.base), num_labels=1, max_length=recipe.max_seq_length, device=str(arguments.device),
            local_files_only=True, trust_remote_code=False,
        )  # fmt: skip
    fresh = recipe.load()
    fresh.config.problem_type = None  # of one output transformers takes no other
    adapters.move(fresh, recipe.parameters, HEAD)
    model[0].model = fresh.to(arguments.device)
    relevant = sum(row.score > 0 for row in recipe.rows)
    weight = torch.tensor((len(recipe.rows) - relevant) / max(relevant, 1))
    return RerankerTrainer(
        model=model,
        args=arguments,  # type: ignore[arg-type]
        train_dataset=dataset_of(recipe.rows),
        eval_dataset=dataset_of(recipe.validation),
        loss=BinaryCrossEntropyLoss(model, pos_weight=weight.to(arguments.device)),
        evaluator=RankingValidation(recipe.sides),
        callbacks=callbacks,
    )


def stated() -> dict[str, Any]:
    """Return the arguments of the trainer that training a cross-encoder decides."""
    return {"metric_for_best_model": BEST, "greater_is_better": True}


def dataset_of(rows: Sequence[TextPair]) -> Dataset:
    """Return pairs in the columns that the loss reads."""
    columns = {"anchor": [r.anchor for r in rows], "positive": [r.positive for r in rows]}
    return Dataset.from_dict({**columns, "label": [float(r.score > 0) for r in rows]})


class SeededBatches(DefaultBatchSampler):
    """Batches in an order that follows from seed and epoch alone: a resumed run sees what it would have seen."""

    def __init__(self, dataset: Dataset, **more: Any) -> None:
        super().__init__(dataset, **more)
        self.rows = len(dataset)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the rows of each batch of the epoch."""
        drawn = np.random.default_rng([self.seed, int(getattr(self, "epoch", 0))]).permutation(self.rows).tolist()
        yield from (drawn[start : start + self.batch_size] for start in range(0, self.rows, self.batch_size))

    def __len__(self) -> int:
        """Return how many batches every epoch has."""
        return -(-self.rows // self.batch_size)


class RerankerTrainer(OwnWeights, CrossEncoderTrainer):
    """The trainer of sentence-transformers, its batches in an order that a restart does not change."""

    def get_batch_sampler(  # type: ignore[override]
        self, dataset: Dataset, batch_size: int, drop_last: bool, **more: Any
    ) -> SeededBatches:
        """Return what makes the batches of a data set."""
        return SeededBatches(dataset, batch_size=batch_size, drop_last=drop_last, **more)


class RankingValidation(SentenceEvaluator):
    """Measures how held-out texts are ranked; the trainer calls it at each evaluation."""

    def __init__(self, sides: Sides) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sides, self.primary_metric = sides, "validation"

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: int = -1, steps: int = -1
    ) -> dict[str, float]:
        """Return what the model reaches."""
        pairs = [(self.sides.left[t.left], self.sides.right[t.right]) for t in self.sides.truths]
        scores = np.asarray(model.predict(pairs, show_progress_bar=False), dtype=np.float64)
        return {"validation": listed(self.sides.truths, scores).mean}


def save(model: Any, folder: Path) -> None:
    """Write a cross-encoder, updates merged, as sentence-transformers does, without its page."""
    adapters.merge(model[0].model)
    model.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)
