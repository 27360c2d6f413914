"""Tasks of `finetune` that train a cross-encoder, and score pairs with one."""

from typing import Literal

from configs.finetune import Parameters, Training
from tasks.data.class_tuning import TuningBase
from tasks.data.models import Scorer
from tasks.data.pairs import JudgedSet, PairScoresRef, TextPair, TextPairsRef, TrainingPairs, Truth
from tasks.data.training import TrainingResult
from tasks.finetune.judged import Sides
from tasks.finetune.task_training import parameters_of, result_of, save_tuned, watched_training
from tasks.models import files as model_files
from tasks.models import heads, sequence_classifier
from tasks.models.encoders.base import Meter
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects

LIBRARIES = ("torch", "transformers", "sentence-transformers", "accelerate", "peft")
SCORE = ("LABEL_0",)  # the one output, called as sentence-transformers does


def describe_reranker_base(model: str) -> tuple[TuningBase, bool]:
    """Say what a cross-encoder is trained from, without loading it, and whether it gives one score to a pair already.

    Raises:
        ModelError: There is no such model, or it cannot be trained.
    """
    config = model_files.read_config(model_files.locate(model).folder)
    kinds = [str(kind) for kind in config.get("architectures") or ()]
    scores = (
        any(kind.endswith("ForSequenceClassification") for kind in kinds) and len(config.get("id2label") or ()) == 1
    )
    return heads.describe_base(model), scores


def describe_reranker(model: str, precision: Literal["auto", "fp32", "bf16"]) -> Scorer:
    """Say what scores pairs, and how it runs here, without loading it."""
    return sequence_classifier.describe(model, precision, "auto")


@step(name="finetune-scored-rows")
def pairs_to_score(rows: TextPairsRef) -> TextPairsRef:
    """Make pairs with a score of 1 or 0 of rows with negatives.

    Args:
        rows: Examples.
    """
    from tasks.finetune.pairs import scored_rows

    made = scored_rows(objects.load_rows(rows, TextPair))
    steps.log_metrics(rows=len(made), relevant=sum(row.score > 0 for row in made))
    return objects.save_rows(TextPairsRef, TextPair, made)


@step(name="finetune-reranker", libraries=LIBRARIES, device_of=("config",))
def train_reranker(data: TrainingPairs, base: TuningBase, parameters: Parameters, config: Training) -> TrainingResult:
    """Train a cross-encoder; the step with the best validation is kept.

    Args:
        data: Trained on, and stopped by.
        base: To start from; its head is new unless it gives one score already.
        parameters: Which weights move.
        config: How long, how fast, how many at a time.
    """
    from tasks.finetune import reranker, trainer

    recipe = reranker.RerankerRecipe(
        base=model_files.locate(base.model).folder,
        load=lambda: heads.load_with_head(base.model, "sequence", SCORE, seed=config.seed),
        rows=objects.load_rows(data.rows, TextPair), validation=objects.load_rows(data.validation, TextPair),
        sides=_sides(data.judged), max_seq_length=min(config.max_seq_length or base.positions, base.positions),
        parameters=parameters,
    )  # fmt: skip
    inputs = (data.model_dump(), base.weights, base.tokenizer, parameters.model_dump())
    with watched_training("finetune-reranker", config, *inputs) as watch:
        made = trainer.arguments(config, watch.folder, reranker.Arguments, rows=data.rows.rows, **reranker.stated())
        finished = trainer.train(lambda *given: reranker.trainer_of(recipe, *given), made, watch=watch)
        counted = parameters_of(finished)
        tuned = save_tuned("reranker", lambda folder: reranker.save(finished.trainer.model, folder), base.model)
        return result_of(finished, tuned, counted)


@step(name="finetune-scores", libraries=("torch", "transformers", "tokenizers", "numpy"), device_of=("scorer",))
def score_judged(judged: JudgedSet, scorer: Scorer) -> PairScoresRef:
    """Return the score (P,) of each pair that a judged set lists, by a cross-encoder.

    Args:
        judged: Whose truths name the pairs.
        scorer: The cross-encoder.
    """
    import numpy as np

    sides = _sides(judged)
    meter = Meter()
    pairs = [(sides.left[t.left], sides.right[t.right]) for t in sides.truths]
    scores = sequence_classifier.engine(scorer).score(pairs, meter)
    steps.log_metrics(pairs=len(pairs), tokens=meter.tokens, truncated=meter.truncated)
    return objects.save_array(PairScoresRef, np.asarray(scores, dtype=np.float32))


def _sides(judged: JudgedSet) -> Sides:
    """Return the texts of a stored set."""
    left, right = (objects.load_table(ref, ["text"])["text"].to_pylist() for ref in (judged.left, judged.right))
    return Sides(judged.judged_as, left, right, objects.load_rows(judged.truths, Truth))
