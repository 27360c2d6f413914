"""Train a causal model on completions (SFT) and on preferences (DPO): TRL's trainers, fed with tokens of our own.

TRL would read a dataset again, tokenise it and drop rows; here that is done before, and looked at. What it would send
home is not sent. Reference log-probabilities are computed once, before training, and given with the rows
(`precompute_ref_log_probs`), so that one model is in memory and a restart computes nothing again.

Shapes: N rows.
Source: TRL `SFTTrainer`, `DPOTrainer`; DPO, Rafailov et al. 2023, arXiv:2305.18290.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from datasets import Dataset
from peft import LoraConfig
from transformers import Trainer, TrainerCallback
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DataCollatorForPreference, DPOTrainer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from configs.finetune import FullWeights, Lora, Training
from tasks.data.generator_tuning import RewardPoint
from tasks.errors import ContractError
from tasks.finetune import packing
from tasks.finetune.completions import CompletionTokens
from tasks.finetune.padding import IGNORED, collator
from tasks.finetune.trainer import arguments, length_groups

ACCURACY = "eval_rewards/accuracies"
LINEAR = ("Linear", "Linear4bit")  # classes of layers, whole and in 4 bits
TOGETHER = 2_048  # tokens of a batch whose losses are measured, padding included: bounds the memory of logits
# TRL recomputes activations unless told otherwise; the project does so where memory does not suffice.
PLAIN: dict[str, Any] = {
    "gradient_checkpointing": False, "activation_checkpointing": False, "include_num_input_tokens_seen": "non_padding",
}  # fmt: skip


@dataclass(frozen=True)
class GeneratorRecipe:
    """What a trainer of a generator is made of.

    Attributes:
        load: Returns a fresh model.
        tokenizer: Of transformers.
        pad: Token that fills batches.
        parameters: Which weights move.
        train: Trained on, as TRL names the columns.
        validation: What the best step is chosen by.
        lengths: Of the rows trained on, in tokens.
        packed: Whether rows of completions stand behind each other.
    """

    load: Callable[[], Any]
    tokenizer: Any
    pad: int
    parameters: FullWeights | Lora
    train: Sequence[Mapping[str, Any]]
    validation: Sequence[Mapping[str, Any]]
    lengths: Sequence[int]
    packed: bool = False


class SaysNothing:
    """Nothing is sent, and no card is written into the folder of checkpoints."""

    def _send_telemetry(self) -> None:
        """Send nothing."""

    def create_model_card(self, *given: Any, **more: Any) -> None:
        """Write no card."""


class OwnRows(SaysNothing):
    """Rows stay as they are, and batches hold rows of like length in an order that a restart keeps."""

    lengths: Sequence[int] = ()
    args: Any

    def _prepare_dataset(self, dataset: Any, *given: Any, **more: Any) -> Any:
        return dataset

    def _precompute_ref_logps(self, dataset: Any, name: str, batch_size: int) -> Any:
        return dataset

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return length_groups(self.lengths, batch, self.args.seed)


class GroupedSftTrainer(OwnRows, SFTTrainer):
    """TRL's trainer on completions, on rows that were made before."""


class GroupedDpoTrainer(OwnRows, DPOTrainer):
    """TRL's trainer on preferences, on rows that were made before."""


def sft_arguments(config: Training, folder: Path, rows: int) -> Any:
    """Return the arguments of training on completions."""
    more = {**PLAIN, "label_names": ["labels"], "max_length": None, "packing": False}
    return arguments(config, folder, SFTConfig, rows=rows, **more)


def dpo_arguments(config: Training, folder: Path, rows: int, beta: float, sft_weight: float) -> Any:
    """Return the arguments of training on preferences, with a weight above 0 on chosen answers beside (RPO)."""
    more = {**PLAIN, "max_length": None, "beta": beta, "precompute_ref_log_probs": True}
    if sft_weight:
        more |= {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, sft_weight]}
    return arguments(config, folder, DPOConfig, rows=rows, **more)


def sft_rows(rows: Sequence[CompletionTokens]) -> list[dict[str, list[int]]]:
    """Return rows as TRL reads them, those with nothing to learn left out."""
    return [{"input_ids": row.ids, "labels": row.labels} for row in rows if row.learned]


def sft_trainer(recipe: GeneratorRecipe, given: Any, callbacks: list[TrainerCallback]) -> Trainer:
    """Return a trainer on completions with a fresh model in it."""
    collate = packing.collator(recipe.pad) if recipe.packed else collator(recipe.pad)
    return made_trainer(GroupedSftTrainer, recipe, given, callbacks, data_collator=collate)


def dpo_trainer(recipe: GeneratorRecipe, given: Any, callbacks: list[TrainerCallback]) -> Trainer:
    """Return a trainer on preferences with a fresh model in it."""
    collate = DataCollatorForPreference(pad_token_id=recipe.pad)
    return made_trainer(GroupedDpoTrainer, recipe, given, callbacks, data_collator=collate)


def made_trainer(
    kind: Any, recipe: GeneratorRecipe, given: Any, callbacks: list[TrainerCallback], head: str = "", **more: Any
) -> Trainer:
    """Return a trainer of a kind with a fresh model in it.

    Args:
        kind: Class of trl.
        recipe: Model, rows, and which weights move.
        given: The arguments.
        callbacks: Told how it goes.
        head: Name of a new head, which moves whole; empty for none.
        more: What this kind is given besides.
    """
    model = recipe.load()
    lora = lora_config(recipe.parameters, model, head) if isinstance(recipe.parameters, Lora) else None
    model.config.use_cache = False
    made: Trainer = kind(
        model=model,
        args=given,
        train_dataset=Dataset.from_list([dict(row) for row in recipe.train]),
        eval_dataset=Dataset.from_list([dict(row) for row in recipe.validation]),
        processing_class=recipe.tokenizer,
        peft_config=lora,
        callbacks=callbacks,
        **more,
    )
    made.lengths = list(recipe.lengths)  # type: ignore[attr-defined]
    # TRL holds updates beside 4 bits in bf16, where a step of 0.0003 is lost on a weight above 0.125.
    for weight in (p for p in made.model.parameters() if p.requires_grad):  # type: ignore[union-attr]
        weight.data = weight.data.float()
    return made


def lora_config(parameters: Lora, model: Any, head: str = "") -> LoraConfig:
    """Return the updates as `peft` describes them; a new head moves whole.

    Raises:
        ContractError: The model has no linear layers of these names.
    """
    linear = {name.rpartition(".")[2] for name, m in model.named_modules() if type(m).__name__ in LINEAR}
    if missing := [name for name in parameters.target_modules if name not in linear]:
        raise ContractError(
            f"target_modules names {missing[0]} but the linear layers of {type(model).__name__} are called "
            f"{', '.join(sorted(linear - {'lm_head'}))}; name some of them"
        )
    return LoraConfig(
        r=parameters.r, lora_alpha=parameters.lora_alpha, lora_dropout=parameters.lora_dropout,
        target_modules=list(parameters.target_modules), task_type="SEQ_CLS" if head else "CAUSAL_LM",
        modules_to_save=[head] if head else None,
    )  # fmt: skip


def logical_parameters(model: Any) -> tuple[int, int]:
    """Return how many weights move, and how many there are, however they are packed; tied ones count once."""
    if hasattr(model, "get_nb_trainable_parameters"):
        moving, every = model.get_nb_trainable_parameters()
        return int(moving), int(every)
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return sum(n for n, moves in sizes if moves), sum(n for n, _ in sizes)


def completion_losses(
    model: Any, rows: Sequence[CompletionTokens], pad: int, advance: Callable[[int], None] | None = None
) -> npt.NDArray[np.float64]:
    """Return (N,) the cross entropy of each row's completion, all its tokens together; 0 where it has none.

    Its negative is the log-probability of the completion.

    Args:
        model: A causal model.
        rows: N rows.
        pad: Token that fills batches.
        advance: Told after each batch how many rows it had.
    """
    import torch
    from torch.nn import functional

    found, collate = np.zeros(len(rows)), collator(pad)
    model.eval()
    device = next(model.parameters()).device
    for batch in like_lengths([len(row.ids) for row in rows]):
        made = collate([{"input_ids": rows[at].ids, "labels": rows[at].labels} for at in batch])
        made = {name: tensor.to(device) for name, tensor in made.items()}
        with torch.inference_mode():
            logits = model(input_ids=made["input_ids"], attention_mask=made["attention_mask"], use_cache=False).logits
            each = functional.cross_entropy(
                logits[:, :-1].float().transpose(1, 2), made["labels"][:, 1:], ignore_index=IGNORED, reduction="none"
            )
        found[batch] = each.sum(1).double().cpu().numpy()
        if advance is not None:
            advance(len(batch))
    return found


def like_lengths(lengths: Sequence[int]) -> list[list[int]]:
    """Return rows in batches of like length, at most so many tokens together; always the same for the same lengths."""
    order = sorted(range(len(lengths)), key=lambda at: (lengths[at], at))
    made: list[list[int]] = []
    for at in order:
        if made and (len(made[-1]) + 1) * lengths[at] <= TOGETHER:
            made[-1].append(at)
        else:
            made.append([at])
    return made


def preference_rows(
    chosen: Sequence[CompletionTokens], rejected: Sequence[CompletionTokens], reference: npt.NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Return pairs as TRL reads them, with the reference log-probabilities.

    Args:
        chosen: N rows.
        rejected: N rows of the same prompts.
        reference: (N, 2) log-probabilities of chosen and rejected by the model that is started from.
    """
    return [
        {
            "prompt_ids": good.ids[: good.prompt], "chosen_ids": good.ids[good.prompt :],
            "rejected_ids": bad.ids[bad.prompt :], "ref_chosen_logps": float(of[0]),
            "ref_rejected_logps": float(of[1]),
        }
        for good, bad, of in zip(chosen, rejected, reference, strict=True)
    ]  # fmt: skip


def reward_points(history: Sequence[Mapping[str, Any]]) -> list[RewardPoint]:
    """Return what a trainer on preferences has logged of the validation pairs."""
    return [
        RewardPoint(int(entry["step"]), *(float(entry[f"eval_rewards/{name}"])
                                          for name in ("chosen", "rejected", "accuracies")))
        for entry in history if ACCURACY in entry
    ]  # fmt: skip
