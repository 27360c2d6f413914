"""Tasks of `finetune` that train a classifier."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from configs.finetune import Lora, Parameters, Training
from configs.finetune_classifier import FASTER, ClassifierTuning
from tasks.data.class_tuning import ClassLook, PreparedClasses, TunedWay, TuningBase
from tasks.data.classes import Divided, Examples, Target, TargetsRef
from tasks.data.documents import DocumentsRef, Rejected, RejectedRef
from tasks.data.topics import RowsRef
from tasks.data.vectors import VectorsRef
from tasks.errors import ContractError
from tasks.finetune.task_training import parameters_of, result_of, save_tuned, watched_training
from tasks.metrics.classification import Bools, table
from tasks.models import adapted, heads
from tasks.models import files as model_files
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects

LIBRARIES = ("torch", "transformers", "tokenizers", "accelerate", "peft")


def describe_base(model: str, training: Training) -> TuningBase:
    """Describe the model that training starts from, without loading it.

    Raises:
        ModelError: There is no such model, it cannot be trusted, or it is no transformer.
        ContractError: Texts were to be longer than it can read.
    """
    found = heads.describe_base(model)
    if training.max_seq_length is not None and training.max_seq_length > found.positions:
        raise ContractError(
            f"training.max_seq_length is {training.max_seq_length} but {model} reads {found.positions} tokens at most"
        )
    return found


@step(name="finetune-prepare", libraries=("numpy", "tokenizers"))
def prepare_classes(
    divided: Divided, base: TuningBase, tuning: ClassifierTuning, training: Training
) -> PreparedClasses:
    """Keep training texts apart from held-out ones, choose those of validation, and look at what is left.

    Args:
        divided: Texts and labels.
        base: Whose tokenizer counts.
        tuning: What is kept apart.
        training: How long texts may be, and the seed.

    Raises:
        DataError: Too few texts are left, or of one class alone.
    """
    from tasks.finetune import classes as looking

    texts, labels = _texts(divided.train.documents), _labels(divided.train)
    every = table(labels, divided.classes)
    again, contradictions = looking.repeated(texts, labels)
    leaks = looking.leaked(texts, _texts(divided.test.documents), tuning.near_duplicate)
    gone = sorted({*again, *leaks})
    rows = np.setdiff1d(np.arange(len(texts)), np.array(gone, dtype=np.int64))
    if tuning.labels_per_class is not None:
        rows = rows[looking.drawn(every[rows], tuning.labels_per_class, training.seed)]
    targets = every[rows]
    looking.require_learnable(targets, divided.classes, len(gone))
    validation = looking.validation_rows(targets, tuning.validation_share, training.seed)
    ids = objects.load_table(divided.train.documents, ["id"])["id"].to_pylist()
    rejected = [Rejected(ids[row], "duplicate", (leaks.get(row) and f"repeats a held-out text: {leaks[row]}")
                         or "repeats another text of the same label") for row in gone]  # fmt: skip
    made = divided.model_copy(update={
        "train": _taken(divided.train, rows, labels),
        "tried": objects.save_array(RowsRef, validation),
        "rejected": objects.save_rows(
            RejectedRef, Rejected, [*objects.load_rows(divided.rejected, Rejected), *rejected]
        ),
    })  # fmt: skip
    counts = {"repeated": len(set(again) - set(leaks)), "leaked": len(leaks), "contradictions": contradictions}
    spare = np.setdiff1d(np.arange(len(texts)), np.array([*gone, *rows], dtype=np.int64))
    left = objects.save_table(DocumentsRef, objects.load_table(divided.train.documents).take(spare))
    return PreparedClasses(divided=made, look=_look(made, base, training, counts), spare=left)


@step(name="finetune-classifier", run_name="finetune-classifier {name}", libraries=LIBRARIES, device_of=("training",))
def train_classifier(
    prepared: PreparedClasses,
    name: str,
    method: Parameters,
    base: TuningBase,
    tuning: ClassifierTuning,
    training: Training,
) -> TunedWay:
    """Train a classifier; the step that does best on the validation texts is kept.

    Args:
        prepared: Texts and labels.
        name: What the way is called.
        method: Which weights move.
        base: What it starts from.
        tuning: What classes count for.
        training: How long, how fast, how many at a time.
    """
    from tasks.finetune import classifier, trainer

    divided, config = prepared.divided, paced(training, method)
    recipe = _recipe(prepared, method, base, tuning, training)
    inputs = (prepared.cache_key(), method.model_dump(), base.cache_key(), tuning.model_dump())
    with watched_training("finetune-classifier", config, *inputs) as watch:
        made = trainer.arguments(config, watch.folder, rows=len(recipe.train.ids), **classifier.stated(tuning.best_by))
        finished = trainer.train(
            lambda *given: classifier.trainer_of(recipe, *given), made, watch=watch, shown=classifier.SHOWN
        )
        counted = parameters_of(finished)
        most = limit_of(base, training)
        model = save_tuned(
            "classifier",
            lambda folder: classifier.save_model(
                finished.trainer.model, recipe.tokenizer, folder, most, writer_of(method, base)
            ),
            base.model,
            {"classes": list(divided.classes), "method": method.model_dump(mode="json")},
        )
        result = result_of(finished, model, counted)
    return TunedWay(name=name, kind=method.kind, learning_rate=config.learning_rate, result=result)


def paced(training: Training, method: Any) -> Training:
    """Return how a way is trained: heads and low-rank updates at a larger rate."""
    return training.model_copy(update={"learning_rate": training.learning_rate * FASTER.get(method.kind, 1.0)})


def writer_of(method: Any, base: TuningBase) -> Callable[[Any, Path], None] | None:
    """Return what writes an adapter where one is asked for; None for a model of its own."""
    if not isinstance(method, Lora) or method.merge:
        return None
    return lambda model, folder: adapted.save(model, method, base, folder)


def limit_of(base: TuningBase, training: Training) -> int:
    """Return the tokens a text is cut at."""
    return min(training.max_seq_length or base.max_tokens, base.positions)


def _recipe(
    prepared: PreparedClasses, method: Parameters, base: TuningBase, tuning: ClassifierTuning, training: Training
) -> Any:
    """Return what the trainer is made of."""
    from tasks.finetune import classifier

    divided, tokenizer = prepared.divided, load_tokenizer(base.model)
    texts, targets = _texts(divided.train.documents), _targets(divided.train, divided.classes)
    back = np.asarray(objects.load_array(divided.tried))
    rows = np.setdiff1d(np.arange(len(texts)), back)
    most = limit_of(base, training)
    parts = [classifier.encode(tokenizer, [texts[row] for row in part], targets[part], most) for part in (rows, back)]

    def load() -> Any:
        return heads.load_with_head(
            base.model, "sequence", divided.classes, multiple=divided.multiple, seed=training.seed,
            pooled=writer_of(method, base) is not None,
        )  # fmt: skip

    return classifier.ClassifierRecipe(
        load=load, tokenizer=tokenizer, train=parts[0], validation=parts[1], parameters=method,
        head=heads.head_of(load()), multiple=divided.multiple,
        weights=classifier.class_weights(parts[0].targets) if tuning.class_weight == "balanced" else None,
    )  # fmt: skip


def load_tokenizer(model: str) -> Any:
    """Return the tokenizer of a model as transformers has it."""
    from transformers import AutoTokenizer

    folder = model_files.locate(model).folder
    made: Any = AutoTokenizer
    return made.from_pretrained(folder, trust_remote_code=False, local_files_only=True)


def _look(divided: Divided, base: TuningBase, training: Training, counts: dict[str, int]) -> ClassLook:
    """Look at texts with the tokenizer, and estimate what training takes."""
    from tasks.finetune import classes as looking
    from tasks.finetune import look
    from tasks.finetune.classifier import tokens_of

    ids, _ = tokens_of(load_tokenizer(base.model), _texts(divided.train.documents), 1_000_000)
    lengths, most = [len(row) for row in ids], limit_of(base, training)
    median, longest, truncated = look.lengths_of(lengths, most)
    targets = _targets(divided.train, divided.classes)
    by_class = sorted(zip(divided.classes, targets.sum(axis=0).tolist(), strict=True), key=lambda c: (-c[1], c[0]))
    tokens = int(np.minimum(lengths, most).sum())
    size = look.model_size(model_files.read_config(model_files.locate(base.model).folder))
    guess = look.estimate(size, tokens, training.per_device_train_batch_size, min(longest, most), look.product_rate())
    steps.log_metrics(train=len(lengths), validation=divided.tried.rows, truncated=truncated, **counts)
    return ClassLook(
        train=len(lengths) - divided.tried.rows, validation=divided.tried.rows, test=divided.test.documents.rows,
        labels=tuple(by_class), median_tokens=median, longest_tokens=longest, limit=most, truncated=truncated,
        tokens=tokens, seconds=guess[0], memory=guess[1], **counts,
        warnings=tuple(looking.warnings_of(
            by_class, truncated=truncated, leaked=counts["leaked"], contradictions=counts["contradictions"],
            rows=len(lengths), limit=most,
        )),
    )  # fmt: skip


def _texts(documents: DocumentsRef) -> list[str]:
    return list(objects.load_table(documents, ["text"])["text"].to_pylist())


def _labels(examples: Examples) -> list[tuple[str, ...]]:
    return [row.labels for row in objects.load_rows(examples.targets, Target)]


def _targets(examples: Examples, classes: tuple[str, ...]) -> Bools:
    return table(_labels(examples), classes)


def _taken(examples: Examples, rows: Any, labels: list[tuple[str, ...]]) -> Examples:
    """Return some rows of examples."""
    vectors = examples.vectors
    return Examples(
        documents=objects.save_table(DocumentsRef, objects.load_table(examples.documents).take(rows)),
        vectors=None if vectors is None else objects.save_array(VectorsRef, objects.load_array(vectors)[rows]),
        targets=objects.save_rows(TargetsRef, Target, [Target(labels[row]) for row in rows]),
    )
