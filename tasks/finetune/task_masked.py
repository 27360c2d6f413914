"""Task of `finetune` that lets an encoder go on learning from texts without labels."""

from typing import Any

import numpy as np

from configs.finetune import Training
from configs.finetune_masked import MaskedLanguageModel
from tasks.data.class_tuning import FilledMask, PreparedClasses, PretrainedEncoder, TuningBase
from tasks.data.documents import DocumentsRef
from tasks.errors import ContractError, DataError, ModelError
from tasks.finetune.task_classifier import limit_of, load_tokenizer
from tasks.finetune.task_training import parameters_of, result_of, save_tuned, watched_training
from tasks.models import masked as guessers
from tasks.runtime.steps import step
from tasks.store import objects

LIBRARIES = ("torch", "transformers", "tokenizers", "accelerate", "numpy")
FEWEST = 4  # texts to learn from
EXAMPLES = 3


def require_masked(model: str, base: TuningBase, config: MaskedLanguageModel) -> None:
    """Check before any work that a model can go on learning by guessing masked words.

    Raises:
        ModelError: It guesses no masked words, or its tokenizer has no mask.
        ContractError: Texts were to be longer than it can read.
    """
    guessers.require_guesser(model)
    if load_tokenizer(model).mask_token_id is None:
        raise ModelError(f"the tokenizer of {model} has no mask token; set pretraining=null, or take another model")
    if config.max_seq_length is not None and config.max_seq_length > base.positions:
        raise ContractError(
            f"pretraining.max_seq_length is {config.max_seq_length} but {model} reads {base.positions} tokens at most"
        )


def training_of(config: MaskedLanguageModel, training: Training) -> Training:
    """Return how guessing is trained: as asked for, on the device and in the precision of the classes."""
    return Training(
        num_train_epochs=config.num_train_epochs, max_steps=config.max_steps, learning_rate=config.learning_rate,
        per_device_train_batch_size=config.per_device_train_batch_size, seed=config.seed,
        max_seq_length=config.max_seq_length or training.max_seq_length,
        early_stopping_patience=training.early_stopping_patience, precision=training.precision, device=training.device,
    )  # fmt: skip


@step(name="finetune-masked", libraries=LIBRARIES, device_of=("training",))
def pretrain_encoder(
    prepared: PreparedClasses,
    spare: DocumentsRef,
    base: TuningBase,
    config: MaskedLanguageModel,
    training: Training,
    near: float,
) -> PretrainedEncoder:
    """Let an encoder guess masked words of the training texts; labels, validation and test texts have no part in it.

    Args:
        prepared: Texts; those of validation are what loss and accuracy are measured on, before and after.
        spare: Further training texts, whose labels were not drawn.
        base: What it starts from.
        config: What is hidden, how long, how fast.
        training: Of the classes: precision, device, patience.
        near: From which share of runs of characters on a text counts as one of validation, and is left out.

    Raises:
        DataError: Too few texts are left.
        ModelError: The model cannot guess.
    """
    from tasks.finetune import masked, trainer

    texts, held, repeated = _parts(prepared, spare, near)
    paced, tokenizer = training_of(config, training), load_tokenizer(base.model)
    recipe, measured, cut, head = _recipe(texts, held, base, config, paced)
    batch = config.per_device_train_batch_size

    def scored(model: Any) -> masked.GuessScore:
        return masked.score(model, measured, recipe.masking, recipe.padding, batch)

    inputs = (prepared.cache_key(), spare.cache_key(), base.cache_key(), config.model_dump(), near)
    with watched_training("finetune-masked", paced, *inputs) as watch:
        made = trainer.arguments(paced, watch.folder, rows=len(recipe.train), **masked.stated(batch))
        before = scored(recipe.load().to(made.device))
        finished = trainer.train(lambda *given: masked.trainer_of(recipe, *given), made, watch=watch)
        model, counted = finished.trainer.model, parameters_of(finished)
        after = scored(model)
        encoder = save_tuned("classifier", lambda folder: guessers.save_encoder(model, base.model, folder), base.model,
                             {"pretraining": config.model_dump(mode="json"), "head": "none"})  # fmt: skip
        result = result_of(finished, encoder, counted)
    shown = masked.examples(tokenizer, measured, recipe.masking, before, after)[:EXAMPLES]
    return PretrainedEncoder(
        result=result, new_head=head[0], tied=head[1], texts=len(recipe.train), chosen_by=len(recipe.validation),
        measured=len(measured), repeated=repeated, cut=cut, guessed=before.guessed, loss_before=before.loss,
        loss_after=after.loss, accuracy_before=before.accuracy, accuracy_after=after.accuracy,
        examples=tuple(FilledMask(text=t, word=w, before=b, after=a) for t, w, b, a in shown),
    )  # fmt: skip


def _recipe(
    texts: list[str], held: list[str], base: TuningBase, config: MaskedLanguageModel, paced: Training
) -> tuple[Any, list[list[int]], int, tuple[bool, bool]]:
    """Return what the trainer is made of, the measured texts, how many are cut, and what the head is."""
    from tasks.finetune import masked
    from tasks.finetune.classifier import tokens_of
    from tasks.finetune.masking import masking_of

    tokenizer, most = load_tokenizer(base.model), limit_of(base, paced)
    ids, cut = tokens_of(tokenizer, texts, most)
    measured, _ = tokens_of(tokenizer, held, most)
    order = np.random.default_rng(config.seed).permutation(len(ids))
    back = set(order[: max(1, round(config.validation_share * len(ids)))].tolist())
    model, new, tied = guessers.load_guesser(base.model, config.seed)
    return masked.MaskedRecipe(
        load=lambda: guessers.load_guesser(base.model, config.seed)[0],
        padding=int(tokenizer.pad_token_id or 0),
        masking=masking_of(config.seed, config.mlm_probability, tokenizer.mask_token_id, tokenizer.all_special_ids,
                           min(len(tokenizer), int(model.config.vocab_size))),
        train=[row for at, row in enumerate(ids) if at not in back],
        validation=[row for at, row in enumerate(ids) if at in back],
    ), measured, cut, (new, tied)  # fmt: skip


def _parts(prepared: PreparedClasses, spare: DocumentsRef, near: float) -> tuple[list[str], list[str], int]:
    """Return the texts to learn from, those to measure by, and how many were left out because they repeat one.

    Raises:
        DataError: Too few are left.
    """
    from tasks.finetune.contamination import repeats

    every, tried = _texts(prepared.divided.train.documents), objects.load_array(prepared.divided.tried)
    back = set(np.asarray(tried).tolist())
    held = [every[row] for row in sorted(back)]
    texts = list(dict.fromkeys([*(t for row, t in enumerate(every) if row not in back), *_texts(spare)]))
    again = {found.text for found in repeats(texts, held, near=near)}
    left = [text for at, text in enumerate(texts) if at not in again]
    if len(left) < FEWEST:
        raise DataError(
            f"{len(left)} texts are left to guess masked words in, {len(again)} repeat a validation text; give more, "
            "or set pretraining=null"
        )
    return left, held, len(again)


def _texts(documents: DocumentsRef) -> list[str]:
    return list(objects.load_table(documents, ["text"])["text"].to_pylist())
