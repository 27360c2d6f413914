"""Train an encoder with the trainer and the losses of sentence-transformers: what goes in, and what is measured.

Source: Reimers & Gurevych 2019, arXiv:1908.10084; losses of sentence-transformers 6; cached gradients, Gao et al.
2021, arXiv:2101.06983; Matryoshka vectors, Kusupati et al. 2022, arXiv:2205.13147; a decoder that writes a text from
its vector, Wang et al. 2021, arXiv:2104.06979.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt
import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.evaluation import SentenceEvaluator
from transformers import TrainerCallback, TrainingArguments

from configs.finetune import Parameters
from configs.finetune_pairs import (
    ContrastiveMargin,
    CoSent,
    CosineSimilarity,
    EmbedderLoss,
    MultipleNegatives,
    SoftmaxRelation,
    Tsdae,
)
from tasks.data.pairs import TextPair
from tasks.errors import ModelError
from tasks.finetune import adapters
from tasks.finetune.judged import Sides
from tasks.finetune.noise import VALIDATION, Damage
from tasks.finetune.pairs import batches, keys_of
from tasks.finetune.trainer import quiet
from tasks.finetune.weights import OwnWeights
from tasks.metrics.judged import perform

Arguments = SentenceTransformerTrainingArguments
BEST = "eval_validation"  # what the best step is chosen by
EPOCH = 1_000_003  # apart in seeds, so that an epoch of one seed is none of another
PASSAGES = ("positive", "negative", "noisy")  # columns of texts that are encoded as passages are
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
        parameters: Which weights move.
    """

    base: Path
    loss: EmbedderLoss
    matryoshka: tuple[int, ...]
    rows: Sequence[TextPair]
    validation: Sequence[TextPair]
    sides: Sides
    prompts: Prompts
    max_seq_length: int
    parameters: Parameters

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
) -> "EmbedderTrainer":
    """Return a trainer with a fresh encoder in it."""
    model = load(recipe.base, recipe.max_seq_length, str(arguments.device))
    adapters.move(model[0].model, recipe.parameters)
    loss = loss_of(model, recipe)
    train, held = (dataset_of(rows, recipe.loss, recipe.relations) for rows in (recipe.rows, recipe.validation))
    damage = None
    if isinstance(recipe.loss, Tsdae):
        adapters.move(model[0].model, recipe.parameters)  # its weights are those of the decoder now, which all move
        damage = Damage(recipe.loss.del_ratio, arguments.seed)
        train.set_transform(damage)
        held.set_transform(Damage(recipe.loss.del_ratio, arguments.seed, VALIDATION))
    trainer = EmbedderTrainer(
        model=model,
        args=arguments,  # type: ignore[arg-type]
        train_dataset=train,
        eval_dataset=held,
        loss=loss,
        evaluator=Validation(recipe.sides, recipe.prompts),
        callbacks=callbacks,
    )
    trainer.recipe, trainer.damage = recipe, damage
    return trainer


def stated(recipe: EmbedderRecipe) -> dict[str, Any]:
    """Return the arguments of the trainer that a recipe decides."""
    named = {"anchor": recipe.prompts.query, **dict.fromkeys(PASSAGES, recipe.prompts.passage)}
    prompts = {column: prompt for column, prompt in named.items() if prompt}
    return {
        "prompts": prompts or None,
        "metric_for_best_model": BEST,
        "greater_is_better": True,
    }


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
        case Tsdae():
            return Dataset.from_dict({"text": [r.anchor for r in rows], "row": list(range(len(rows)))})
        case _:
            assert_never(loss)
    return Dataset.from_dict({"anchor": [r.anchor for r in rows], "positive": [r.positive for r in rows], **known})


def loss_of(model: Any, recipe: EmbedderRecipe) -> Any:
    """Return the loss of sentence-transformers that a config stands for, over shorter vectors too where asked for."""
    loss = _loss_of(model, recipe)
    if recipe.matryoshka:
        return losses.MatryoshkaLoss(model, loss, matryoshka_dims=list(recipe.matryoshka))
    return loss


def _loss_of(model: Any, recipe: EmbedderRecipe) -> Any:
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
        case Tsdae():
            loss = _with_decoder(model)
        case _:
            assert_never(config)
    return loss


def _with_decoder(model: Any) -> Any:
    """Return the loss of a decoder that shares the weights of an encoder; those that it alone has are new.

    Raises:
        ModelError: The decoder was not loaded with the encoder's weights, which the encoder would lose.
    """
    encoder = model[0].model
    before = {name: weight.detach().clone() for name, weight in encoder.named_parameters()}
    with quiet():  # what is said of the weights that a decoder alone has
        loss: Any = losses.DenoisingAutoEncoderLoss(model)
    loss.decoder.float()  # it is loaded as it was saved, the encoder in 32 bits
    shared = {id(weight) for weight in loss.decoder.parameters()}
    for name, weight in encoder.named_parameters():
        same = torch.equal(weight.detach().to(before[name]), before[name])
        if not same or (id(weight) not in shared and not name.startswith(adapters.POOLERS)):
            raise ModelError(f"the decoder of {type(encoder).__name__} does not share {name}; set another loss.kind")
    return loss


class WithoutRepeats(DefaultBatchSampler):
    """Batches in which no key is twice; their order follows from seed and epoch.

    What damages the texts is told the epoch before the first batch is read.
    """

    def __init__(
        self, keys: Sequence[frozenset[str]], dataset: Dataset, damage: Damage | None = None, **more: Any
    ) -> None:
        super().__init__(dataset, **more)
        self.keys, self.damage = keys, damage
        self.count = len(batches(self.keys, self.batch_size, self.seed * EPOCH))

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the rows of each batch of the epoch."""
        epoch = int(getattr(self, "epoch", 0))
        if self.damage is not None:
            self.damage.epoch = epoch
        yield from batches(self.keys, self.batch_size, self.seed * EPOCH + epoch, self.count)

    def __len__(self) -> int:
        """Return how many batches every epoch has."""
        return self.count


class EmbedderTrainer(OwnWeights, SentenceTransformerTrainer):
    """The trainer of sentence-transformers, its batches without repeats where texts are each other's negatives.

    The sampler is given here and not with the arguments, which the trainer pickles.
    """

    recipe: EmbedderRecipe
    damage: Damage | None = None

    def get_batch_sampler(  # type: ignore[override]
        self, dataset: Dataset, batch_size: int, drop_last: bool, **more: Any
    ) -> WithoutRepeats:
        """Return what makes the batches of a data set."""
        rows = self.recipe.rows if dataset is self.train_dataset else self.recipe.validation
        apart = isinstance(self.recipe.loss, MultipleNegatives)
        keys = [keys_of(row) if apart else frozenset[str]() for row in rows]
        damage = self.damage if dataset is self.train_dataset else None
        return WithoutRepeats(keys, dataset, damage, batch_size=batch_size, drop_last=drop_last, **more)


class Validation(SentenceEvaluator):
    """Measures held-out texts as the gate measures others; the trainer calls it at each evaluation."""

    def __init__(self, sides: Sides, prompts: Prompts) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sides, self.prompts, self.primary_metric = sides, prompts, "validation"

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: int = -1, steps: int = -1
    ) -> dict[str, float]:
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
    """Write an encoder, updates merged, as sentence-transformers does, but no page, which knows nothing of this run.

    Args:
        model: The encoder.
        folder: Empty.
        max_seq_length: Tokens that its users shall read, whatever it was trained with.
    """
    adapters.merge(model[0].model)
    model.max_seq_length = max_seq_length
    model.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)
