"""Task of `finetune` that trains a captioner of pictures."""

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from configs.captions import EmbeddedCaptioner
from tasks.data.captions import CaptionerRef, DescribedPicture, PicturePart, TrainedCaptioner
from tasks.data.messages import Generator
from tasks.data.training import StepLoss, StepLossRef
from tasks.finetune.task_training import parameters_of, watched_training
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects

if TYPE_CHECKING:
    from tasks.finetune.captioner import CaptionerRecipe
    from tasks.finetune.trainer import FinishedTraining

LIBRARIES = ("torch", "transformers", "tokenizers", "accelerate")


@step(name="finetune-captioner", libraries=LIBRARIES, device_of=("config",))
def train_captioner(
    train: PicturePart, validation: PicturePart, base: Generator, config: EmbeddedCaptioner
) -> TrainedCaptioner:
    """Train a captioner on described pictures; the step that does best on the validation pictures is kept.

    Args:
        train: Learned from.
        validation: What the best step is chosen by.
        base: The language model, which stays as it is.
        config: The network, and how it is trained.
    """
    from tasks.finetune import captioner, trainer
    from tasks.models.vision import captioner as models

    recipe, cut = _recipe(train, validation, base, config)
    inputs = (
        train.model_dump(mode="json"),
        validation.model_dump(mode="json"),
        base.digest,
        config.model_dump(mode="json"),
    )
    with watched_training("finetune-captioner", config.training, *inputs) as watch:
        made = trainer.arguments(config.training, watch.folder, rows=len(recipe.train), **captioner.STATED)
        began = time.process_time()
        finished = trainer.train(lambda *given: captioner.trainer_of(recipe, *given), made, watch=watch)
        network = objects.save_files(
            CaptionerRef, lambda folder: models.save(finished.trainer.model, folder), shape=(len(recipe.train),)
        )
        found = _result(finished, network, cut, time.process_time() - began)
    steps.log_metrics("training", best_step=found.best_step, steps=found.steps, trainable=found.trainable, cut=cut)
    return found


def _recipe(
    train: PicturePart, validation: PicturePart, base: Generator, config: EmbeddedCaptioner
) -> "tuple[CaptionerRecipe, int]":
    """Return what the trainer is made of, and how many descriptions are cut."""
    from tasks.finetune.captioner import CaptionerRecipe, DescribedFeatures
    from tasks.models.vision import captioner as models

    model, tokenizer = models.language_model(base)
    prompt = models.prompt_tokens(tokenizer, config.prompt)
    cut = 0

    def rows_of(part: PicturePart) -> DescribedFeatures:
        nonlocal cut
        texts = [row.text for row in objects.load_rows(part.pictures, DescribedPicture)]
        tokens = [models.caption_tokens(tokenizer, prompt, text, config.max_new_tokens) for text in texts]
        cut += sum(row.cut for row in tokens)
        features = np.array(objects.load_array(part.features))
        return DescribedFeatures(features, [row.ids for row in tokens], [row.labels for row in tokens])

    learned, stop = rows_of(train), rows_of(validation)

    def load() -> Any:
        return models.fresh(learned.features, config.hidden_size, config.prefix_tokens, model)

    return CaptionerRecipe(load, learned, stop, int(tokenizer.eos_token_id)), cut


def _result(
    finished: "FinishedTraining", network: CaptionerRef, cut: int, processor_seconds: float
) -> TrainedCaptioner:
    """Return what training came to."""
    arguments, captioner = finished.trainer.args, finished.trainer.model
    return TrainedCaptioner(
        model=network, curve=objects.save_rows(StepLossRef, StepLoss, finished.curve), best_step=finished.best_step,
        steps=finished.steps, seconds=finished.seconds, processor_seconds=processor_seconds,
        trainable=parameters_of(finished)[0],
        frozen=sum(weight.numel() for weight in captioner.language_model.parameters()), cut=cut,
        stopped_because=finished.stopped_because, precision="bf16" if arguments.bf16 else "fp32",
        device="cpu" if arguments.use_cpu else "cuda",
    )  # fmt: skip
