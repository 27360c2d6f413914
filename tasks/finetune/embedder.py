"""Train an encoder with the trainer and the losses of sentence-transformers: what goes in, and what is measured.

Source: Reimers & Gurevych 2019, arXiv:1908.10084; losses of sentence-transformers 6; cached gradients, Gao et al.
2021, arXiv:2101.06983; Matryoshka vectors, Kusupati et al. 2022, arXiv:2205.13147.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt
from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.evaluation import SentenceEvaluator
from transformers import TrainerCallback, TrainingArguments

from configs.finetune_pairs import (
    ContrastiveMargin,
    CoSent,
    CosineSimilarity,
    EmbedderLoss,
    MultipleNegatives,
    SoftmaxRelation,
)
from tasks.data.pairs import TextPair
from tasks.finetune.judged import Sides
from tasks.finetune.pairs import batches, keys_of
from tasks.metrics.judged import perform

BEST = "eval_validation"  # what the best step is chosen by
EPOCH = 1_000_003  # apart in seeds, so that an epoch of one seed is none of another
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Prompts:
    """What an encoder puts before queries and before passages."""

    query: str = ""
    passage: str = ""


@dataclass(frozen=True)
class EmbedderRecipe:
    """What a trainer of an encoder is made of.

    Attributes:
        base: Folder of the encoder to start from.
        loss: Which loss.
        matryoshka: Lengths of vectors that must work as well, longest first; none for the whole alone.
        rows: Trained on, as the loss reads them.
        validation: Likewise, for the loss of the validation data.
        sides: What the best step is chosen by.
        prompts: Of the encoder.
        max_seq_length: Tokens of a text.
        freeze: Stops weights from moving, or puts updates beside them; told the transformer, returns what replaces it.
    """

    base: Path
    loss: EmbedderLoss
    matryoshka: tuple[int, ...]
    rows: Sequence[TextPair]
    validation: Sequence[TextPair]
    sides: Sides
    prompts: Prompts
    max_seq_length: int
    freeze: Callable[[Any], Any]

    @property
    def relations(self) -> list[str]:
        """The relations of the rows, in order."""
        return sorted({row.label for row in self.rows})


def load(base: Path, max_seq_length: int, device: str = "cpu") -> Any:
    """Return the encoder of a folder as sentence-transformers opens it; nothing is fetched and no foreign code run."""
    model: Any = SentenceTransformer(str(base), device=device, local_files_only=True, trust_remote_code=False)
    model.max_seq_length = max_seq_length
    return model


def trainer_of(
    recipe: EmbedderRecipe, arguments: TrainingArguments, callbacks: list[TrainerCallback]
) -> SentenceTransformerTrainer:
    """Return a trainer with a fresh encoder in it."""
    model = load(recipe.base, recipe.max_seq_length, str(arguments.device))
    transformer = model[0]
    transformer.model = recipe.freeze(transformer.model)
    return SentenceTransformerTrainer(
        model=model,
        args=arguments,  # type: ignore[arg-type]
        train_dataset=dataset_of(recipe.rows, recipe.loss, recipe.relations),
        eval_dataset=dataset_of(recipe.validation, recipe.loss, recipe.relations),
        loss=loss_of(model, recipe),
        evaluator=Validation(recipe.sides, recipe.prompts),
        callbacks=callbacks,
    )


def dataset_of(rows: Sequence[TextPair], loss: EmbedderLoss, relations: Sequence[str]) -> Dataset:
    """Return rows in the columns that a loss reads: texts first, in their order, then what is known of them."""
    match loss:
        case MultipleNegatives():
            columns: dict[str, list[Any]] = {
                "anchor": [r.anchor for r in rows],
                "positive": [r.positive for r in rows],
            }
            if rows and rows[0].negative:
                columns["negative"] = [r.negative for r in rows]
            return Dataset.from_dict(columns)
        case CosineSimilarity() | CoSent():
            known: dict[str, list[Any]] = {"score": [r.score for r in rows]}
        case SoftmaxRelation():
            known = {"label": [relations.index(r.label) for r in rows]}
        case ContrastiveMargin():
            known = {"label": [int(r.score > 0) for r in rows]}
        case _:
            assert_never(loss)
    return Dataset.from_dict({"anchor": [r.anchor for r in rows], "positive": [r.positive for r in rows], **known})


def loss_of(model: Any, recipe: EmbedderRecipe) -> Any:
    """Return the loss of sentence-transformers that a config stands for."""
    config = recipe.loss
    match config:
        case MultipleNegatives(mini_batch=None):
            loss: Any = losses.MultipleNegativesRankingLoss(model, scale=config.scale)
        case MultipleNegatives():
            loss = losses.CachedMultipleNegativesRankingLoss(
                model, scale=config.scale, mini_batch_size=int(config.mini_batch or 1)
            )
        case CosineSimilarity():
            loss = losses.CosineSimilarityLoss(model)
        case CoSent():
            loss = losses.CoSENTLoss(model, scale=config.scale)
        case SoftmaxRelation():
            width = int(model.get_embedding_dimension())
            loss = losses.SoftmaxLoss(model, embedding_dimension=width, num_labels=len(recipe.relations))
        case ContrastiveMargin():
            loss = losses.ContrastiveLoss(model, margin=config.margin)
        case _:
            assert_never(config)
    if recipe.matryoshka:
        loss = losses.MatryoshkaLoss(model, loss, matryoshka_dims=list(recipe.matryoshka))
    return loss


def prompts_by_column(prompts: Prompts) -> dict[str, str]:
    """Return what the trainer puts before the texts of each column; nothing where the encoder has no prompts."""
    named = {"anchor": prompts.query, "positive": prompts.passage, "negative": prompts.passage}
    return {column: prompt for column, prompt in named.items() if prompt}


def batch_sampler(*parts: Sequence[TextPair]) -> Callable[..., DefaultBatchSampler]:
    """Return what makes batches in which no label and no text is twice; the order follows from seed and epoch.

    Args:
        parts: Rows of each data set that is read, told apart by their number and their first text.
    """
    known = {(len(rows), rows[0].anchor): [keys_of(row) for row in rows] for rows in parts if rows}

    class WithoutRepeats(DefaultBatchSampler):
        def __init__(self, dataset: Dataset, *given: Any, **more: Any) -> None:
            super().__init__(dataset, *given, **more)
            self.keys = known[len(dataset), dataset[0]["anchor"]]
            self.count = len(batches(self.keys, self.batch_size, self.seed * EPOCH))

        def __iter__(self) -> Iterator[list[int]]:
            drawn = self.seed * EPOCH + int(getattr(self, "epoch", 0))
            yield from batches(self.keys, self.batch_size, drawn, self.count)

        def __len__(self) -> int:
            return self.count

    return WithoutRepeats


class Validation(SentenceEvaluator):
    """Measures held-out texts as the gate measures others; the trainer calls it at each evaluation."""

    def __init__(self, sides: Sides, prompts: Prompts) -> None:
        super().__init__()
        self.sides, self.prompts, self.primary_metric = sides, prompts, "validation"

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: int = -1, steps: int = -1
    ) -> dict[str, float]:  # type: ignore[override]
        """Return what the model reaches."""
        left, right = (
            np.asarray(
                model.encode([prompt + text for text in texts], normalize_embeddings=True, show_progress_bar=False),
                dtype=np.float32,
            )
            for prompt, texts in ((self.prompts.query, self.sides.left), (self.prompts.passage, self.sides.right))
        )
        return {"validation": perform(self.sides.judged_as, left, right, self.sides.truths, 10).mean}


def save(model: Any, folder: Path, max_seq_length: int) -> None:
    """Write an encoder as sentence-transformers does, without its page, which knows nothing of this run.

    Args:
        model: The encoder.
        folder: Empty.
        max_seq_length: Tokens that its users shall read, whatever it was trained with.
    """
    model.max_seq_length = max_seq_length
    model.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)
