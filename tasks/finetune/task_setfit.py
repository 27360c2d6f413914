"""Task of `finetune` that trains an encoder from few labels; a logistic regression on its vectors follows."""

import numpy as np

from configs.finetune import FullWeights, Training
from configs.finetune_classifier import SetFit
from configs.finetune_pairs import CosineSimilarity
from tasks.data.class_tuning import PreparedClasses, TunedWay
from tasks.data.classes import Target
from tasks.data.models import Encoder
from tasks.finetune.task_training import parameters_of, result_of, save_tuned, watched_training
from tasks.models import files as model_files
from tasks.models.encoders import padded
from tasks.runtime.steps import step
from tasks.store import objects

LIBRARIES = ("torch", "transformers", "sentence-transformers", "accelerate", "peft")
BLIND = {"eval_strategy": "no", "load_best_model_at_end": False, "metric_for_best_model": None}


@step(name="finetune-setfit", run_name="finetune-setfit {name}", libraries=LIBRARIES, device_of=("training",))
def train_setfit(
    prepared: PreparedClasses, name: str, method: SetFit, encoder: Encoder, training: Training
) -> TunedWay:
    """Train an encoder on pairs of texts of one class and of two; the last step is kept, for labels are few.

    Args:
        prepared: Texts and labels; those of validation have no part in it.
        name: What the way is called.
        method: How many pairs, how often.
        encoder: What it starts from.
        training: How fast, how many at a time.
    """
    from tasks.finetune import embedder, judged, setfit, trainer

    padded.load(encoder.model, None)  # sentence-transformers makes up what a file lacks
    config = training.model_copy(update={"num_train_epochs": method.num_epochs, "max_steps": None})
    texts, labels = _learned(prepared)
    rows = setfit.class_pairs(
        texts, labels, iterations=method.num_iterations, most=method.max_pairs, seed=training.seed
    )
    recipe = embedder.EmbedderRecipe(
        base=model_files.locate(encoder.model).folder, loss=CosineSimilarity(), matryoshka=(), rows=rows,
        validation=rows[:2], sides=judged.sides_of("scored", rows), prompts=embedder.Prompts(),
        max_seq_length=min(training.max_seq_length or encoder.max_tokens, encoder.max_tokens),
        parameters=FullWeights(),
    )  # fmt: skip
    with watched_training("finetune-setfit", config, prepared.cache_key(), method.model_dump(), encoder.identity) as w:
        given = {**embedder.stated(recipe), **BLIND}
        made = trainer.arguments(config, w.folder, embedder.Arguments, rows=len(rows), **given)
        finished = trainer.train(lambda *each: embedder.trainer_of(recipe, *each), made, watch=w)
        counted, model = parameters_of(finished), finished.trainer.model
        kept = save_tuned("embedder", lambda folder: embedder.save(model, folder, encoder.max_tokens), encoder.model)
        result = result_of(finished, kept, counted)
    return TunedWay(name=name, kind=method.kind, learning_rate=config.learning_rate, result=result)


def _learned(prepared: PreparedClasses) -> tuple[list[str], list[str]]:
    """Return the texts that weights learn from, and their labels."""
    divided = prepared.divided
    texts = objects.load_table(divided.train.documents, ["text"])["text"].to_pylist()
    labels = [row.labels[0] for row in objects.load_rows(divided.train.targets, Target)]
    back = set(np.asarray(objects.load_array(divided.tried)).tolist())
    rows = [row for row in range(len(texts)) if row not in back]
    return [texts[row] for row in rows], [labels[row] for row in rows]
