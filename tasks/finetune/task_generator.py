"""Tasks of `finetune` that train a generator: on completions, on preferences; each ends merged, saved and compared."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.finetune import Training
from configs.finetune_generator import GeneratorQlora, GeneratorWeights, Preference
from configs.generators import LocalModel
from tasks import environment
from tasks.data.generator_tuning import PackingProbe, RewardPoint, RewardPointsRef, TunedGenerator
from tasks.data.messages import Generator
from tasks.data.prompt_rows import PromptRow, SplitPrompts
from tasks.data.training import TunedRef
from tasks.errors import DataError
from tasks.finetune.task_prompts import PromptWriter, limit_of
from tasks.finetune.task_training import result_of, save_tuned, watched_training
from tasks.models import files as model_files
from tasks.models.adapted import old_names
from tasks.models.generators import local as local_model
from tasks.runtime import steps
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import objects, tuned

if TYPE_CHECKING:
    from tasks.finetune.completions import CompletionTokens
    from tasks.finetune.generator import GeneratorRecipe
    from tasks.finetune.merging import Probed
    from tasks.finetune.trainer import FinishedTraining

LIBRARIES = ("torch", "transformers", "tokenizers", "accelerate", "peft", "trl")
PROBED, REPLIED, REPLY = 4, 3, 16  # rows and prompts that a saved model is compared on, and tokens of a reply
BESIDE = ("generation_config.json", "chat_template.jinja")  # files of a model that its library does not write back


@step(name="finetune-sft", libraries=LIBRARIES, device_of=("config",))
def train_completions(
    split: SplitPrompts,
    base: Generator,
    system: str,
    parameters: GeneratorWeights,
    config: Training,
    packed: PackingProbe | None = None,
) -> TunedGenerator:
    """Train a causal model on completions; the step that does best on the validation rows is merged and saved.

    Args:
        split: Prompts and completions.
        base: What it starts from.
        system: System message; empty for that of the template.
        parameters: Which weights move.
        config: How long, how fast, how many at a time.
        packed: Whether rows stand behind each other; None where they were not to.

    Raises:
        ModelError: The saved model is not the one that was trained.
    """
    from tasks.finetune import generator, packing

    writer, limit = PromptWriter(base, system), limit_of(base, config)
    train, stop = (writer.rows(objects.load_rows(part, PromptRow), limit) for part in (split.train, split.validation))
    together = packed is not None and packed.used
    rows = packing.packed(generator.sft_rows(train), limit) if together else generator.sft_rows(train)
    recipe = generator.GeneratorRecipe(
        load=loader(base, parameters), tokenizer=writer.tokenizer, pad=writer.pad, parameters=parameters, train=rows,
        validation=generator.sft_rows(stop), lengths=[len(row["input_ids"]) for row in rows], packed=together,
    )  # fmt: skip
    inputs = (split.train.digest, split.validation.digest, base.digest, system, parameters.model_dump(mode="json"),
              together)  # fmt: skip
    with watched_training("finetune-sft", config, *inputs, environment.versions(("trl", "peft"))) as watch:
        made = generator.sft_arguments(config, watch.folder, len(recipe.train))
        finished = _trained(recipe, generator.sft_trainer, made, watch, "")
        return keep_trained(finished, base, writer, parameters, stop)


@step(name="finetune-probe-packing", libraries=LIBRARIES, device_of=("base", "config"))
def probe_packing(split: SplitPrompts, base: Generator, system: str, config: Training) -> PackingProbe:
    """Find out whether rows behind each other are as alone to a model: whether its logits are the same.

    Args:
        split: Prompts and completions.
        base: The model.
        system: System message; empty for that of the template.
        config: How long rows may be.
    """
    from tasks.finetune import generator, packing

    writer, limit = PromptWriter(base, system), limit_of(base, config)
    rows = generator.sft_rows(writer.rows(objects.load_rows(split.train, PromptRow), limit))
    made = packing.packed(rows, limit)
    few = rows[: packing.PROBED]
    logits = packing.leak(loader(base)(), few, writer.pad)
    filled = sum(len(row["input_ids"]) for row in made) / (len(made) * limit)
    steps.log_metrics("", logits=logits, rows=len(rows), packed=len(made), filled=filled)
    return PackingProbe(
        used=logits <= packing.TOLERANCE, logits=logits, compared=len(few), rows=len(rows), packed=len(made),
        filled=filled,
    )  # fmt: skip


@step(name="finetune-dpo", libraries=LIBRARIES, device_of=("asked",))
def train_preferences(split: SplitPrompts, base: Generator, system: str, asked: Preference) -> TunedGenerator:
    """Train a model on preferences, by updates, against the log-probabilities it begins with.

    Args:
        split: Prompts with a chosen and a rejected answer.
        base: What it starts from: the model that was trained on completions.
        system: System message; empty for that of the template.
        asked: How.

    Raises:
        DataError: No pair fits into the limit.
        ModelError: The saved model is not the one that was trained.
    """
    from tasks.finetune import generator

    config, writer = asked.training, PromptWriter(base, system)
    parts = [pairs_of(writer, objects.load_rows(part, PromptRow), limit_of(base, config))
             for part in (split.train, split.validation)]  # fmt: skip
    steps.log_metrics("", left_out=split.train.rows - len(parts[0][0]))
    if not all(chosen for chosen, _ in parts):
        raise DataError("no pair has a prompt and both answers within preference.training.max_seq_length; raise it")
    model = loader(base, asked.parameters)()
    read = [reference_of(model, part, writer.pad) for part in parts]
    del model
    train, stop = (generator.preference_rows(*part, ref) for part, ref in zip(parts, read, strict=True))
    recipe = generator.GeneratorRecipe(
        load=loader(base, asked.parameters), tokenizer=writer.tokenizer, pad=writer.pad, parameters=asked.parameters,
        train=train, validation=stop, lengths=[max(len(a.ids), len(b.ids)) for a, b in zip(*parts[0], strict=True)],
    )  # fmt: skip
    inputs = (split.train.digest, split.validation.digest, base.digest, system, asked.model_dump(mode="json"))
    with watched_training("finetune-dpo", config, *inputs, environment.versions(("trl", "peft"))) as watch:
        made = generator.dpo_arguments(config, watch.folder, len(train), asked.beta, asked.sft_weight)
        finished = _trained(recipe, generator.dpo_trainer, made, watch, generator.ACCURACY)
        return keep_trained(finished, base, writer, asked.parameters, parts[1][0])


def loader(base: Generator, parameters: GeneratorWeights | None = None) -> Callable[[], Any]:
    """Return what loads a model where it is described to run, in fp32 or, for updates beside 4 bits, in those."""
    precision = "4bit" if isinstance(parameters, GeneratorQlora) else "fp32"
    wanted = base.model_copy(update={"precision": precision})
    return lambda: local_model.load(model_files.locate(base.model).folder, wanted, training=True)


def whole_weights(base: Generator, parameters: GeneratorWeights) -> Any:
    """Return a model read from disk again, in fp32; where it was trained in 4 bits, with what those stand for."""
    model = loader(base, parameters)()
    return model.dequantize() if isinstance(parameters, GeneratorQlora) else model


def pairs_of(
    writer: PromptWriter, rows: Sequence[PromptRow], limit: int
) -> "tuple[list[CompletionTokens], list[CompletionTokens]]":
    """Return chosen and rejected answers as tokens, without pairs of which one is cut: DPO compares whole ones."""
    chosen, rejected = writer.rows(rows, limit), writer.rows(rows, limit, rejected=True)
    whole = [(a, b) for a, b in zip(chosen, rejected, strict=True) if not a.cut and not b.cut]
    return [a for a, _ in whole], [b for _, b in whole]


def reference_of(model: Any, pairs: "Sequence[Sequence[CompletionTokens]]", pad: int) -> Any:
    """Return (N, 2) log-probabilities of chosen and rejected answers by a model."""
    import numpy as np

    from tasks.finetune.generator import completion_losses

    with progress(steps.labelled("log-probabilities"), sum(map(len, pairs)), "answers") as advance:
        return np.stack([-completion_losses(model, part, pad, advance) for part in pairs], axis=1)


def _trained(
    recipe: "GeneratorRecipe", make: Callable[..., Any], made: Any, watch: Any, shown: str
) -> "FinishedTraining":
    from tasks.finetune import trainer

    with old_names():
        return trainer.train(lambda *given: make(recipe, *given), made, watch=watch, shown=shown)


def keep_trained(
    finished: "FinishedTraining", base: Generator, writer: PromptWriter, parameters: GeneratorWeights,
    rows: "Sequence[CompletionTokens]",
) -> TunedGenerator:  # fmt: skip
    """Merge what was trained into its base, save it, and compare it, read again, with what was trained."""
    from tasks.finetune import generator, merging

    # Where training computes in bf16, what computes so is put around the model; the saved one computes in fp32.
    trained = finished.trainer.accelerator.unwrap_model(finished.trainer.model, keep_fp32_wrapper=False)
    counted = generator.logical_parameters(trained)
    before = _probed(trained, rows, writer)
    with old_names():
        made = merging.merged(trained, whole_weights(base, parameters))
    model = _save_merged(made, base, writer, parameters)
    wanted = local_model.describe(LocalModel(model=tuned.by_content(model), precision="fp32"))
    again = loader(wanted.model_copy(update={"engine": base.engine}))()
    parity = merging.compare(before, _probed(again, rows, writer))
    history = generator.reward_points(finished.trainer.state.log_history)
    steps.log_metrics("merge", logits=parity.logits)
    return TunedGenerator(
        result=result_of(finished, model, counted), parity=parity, moved=parameters.kind,
        learning_rate=float(finished.trainer.args.learning_rate),
        rewards=objects.save_rows(RewardPointsRef, RewardPoint, history) if history else None,
    )  # fmt: skip


def _probed(model: Any, rows: "Sequence[CompletionTokens]", writer: PromptWriter) -> "Probed":
    from tasks.finetune.merging import probe

    few = rows[:PROBED]
    prompts = [row.ids[: row.prompt] for row in few[:REPLIED]]
    return probe(model, [row.ids for row in few], prompts, writer.ends, REPLY)


def _save_merged(model: Any, base: Generator, writer: PromptWriter, parameters: GeneratorWeights) -> TunedRef:
    """Store a merged model with the tokenizer, the chat template and the generation config of its base."""
    folder = model_files.locate(base.model).folder

    def fill(place: Path) -> None:
        model.save_pretrained(place)
        writer.tokenizer.save_pretrained(place)
        for name in BESIDE:
            if (folder / name).is_file():
                shutil.copyfile(folder / name, place / name)

    more = {"template": base.template, "method": parameters.model_dump(mode="json")}
    return save_tuned("generator", fill, base.model, more)
