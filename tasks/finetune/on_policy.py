"""Learn from rewards of replies as they are drawn: a reward model of preferences, then REINFORCE leave-one-out (RLOO).

TRL's trainers, fed with tokens of our own, as in `generator`. Each prompt gets several replies; what a reply is worth
is its reward less the mean of the others', and less the distance from the model it began as.

Shapes: N rows.
Source: RLOO, Ahmadian et al. 2024, arXiv:2402.14740; reward models, Ouyang et al. 2022, arXiv:2203.02155.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import Trainer, TrainerCallback
from trl.trainer.reward_config import RewardConfig
from trl.trainer.reward_trainer import DataCollatorForPreference, RewardTrainer
from trl.trainer.rloo_config import RLOOConfig
from trl.trainer.rloo_trainer import RLOOTrainer

from configs.finetune import Training
from configs.finetune_generator import OnPolicy
from tasks.finetune.completions import CompletionTokens
from tasks.finetune.generator import PLAIN, GeneratorRecipe, OwnRows, SaysNothing, like_lengths, made_trainer
from tasks.finetune.padding import collator
from tasks.finetune.trainer import arguments

REWARD = "eval_reward"
RIGHT = "eval_accuracy"
HEAD = "score"  # what transformers calls the head of a causal model that gives a number
Score = Callable[[Sequence[Sequence[int]]], npt.NDArray[np.float64]]


class GroupedRewardTrainer(OwnRows, RewardTrainer):
    """TRL's trainer of reward models, on rows that were made before."""


class DrawingTrainer(SaysNothing, RLOOTrainer):
    """TRL's trainer on replies that it draws, to prompts whose tokens were made before."""

    prompts: Mapping[str, list[int]]

    def _tokenize_prompts(self, prompts: list[str]) -> Any:
        return [self.prompts[prompt] for prompt in prompts], None, {}


def reward_arguments(config: Training, folder: Path, rows: int) -> Any:
    """Return the arguments of training a reward model."""
    return arguments(config, folder, RewardConfig, rows=rows, **{**PLAIN, "max_length": None})


def rloo_arguments(config: Training, folder: Path, rows: int, beta: float, asked: OnPolicy) -> Any:
    """Return the arguments of training on drawn replies; the step with the largest reward is the best.

    An epoch draws replies to every prompt once: `rows` prompts are as many items as prompts times replies.
    """
    more = {
        **PLAIN, "include_num_input_tokens_seen": False, "beta": beta, "num_generations": asked.num_generations,
        "max_completion_length": asked.max_completion_length, "temperature": asked.temperature,
        "metric_for_best_model": REWARD, "greater_is_better": True,
    }  # fmt: skip
    return arguments(config, folder, RLOOConfig, rows=rows * asked.num_generations, **more)


def reward_rows(
    chosen: Sequence[CompletionTokens], rejected: Sequence[CompletionTokens]
) -> list[dict[str, list[int]]]:
    """Return pairs as TRL's reward trainer reads them."""
    return [{"chosen_ids": a.ids, "rejected_ids": b.ids} for a, b in zip(chosen, rejected, strict=True)]


def reward_trainer(recipe: GeneratorRecipe, given: Any, callbacks: list[TrainerCallback]) -> Trainer:
    """Return a trainer of a reward model, a fresh one in it."""
    collate = DataCollatorForPreference(pad_token_id=recipe.pad)
    return made_trainer(GroupedRewardTrainer, recipe, given, callbacks, data_collator=collate, head=HEAD)


def rloo_trainer(
    recipe: GeneratorRecipe, tokens: Mapping[str, list[int]], score: Score, given: Any,
    callbacks: list[TrainerCallback],
) -> Trainer:  # fmt: skip
    """Return a trainer on drawn replies with a fresh model in it.

    Args:
        recipe: Its rows have the column `prompt`.
        tokens: Of every prompt, by its text.
        score: Returns the rewards of rows of tokens, prompt and reply.
        given: The arguments.
        callbacks: Told how it goes.
    """

    def reward(prompts: list[str], completion_ids: list[list[int]], **more: Any) -> list[float]:
        rows = [[*tokens[prompt], *reply] for prompt, reply in zip(prompts, completion_ids, strict=True)]
        return [float(value) for value in score(rows)]

    made: Any = made_trainer(DrawingTrainer, recipe, given, callbacks, reward_funcs=reward)
    made.prompts = tokens
    return made  # type: ignore[no-any-return]


def scores_of(model: Any, rows: Sequence[Sequence[int]], pad: int) -> npt.NDArray[np.float64]:
    """Return (N,) what a reward model gives to rows of tokens.

    Args:
        model: Of one number a row.
        rows: N rows.
        pad: Token that fills batches.
    """
    import torch

    found, collate = np.zeros(len(rows)), collator(pad)
    model.eval()
    device = next(model.parameters()).device
    for batch in like_lengths([len(row) for row in rows]):
        made = collate([{"input_ids": list(rows[at]), "labels": list(rows[at])} for at in batch])
        given = {name: made[name].to(device) for name in ("input_ids", "attention_mask")}
        with torch.inference_mode():
            found[batch] = model(**given).logits[:, 0].double().cpu().numpy()
    return found
