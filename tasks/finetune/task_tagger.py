"""Tasks of `finetune` that train a tagger, and that mark texts with it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from configs.finetune import Parameters, Training
from configs.finetune_tagger import TaggerTuning
from tasks.data.class_tuning import TunedWay, TuningBase
from tasks.data.classes import Identified
from tasks.data.documents import DocumentsRef, Rejected, RejectedRef
from tasks.data.tagging import (
    FoundEntitiesRef,
    FoundEntity,
    MarkedRef,
    MarkedSentence,
    MarkedTexts,
    PreparedTags,
    TagLook,
    TagTrial,
)
from tasks.finetune.task_training import parameters_of, result_of, save_tuned, watched_training
from tasks.models import heads, sequence_classifier, token_classifier
from tasks.runtime import steps
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import objects
from tasks.text.pieces import Frame, pieces_of
from tasks.text.spans import best_labels, label_names, spans_of, words_of

LIBRARIES = ("torch", "transformers", "tokenizers", "accelerate", "peft")
PART = 256  # sentences between two reports of progress


@step(name="finetune-prepare-tags", libraries=("numpy", "tokenizers"))
def prepare_tags(
    source: MarkedTexts,
    validation: MarkedTexts | None,
    test: MarkedTexts | None,
    base: TuningBase,
    tuning: TaggerTuning,
    training: Training,
) -> PreparedTags:
    """Divide marked sentences, keep what is trained on apart from what is judged by, and look at what is left.

    Args:
        source: Sentences to learn from.
        validation: Sentences the best step is chosen by, None where some of the source are.
        test: Sentences to judge by, None where some of the source are.
        base: Whose tokenizer counts.
        tuning: What is kept apart.
        training: How long a window may be, and the seed.

    Raises:
        DataError: Too few sentences are left, or a part has no entities.
    """
    from tasks.finetune import tags

    rows, held = _rows(source), _rows(test)
    if test is None:
        rows, held = tags.divided(rows, tuning.test_share, training.seed)
    rows, leaked = tags.without_repeats(rows, held)
    stop = _rows(validation)
    if validation is None:
        rows, stop = tags.divided(rows, tuning.validation_share, training.seed)
    tags.require_learnable(rows, stop, held)
    given = [part for part in (source, validation, test) if part is not None]
    rejected = [row for part in given for row in objects.load_rows(part.rejected, Rejected)]
    rejected += [Rejected(row.id, "duplicate", "repeats a held-out sentence") for row in leaked]
    strays = sum(part.strays for part in given)
    warnings = tuple(tags.warnings_of(rows, held, len(leaked), strays))
    look = _look(rows, base, training, tuning.stride).model_copy(update={
        "validation": len(stop), "test": len(held), "leaked": len(leaked), "strays": strays, "warnings": warnings,
        "entities": tags.types_of(rows)})  # fmt: skip
    steps.log_metrics(train=len(rows), validation=len(stop), test=len(held), leaked=len(leaked), strays=strays)
    return PreparedTags(
        train=_saved(rows), validation=_saved(stop), test=_saved(held), look=look,
        labels=label_names(sorted(name for name, _ in tags.types_of(rows))),
        rejected=objects.save_rows(RejectedRef, Rejected, rejected),
    )  # fmt: skip


@step(name="finetune-tagger", run_name="finetune-tagger {name}", libraries=LIBRARIES, device_of=("training",))
def train_tagger(
    prepared: PreparedTags, name: str, method: Parameters, base: TuningBase, tuning: TaggerTuning, training: Training
) -> TunedWay:
    """Train a tagger; the step that does best on the validation sentences is kept.

    Args:
        prepared: Marked sentences.
        name: What the way is called.
        method: Which weights move.
        base: What it starts from.
        tuning: What the best step is chosen by.
        training: How long, how fast, how many at a time.
    """
    from tasks.finetune import classifier, tagger, trainer
    from tasks.finetune.task_classifier import limit_of, load_tokenizer, paced, writer_of

    config, most = paced(training, method), limit_of(base, training)
    recipe = _recipe(prepared, method, base, tuning, training, most)
    inputs = (prepared.cache_key(), method.model_dump(), base.cache_key(), tuning.model_dump())
    with watched_training("finetune-tagger", config, *inputs) as watch:
        made = trainer.arguments(
            config, watch.folder, rows=len(recipe.train), **classifier.stated(tuning.best_by, tagger.SHOWN)
        )
        finished = trainer.train(
            lambda *given: tagger.trainer_of(recipe, *given), made, watch=watch, shown=tagger.SHOWN
        )
        counted, tokenizer = parameters_of(finished), load_tokenizer(base.model)
        more = {"labels": list(prepared.labels), "method": method.model_dump(mode="json"), "stride": tuning.stride}
        write = writer_of(method, base)
        save = lambda to: classifier.save_model(finished.trainer.model, tokenizer, to, most, write)  # noqa: E731
        result = result_of(finished, save_tuned("tagger", save, base.model, more), counted)
    return TunedWay(name=name, kind=method.kind, learning_rate=config.learning_rate, result=result)


def identify_tagger(model: str, training: Training) -> Identified:
    """Describe a trained tagger, without loading it.

    Raises:
        ModelError: There is no such model, or it labels no words.
        ContractError: The precision or device asked for is not there.
    """
    return token_classifier.describe_tags(model, training.precision, training.device)


@step(name="finetune-try-tagger", run_name="finetune-try-tagger {name}", libraries=LIBRARIES, device_of=("model",))
def try_tagger(prepared: PreparedTags, name: str, model: Identified, stride: int) -> TagTrial:
    """Mark the validation and the held-out sentences with a trained tagger, as it will be used.

    Args:
        prepared: Marked sentences; their labels have no part in it.
        name: What the way is called.
        model: The tagger.
        stride: Tokens that two windows of a long sentence share.
    """
    validation, test = (objects.load_rows(ref, MarkedSentence) for ref in (prepared.validation, prepared.test))
    return TagTrial(
        name=name, validation=_saved(_marked(validation, model, stride)), test=_saved(_marked(test, model, stride))
    )


@step(name="finetune-list-tags", libraries=("numpy",))
def try_list(prepared: PreparedTags, name: str) -> TagTrial:
    """Mark sentences by a list of the training entities: what a trained tagger must beat.

    Args:
        prepared: Marked sentences.
        name: What the way is called.
    """
    from tasks.finetune.tags import listed

    known = objects.load_rows(prepared.train, MarkedSentence)
    parts = [objects.load_rows(ref, MarkedSentence) for ref in (prepared.validation, prepared.test)]
    said = [
        [replace(row, labels=tuple(labels)) for row, labels in zip(part, listed(known, part), strict=True)]
        for part in parts
    ]
    return TagTrial(name=name, validation=_saved(said[0]), test=_saved(said[1]))


@step(name="finetune-find-entities", libraries=LIBRARIES, device_of=("model",))
def find_entities(documents: DocumentsRef, model: Identified, stride: int) -> FoundEntitiesRef:
    """Mark the entities of new texts, with the characters they stand at.

    Args:
        documents: Texts.
        model: The tagger.
        stride: Tokens that two windows of a long text share.
    """
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    from tasks.text.sentences import spreadsheet

    texts = objects.load_table(documents, ["id", "text"]).to_pylist()
    rows = [_unmarked(row["id"], row["text"]) for row in texts]
    found = [entity for row, likely in zip(rows, _likely(rows, model, stride), strict=True)
             for entity in _entities(row, likely, model.labels)]  # fmt: skip
    table = objects.table_of(FoundEntity, found)
    steps.log_metrics(texts=len(rows), entities=len(found))

    def fill(folder: Any) -> None:
        pq.write_table(table, folder / "entities.parquet")
        pc.write_csv(spreadsheet(table), folder / "entities.csv")

    return objects.save_files(FoundEntitiesRef, fill, shape=(len(found),))


def _recipe(
    prepared: PreparedTags, method: Parameters, base: TuningBase, tuning: TaggerTuning, training: Training, most: int
) -> Any:
    """Return what the trainer is made of."""
    from tasks.finetune import tagger

    tokenizer = sequence_classifier.load_tokenizer(base.model)
    frame = Frame.of(tokenizer, most)
    train, stop = (
        tagger.cut_windows(objects.load_rows(ref, MarkedSentence), prepared.labels, tokenizer, frame, tuning.stride)
        for ref in (prepared.train, prepared.validation)
    )

    def load() -> Any:
        return heads.load_with_head(base.model, "token", prepared.labels, seed=training.seed)

    example = load()
    return tagger.TaggerRecipe(
        load=load, train=train, validation=stop, labels=prepared.labels, parameters=method,
        head=heads.head_of(example), padding=int(example.config.pad_token_id or 0),
    )  # fmt: skip


def _look(rows: Sequence[MarkedSentence], base: TuningBase, training: Training, stride: int) -> TagLook:
    from tasks.finetune.task_classifier import limit_of
    from tasks.text.spans import windows_of

    tokenizer, most = sequence_classifier.load_tokenizer(base.model), limit_of(base, training)
    frame = Frame.of(tokenizer, most)
    pieces = [[len(ids) for ids in pieces_of(tokenizer, row.words)] for row in rows]
    lengths = [sum(mine) + most - frame.room for mine in pieces]
    return TagLook(
        train=len(rows), validation=0, test=0, words=sum(map(len, pieces)), entities=(), leaked=0, strays=0,
        median_tokens=int(np.median(lengths)), longest_tokens=max(lengths), limit=most,
        windows=sum(len(windows_of(mine, frame.room, min(stride, frame.room // 2))) for mine in pieces),
    )  # fmt: skip


def _marked(rows: Sequence[MarkedSentence], model: Identified, stride: int) -> list[MarkedSentence]:
    """Return sentences with the labels of a tagger."""
    return [
        replace(row, labels=tuple(best_labels(likely, model.labels)))
        for row, likely in zip(rows, _likely(rows, model, stride), strict=True)
    ]


def _likely(rows: Sequence[MarkedSentence], model: Identified, stride: int) -> list[Any]:
    """Return (W, K) log-probabilities of the labels of the words of each sentence."""
    engine, found = token_classifier.engine(model), []
    with progress("mark sentences", len(rows), "sentences") as advance:
        for start in range(0, len(rows), PART):
            part = rows[start : start + PART]
            found += engine.log_probabilities([row.words for row in part], stride)
            advance(len(part))
    return found


def _unmarked(name: str, text: str) -> MarkedSentence:
    """Return a text cut into words, every label O."""
    words = words_of(text)
    starts, ends = tuple(a for a, _ in words), tuple(b for _, b in words)
    return MarkedSentence(name, text, starts, ends, ("O",) * len(words))


def _entities(row: MarkedSentence, likely: Any, labels: Sequence[str]) -> list[FoundEntity]:
    """Return the entities of a text."""
    said = best_labels(likely, labels)
    column = {name: at for at, name in enumerate(labels)}
    found = []
    for start, end, kind in spans_of(said):
        sure = min(float(np.exp(likely[at, column[said[at]]])) for at in range(start, end))
        a, b = row.starts[start], row.ends[end - 1]
        found.append(FoundEntity(row.id, a, b, kind, row.text[a:b], sure))
    return found


def _rows(part: MarkedTexts | None) -> list[MarkedSentence]:
    return [] if part is None else objects.load_rows(part.sentences, MarkedSentence)


def _saved(rows: Sequence[MarkedSentence]) -> MarkedRef:
    return objects.save_rows(MarkedRef, MarkedSentence, rows)
