"""How a generator is trained: columns of instructions and preferences, which weights move, when it is released."""

import re
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, model_validator

from configs.base import Common, Config, Tabs
from configs.finetune import FullWeights, Lora, Training
from configs.generators import LanguageModel, LocalModel

NAMED = r"\w"  # holds a letter or a digit
# As Llama and its heirs name their linear layers, without the head.
LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


Columns = TypeVar("Columns", bound=Config)


def _differ(columns: Columns, *names: str) -> Columns:
    """Return columns that are different ones: of a column that is prompt and answer a model learns to repeat."""
    given = [(name, getattr(columns, name)) for name in names if getattr(columns, name) is not None]
    for at, (name, column) in enumerate(given):
        if other := next((earlier for earlier, same in given[:at] if same == column), None):
            raise ValueError(f"{name} and {other} both name the column {column!r}; name another for one of them")
    return columns


class InstructionColumns(Config):
    """Columns of what is asked and of what answers it; a row is a prompt and its completion."""

    instruction: str = Field("instruction", min_length=1)
    """Column of what is asked; `source.text` counts for nothing."""
    input: str | None = "input"
    """Column of what the instruction is about, put below it; a row may lack it. Null for none."""
    output: str = Field("output", min_length=1)
    """Column of the answer: the completion that is learned."""
    messages: str | None = Field(None, min_length=1)
    """Column of a conversation in place of the three: a list of `role` and `content`, as TRL and the hub keep it. The
    last answer is learned, and the turns before it are its prompt."""

    @model_validator(mode="after")
    def _columns_differ(self) -> Self:
        return _differ(self, "instruction", "input", "output")


class PreferenceColumns(Config):
    """Columns of a prompt and of two answers to it, of which one was preferred; each text, or a list of turns."""

    prompt: str = Field("prompt", min_length=1)
    """Column of what is asked; `pairs.text` counts for nothing."""
    input: str | None = None
    """Column of what it is about, put below it; a row may lack it. Null for none."""
    chosen: str = Field("chosen", min_length=1)
    """Column of the answer that was preferred."""
    rejected: str = Field("rejected", min_length=1)
    """Column of the other answer."""

    @model_validator(mode="after")
    def _columns_differ(self) -> Self:
        return _differ(self, "prompt", "input", "chosen", "rejected")


class GeneratorLora(Lora):
    """Low-rank updates beside the frozen weights of all linear layers move; they are merged at the end."""

    r: int = Field(16, ge=1, le=1_024)
    """Rank of an update. Of SmolLM2 at 16: 4,884,480 weights move of 139,399,488."""
    lora_alpha: int = Field(32, ge=1, le=65_536)
    """An update counts for `lora_alpha / r`."""
    target_modules: tuple[str, ...] = Field(LINEAR, min_length=1)
    """Names of the linear layers that get one."""
    merge: bool = True
    """A generator is always merged, reloaded and compared; false is refused."""

    @model_validator(mode="after")
    def _merged(self) -> Self:
        if not self.merge:
            raise ValueError("merge is false but a generator is kept whole, compared with base and updates; leave it")
        if wrong := [name for name in self.target_modules if name in ("lm_head", "embed_tokens")]:
            raise ValueError(
                f"target_modules names {wrong[0]}, which TRL does not train by updates; name linear layers"
            )
        return self


class GeneratorQlora(GeneratorLora):
    """Low-rank updates beside weights in 4 bits (nf4) move, merged into what those stand for; extra `4bit`."""

    kind: Literal["qlora"] = "qlora"  # type: ignore[assignment]


GeneratorUpdates = Annotated[GeneratorLora | GeneratorQlora, Field(discriminator="kind"), Tabs]
GeneratorWeights = Annotated[FullWeights | GeneratorLora | GeneratorQlora, Field(discriminator="kind"), Tabs]


class OnPolicy(Config):
    """A reward model learns from the pairs, and the tuned model from what that gives to replies it draws (RLOO).

    Slower by far than DPO, for every step writes replies.
    """

    reward: Training = Training(num_train_epochs=2, per_device_train_batch_size=8, learning_rate=5e-4)
    """How long the reward model is trained, and how fast."""
    num_generations: int = Field(4, ge=2, le=64)
    """Replies drawn to each prompt; each is held against the others."""
    max_completion_length: int = Field(48, ge=4, le=4_096)
    """Tokens of a drawn reply at most."""
    temperature: float = Field(1.0, gt=0, le=10)
    """How freely replies are drawn."""


class Preference(Config):
    """How preferences are learned: direct preference optimisation (DPO), by updates of the tuned model."""

    columns: PreferenceColumns = PreferenceColumns()
    """Where prompt, chosen and rejected stand."""
    beta: Annotated[float, Common] = Field(0.1, gt=0, le=10)
    """How closely the model keeps to the tuned one it starts from. Smaller: farther away."""
    sft_weight: float = Field(0.0, ge=0, le=100)
    """Weight of the loss a token of chosen answers beside that of DPO, as in RPO (Pang et al. 2024, arXiv:2404.19733).
    DPO alone may make chosen answers less likely too, if rejected ones fall further; 1 holds them. 0: DPO alone."""
    parameters: GeneratorUpdates = GeneratorLora(lora_dropout=0.0)
    """Which updates are learned, beside weights in fp32 or in 4 bits; TRL leaves dropout out of DPO."""
    training: Training = Training(per_device_train_batch_size=8, learning_rate=5e-4)
    """How long preferences are learned, and how fast."""
    on_policy: OnPolicy | None = None
    """Learn from replies as they are drawn in place of DPO, `{}` with its defaults. Null: DPO."""

    @model_validator(mode="after")
    def _weight_of_dpo(self) -> Self:
        if self.on_policy is not None and self.sft_weight:
            raise ValueError(
                "on_policy learns without the loss of DPO, which sft_weight adds to; set preference.sft_weight=0"
            )
        return self

    @model_validator(mode="after")
    def _whole_groups(self) -> Self:
        size, asked = self.training.per_device_train_batch_size, self.on_policy
        if asked is not None and size % asked.num_generations:
            raise ValueError(
                f"per_device_train_batch_size is {size}, no multiple of num_generations {asked.num_generations}: the "
                "replies to a prompt stand in one batch; change one of them"
            )
        return self


class KeywordCheck(Config):
    """Whether a reply holds one of some words, or none of them."""

    kind: Literal["keywords"] = "keywords"
    name: str = Field(pattern=NAMED, max_length=60)
    """What it is called in tables and metrics."""
    words: tuple[Annotated[str, Field(pattern=NAMED)], ...] = Field(min_length=1)
    """Words, or groups of words, that stand by themselves: `art` is not in `start`. Case does not count. In scripts
    without blanks, as Chinese or Thai, they may stand anywhere."""
    absent: bool = False
    """Whether a reply passes that holds none of them."""


class LengthCheck(Config):
    """Whether a reply has so many words, or characters."""

    kind: Literal["length"] = "length"
    name: str = Field(pattern=NAMED, max_length=60)
    """What it is called in tables and metrics."""
    least: int = Field(1, ge=0)
    """Words or characters at least."""
    most: int | None = Field(None, ge=1)
    """Words or characters at most. Null: any number."""
    unit: Literal["words", "characters"] = "words"
    """What is counted: words between blanks, or characters, as for scripts without blanks."""

    @model_validator(mode="after")
    def _least_first(self) -> Self:
        if self.most is not None and self.most < self.least:
            raise ValueError(f"most is {self.most} but least {self.least}, so no reply could pass; swap the two")
        return self


class FormatCheck(Config):
    """Whether a reply is written in a certain way."""

    kind: Literal["format"] = "format"
    name: str = Field(pattern=NAMED, max_length=60)
    """What it is called in tables and metrics."""
    form: Literal["json", "one-line", "list"] = "one-line"
    """`json`: all of it can be read as JSON. `one-line`: one line. `list`: several lines, each an item."""


ReplyCheck = Annotated[KeywordCheck | LengthCheck | FormatCheck, Field(discriminator="kind"), Tabs]


class Battery(Config):
    """What base and trained models are measured by, side by side, on held-out prompts."""

    prompts: int = Field(40, ge=4, le=10_000)
    """Held-out prompts that each model replies to at most, drawn by seed; the loss is measured on all."""
    max_tokens: int = Field(64, ge=4, le=4_096)
    """Tokens of a reply at most; one that is cut there did not stop."""
    samples: int = Field(5, ge=0, le=50)
    """Replies that the page shows, of each model."""
    checks: tuple[ReplyCheck, ...] = ()
    """What each reply is checked for without a judge: keywords, length, format. The page has the share that passes,
    which decides nothing at the gate."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [re.sub(r"\W+", "_", check.name.casefold()).strip("_") for check in self.checks]  # as metrics have it
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"checks has {twice[0]!r} twice, so their measures could not be told apart; rename one")
        return self


class PairwiseJudge(Config):
    """A language model that says which of two replies is better; every pair is asked about in both orders.

    A reply wins where it is better in both; else it is a tie. What the judge is worth stands beside: how often it
    prefers a held-out answer to that of another prompt. It decides nothing, for a model that writes like its judge
    pleases it.
    """

    generator: LanguageModel = LocalModel()
    """What judges. A small model is rarely worth it; name a server of a larger one."""
    prompt: str = Field("judge-replies", min_length=1)
    """Name of a prompt of the project, or path of an .md file that holds the places {first}, {second}, {prompt} and
    {nonce}, of which the last marks where texts of strangers begin and end."""
    prompt_tokens: int = Field(2_048, ge=64, le=1_048_576)
    """Tokens of a prompt at most, a third each for the request and the two replies; what does not fit is cut, and
    counted."""


class GeneratorGate(Config):
    """When a trained generator is released."""

    least_gain: float = Field(0.01, ge=0, le=10)
    """The held-out loss a token must fall by more than this for sure: the upper end of the 95 % interval of the paired
    difference must lie below its negative."""
    least_accuracy: float = Field(0.5, ge=0, lt=1)
    """Where preferences are learned: the lower end of the held-out reward accuracy must lie above it, or that of the
    reward model where one is trained."""
    tolerance: Annotated[float, Common] = Field(0.1, ge=0, le=1)
    """How much the share of replies that stop by themselves may fall."""
    resamples: int = Field(2_000, ge=100, le=100_000)
    """Bootstrap samples an interval is made of."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Same seed, same intervals."""
