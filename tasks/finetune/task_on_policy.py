"""Tasks of `finetune` that learn from rewards: a reward model of pairs, a generator that draws replies, and scores."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from configs.finetune_generator import GeneratorLora, OnPolicy, Preference
from tasks import environment
from tasks.data.generator_tuning import GeneratorTrial, TriedReply, TunedGenerator
from tasks.data.messages import Generator
from tasks.data.prompt_rows import PromptRow, SplitPrompts
from tasks.data.rewards import JudgedReplies, ReplyReward, ReplyRewardsRef, RewardModel
from tasks.errors import DataError
from tasks.finetune.task_generator import LIBRARIES, keep_trained, loader, pairs_of
from tasks.finetune.task_prompts import LONGEST, PromptWriter, limit_of
from tasks.finetune.task_training import result_of, save_tuned, watched_training
from tasks.models import files as model_files
from tasks.models.adapted import old_names
from tasks.models.whole import load_whole
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects


@step(name="finetune-reward", libraries=LIBRARIES, device_of=("drawn",))
def train_reward(split: SplitPrompts, base: Generator, system: str, asked: Preference, drawn: OnPolicy) -> RewardModel:
    """Train a reward model on pairs, from the weights of a generator and a new head; measure it on held-out pairs.

    Args:
        split: Prompts with a chosen and a rejected answer.
        base: The generator it starts from.
        system: System message; empty for that of the template.
        asked: Which layers get updates.
        drawn: How long the reward model is trained, and how fast.

    Raises:
        DataError: No pair fits into the limit.
    """
    from tasks.finetune import generator, on_policy, trainer

    config, writer = drawn.reward, PromptWriter(base, system)
    parts = [pairs_of(writer, objects.load_rows(part, PromptRow), limit_of(base, config))
             for part in (split.train, split.validation, split.test)]  # fmt: skip
    if not all(chosen for chosen, _ in parts):
        raise DataError("no pair has a prompt and both answers within on_policy.reward.max_seq_length; raise it")
    weights = GeneratorLora(**asked.parameters.model_dump(exclude={"kind"}))  # beside whole weights, in fp32
    recipe = generator.GeneratorRecipe(
        load=judge_of(model_files.locate(base.model).folder, writer.pad, new=True), tokenizer=writer.tokenizer,
        pad=writer.pad, parameters=weights, train=on_policy.reward_rows(*parts[0]),
        validation=on_policy.reward_rows(*parts[1]),
        lengths=[max(len(a.ids), len(b.ids)) for a, b in zip(*parts[0], strict=True)],
    )  # fmt: skip
    inputs = (split.train.digest, split.validation.digest, base.digest, system, weights.model_dump(mode="json"))
    with watched_training("finetune-reward", config, *inputs, environment.versions(("trl", "peft"))) as watch:
        made = on_policy.reward_arguments(config, watch.folder, len(recipe.train))
        with old_names():
            done = trainer.train(lambda *given: on_policy.reward_trainer(recipe, *given), made, watch=watch,
                                 shown=on_policy.RIGHT)  # fmt: skip
            trained = done.trainer.accelerator.unwrap_model(done.trainer.model, keep_fp32_wrapper=False)
            counted = generator.logical_parameters(trained)
            whole = trained.merge_and_unload(safe_merge=True)
        model = save_tuned("reward", whole.save_pretrained, base.model)
        result = result_of(done, model, counted)
    chosen, rejected = (on_policy.scores_of(whole, [row.ids for row in side], writer.pad) for side in parts[2])
    right = int((chosen > rejected).sum())
    steps.log_metrics("reward", right=right, pairs=len(chosen))
    return RewardModel(result=result, right=right, pairs=len(chosen))


@step(name="finetune-rloo", libraries=LIBRARIES, device_of=("asked",))
def train_on_policy(
    split: SplitPrompts, base: Generator, system: str, reward: RewardModel, asked: Preference, drawn: OnPolicy
) -> TunedGenerator:
    """Train a model on rewards of the replies it draws; the step whose replies are worth most is merged and saved.

    Args:
        split: Prompts; their answers are not read.
        base: What it starts from: the model that was trained on completions.
        system: System message; empty for that of the template.
        reward: The reward model.
        asked: Which weights move, how long, and how closely it keeps to what it starts from.
        drawn: How replies are drawn.

    Raises:
        DataError: No prompt leaves room for a reply.
        ModelError: The saved model is not the one that was trained.
    """
    from tasks.finetune import generator, on_policy, trainer

    config, writer = asked.training, PromptWriter(base, system)
    limit = limit_of(base, config)
    rows = [objects.load_rows(part, PromptRow) for part in (split.train, split.validation)]
    train, stop = (prompts_of(writer, part, limit - drawn.max_completion_length) for part in rows)
    steps.log_metrics("", left_out=len({row.asked for row in rows[0]}) - len(train))
    if not train or not stop:
        raise DataError("no prompt leaves room for a reply within preference.training.max_seq_length; raise it")
    judge = judge_of(objects.path(reward.result.model), writer.pad)()
    recipe = generator.GeneratorRecipe(
        load=loader(base, asked.parameters), tokenizer=writer.tokenizer, pad=writer.pad, parameters=asked.parameters,
        train=[{"prompt": text} for text in train], validation=[{"prompt": text} for text in stop],
        lengths=[len(ids) for ids in train.values()],
    )  # fmt: skip

    def make(*given: Any) -> Any:
        return on_policy.rloo_trainer(
            recipe, train | stop, lambda ids: on_policy.scores_of(judge, ids, writer.pad), *given
        )

    inputs = (split.train.digest, split.validation.digest, base.digest, system, reward.result.model.digest,
              asked.model_dump(mode="json"))  # fmt: skip
    with watched_training("finetune-rloo", config, *inputs, environment.versions(("trl", "peft"))) as watch:
        made = on_policy.rloo_arguments(config, watch.folder, len(train), asked.beta, drawn)
        with old_names():
            finished = trainer.train(make, made, watch=watch)
        return keep_trained(finished, base, writer, asked.parameters, writer.rows(rows[1], limit))


@step(name="finetune-score-replies", libraries=LIBRARIES)
def score_replies(
    trials: Sequence[GeneratorTrial], base: Generator, system: str, reward: RewardModel
) -> JudgedReplies:
    """Return what a reward model gives to the replies of every model to the same held-out prompts.

    Args:
        trials: Of every model.
        base: Whose template prompts are written by.
        system: System message; empty for that of the template.
        reward: The reward model.
    """
    from tasks.finetune.on_policy import scores_of

    writer, found = PromptWriter(base, system), []
    judge = judge_of(objects.path(reward.result.model), writer.pad)()
    for trial in trials:
        replies = objects.load_rows(trial.replies, TriedReply)
        rows = [said(writer, reply, base.context or LONGEST) for reply in replies]
        given = scores_of(judge, rows, writer.pad)
        found += [ReplyReward(trial.name, r.id, float(value)) for r, value in zip(replies, given, strict=True)]
    return JudgedReplies(judge=reward, rewards=objects.save_rows(ReplyRewardsRef, ReplyReward, found))


def said(writer: PromptWriter, reply: TriedReply, limit: int) -> list[int]:
    """Return prompt and reply as tokens, with the end where the model ended it."""
    end = [writer.end] if reply.stopped else []
    return [*writer.prompt(reply.prompt, reply.history), *writer.completion(reply.reply), *end][:limit]


def prompts_of(writer: PromptWriter, rows: Sequence[PromptRow], limit: int) -> dict[str, list[int]]:
    """Return the tokens of every different prompt that is no longer than a limit, by its text."""
    made = {row.asked: writer.prompt(row.prompt, row.history) for row in rows}
    return {text: ids for text, ids in made.items() if len(ids) <= limit}


def judge_of(folder: Path, pad: int, *, new: bool = False) -> Callable[[], Any]:
    """Return what loads a model of one number a row, with a new head or with its own."""

    def load() -> Any:
        from transformers import AutoModelForSequenceClassification

        from tasks.finetune.on_policy import HEAD

        kind: Any = AutoModelForSequenceClassification
        return load_whole(kind, folder, new=(HEAD,) if new else (), num_labels=1, pad_token_id=pad)

    return load
