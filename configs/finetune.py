"""How an encoder is trained: what every flow that trains one asks, and which of its weights move.

Names are those of `transformers.TrainingArguments` and `peft.LoraConfig` wherever they have one.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from configs.base import Common, Config, Tabs


class Training(Config):
    """How a model is trained; the rate rises over `warmup_ratio` of the steps and then falls to nothing."""

    num_train_epochs: Annotated[float, Common] = Field(1.0, gt=0, le=1_000)
    """Passes over the training data."""
    max_steps: int | None = Field(None, ge=1, le=10_000_000)
    """Steps, whatever the epochs say; null: as many as they take."""
    per_device_train_batch_size: int = Field(32, ge=1, le=4_096)
    """Items that go through the model at a time; halved where memory does not suffice, and accumulated instead."""
    gradient_accumulation_steps: int = Field(1, ge=1, le=4_096)
    """Batches that make one step."""
    learning_rate: Annotated[float, Common] = Field(3e-5, gt=0, le=10)
    """How far a step goes at most."""
    warmup_ratio: float = Field(0.1, ge=0, le=0.9)
    """Share of the steps over which the rate rises, whole steps; its first moves nothing, so few steps have none."""
    weight_decay: float = Field(0.01, ge=0, le=1)
    """How strongly weights are pulled towards nothing."""
    max_seq_length: int | None = Field(None, ge=8, le=32_768)
    """Tokens of a text, special ones included; longer ones are cut and counted. Null: as the base model states."""
    eval_steps: int | None = Field(None, ge=1, le=10_000_000)
    """Steps from one evaluation, and checkpoint, to the next; null: ten times a run, five steps apart at least."""
    early_stopping_patience: int = Field(3, ge=1, le=1_000)
    """Evaluations without a better one after which the run stops; the best step is kept."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Same seed, same model, on a processor in fp32."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """What is computed in; auto: bf16, by autocast, where the hardware multiplies it, else fp32."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where training runs; auto takes a GPU that is there."""


class FullWeights(Config):
    """Every weight moves."""

    kind: Literal["full"] = "full"


class LastBlocks(Config):
    """The last blocks of the encoder move, and the head."""

    kind: Literal["last-blocks"] = "last-blocks"
    blocks: int = Field(2, ge=1, le=1_000)
    """Blocks that move, from the last."""


class HeadOnly(Config):
    """The head alone moves; the encoder stays as it is."""

    kind: Literal["head"] = "head"


class Lora(Config):
    """Low-rank updates beside the frozen weights move, and the head."""

    kind: Literal["lora"] = "lora"
    r: int = Field(8, ge=1, le=1_024)
    """Rank of an update."""
    lora_alpha: int = Field(16, ge=1, le=65_536)
    """An update counts for `lora_alpha / r`."""
    lora_dropout: float = Field(0.05, ge=0, lt=1)
    """Share of an update's inputs left out at each step."""
    target_modules: tuple[str, ...] = ("query", "key", "value", "dense")
    """Names of the linear layers that get one."""
    merge: bool = True
    """Whether updates are added to the weights at the end, for a model that opens anywhere. False keeps adapter and
    head alone: some MB, beside a base that must stay as it is. For classifiers and taggers."""


Parameters = Annotated[FullWeights | LastBlocks | HeadOnly | Lora, Field(discriminator="kind"), Tabs]


def _merged(parameters: FullWeights | LastBlocks | Lora) -> FullWeights | LastBlocks | Lora:
    if isinstance(parameters, Lora) and not parameters.merge:
        raise ValueError("merge is false but encoders and rerankers are kept whole; leave it true")
    return parameters


# Of what is kept whole, without a head of its own.
MovingWeights = Annotated[FullWeights | LastBlocks | Lora, Field(discriminator="kind"), Tabs, AfterValidator(_merged)]
