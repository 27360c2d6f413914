"""What is found out about the inside of a model: references, small values and rows, as in `tasks.data`."""

from dataclasses import dataclass
from typing import Any, Literal

from tasks.data.base import Ref, Value
from tasks.data.evaluation import Spread
from tasks.data.tokens import TokenizerFit


class SmallModelRef(Ref):
    """A folder as transformers saves it: config.json, model.safetensors, tokenizer.json."""

    kind: Literal["small-model"] = "small-model"


class StagesRef(Ref):
    """A table of `Stage` rows, in the order a text passes them."""

    kind: Literal["stages"] = "stages"


class StepsRef(Ref):
    """A table of `StepToken` rows, likeliest first within a step."""

    kind: Literal["steps"] = "steps"


class TimingsRef(Ref):
    """A table of `Timing` rows."""

    kind: Literal["timings"] = "timings"


class AttentionRef(Ref):
    """A (N, 1 + H, L, L) float32 array: N layers, mean of the heads, then H heads, from each of L tokens to each."""

    kind: Literal["attention"] = "attention"


class MaskRowsRef(Ref):
    """A table of `MaskRow` rows."""

    kind: Literal["mask-rows"] = "mask-rows"


class RunsRef(Ref):
    """A table of `MaskRun` rows."""

    kind: Literal["mask-runs"] = "mask-runs"


class StageList(Value):
    """The parts a text passes, and how large the model and the text are.

    Attributes:
        table: The parts.
        parameters: Numbers of the model, shared ones counted once.
        tokens: Tokens of the text.
    """

    table: StagesRef
    parameters: int
    tokens: int


class Causal(Value):
    """A causal model by its files.

    Attributes:
        name: Id, folder, or what it was trained on.
        folder: Where its files are.
        digest: Of config, weights and tokenizer.
    """

    name: str
    folder: str
    digest: str

    def cache_key(self) -> Any:
        """Count by contents."""
        return self.digest


class CutReply(Value):
    """A greedy reply, cut and continued.

    Attributes:
        text: What was generated before the cut.
        tokens: How many tokens.
        finish: stop where the model ended it, length where the limit did.
        continued: What came when it went on; empty where it had ended.
        same: Whether reply and continuation are, token for token, what comes without the cut; true where it had ended.
    """

    text: str
    tokens: int
    finish: Literal["stop", "length"]
    continued: str
    same: bool


class CacheTest(Value):
    """Generation with and without cache.

    Attributes:
        timings: Seconds of every repeat.
        ways: The same, of each way.
        times_faster: How many times faster it is with cache: of medians, then of the repeats.
        tokens: Tokens generated each time.
        same: Whether both gave the same tokens.
        cache_bytes: Size of the cache at the end.
    """

    timings: TimingsRef
    ways: tuple[Spread, ...]
    times_faster: Spread
    tokens: int
    same: bool
    cache_bytes: int


class LengthCost(Value):
    """What a pass costs, by the length of the text.

    Attributes:
        timings: Every pass.
        seconds: Of each length, named by it.
    """

    timings: TimingsRef
    seconds: tuple[Spread, ...]


class MaskPattern(Value):
    """The first tokens under a mask: a line a token, `x` at each token that it sees.

    Attributes:
        name: full, sliding, sparse.
        lines: From the first token on.
    """

    name: str
    lines: tuple[str, ...]


class MasksTried(Value):
    """Masks, and what each does to a model as it is.

    Attributes:
        table: What each does.
        patterns: What they look like.
    """

    table: MaskRowsRef
    patterns: tuple[MaskPattern, ...]


class MasksTrained(Value):
    """Small models trained under masks.

    Attributes:
        table: Every run.
        perplexity: Of the runs of each mask.
    """

    table: RunsRef
    perplexity: tuple[Spread, ...]


class Positions(Value):
    """What moving positions does to the logits.

    Attributes:
        rotary: Whether the model turns its heads by position.
        position_offset: Places all positions were moved by.
        moved: Largest change of a logit then.
        zeroed: Largest change where all positions are zero.
        turns: Degrees that each pair of numbers is turned by from one place to the next, fastest first.
    """

    rotary: bool
    position_offset: int
    moved: float
    zeroed: float
    turns: tuple[float, ...] = ()


class Anatomy(Value):
    """Everything that was seen inside one model.

    Attributes:
        causal: The model.
        fit: Whether its tokenizer is its own; None where it was made here.
        stages: Parts a text passes.
        steps: Generation step by step.
        attention: Who looks at whom.
        masks: What masks do to it.
        reply: A reply, cut and continued.
        cache: With and without cache.
        cost: Time and memory against length.
        positions: What moving positions does.
        runs: Small models trained under masks; None where there was no text.
    """

    causal: Causal
    fit: TokenizerFit | None = None
    stages: StageList
    steps: StepsRef
    attention: AttentionRef
    masks: MasksTried
    reply: CutReply
    cache: CacheTest
    cost: LengthCost
    positions: Positions
    runs: MasksTrained | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the model that a text passes.

    Attributes:
        name: As the model calls it.
        kind: Class of the module.
        depth: How deep it is nested.
        shape: What it gives.
        parameters: Numbers that were trained, in it and below; shared ones count where they first appear.
        shared: Whether all of them are another stage's as well.
    """

    name: str
    kind: str
    depth: int
    shape: tuple[int, ...]
    parameters: int
    shared: bool


@dataclass(frozen=True, slots=True)
class StepToken:
    """A token that could come next.

    Attributes:
        step: From 1.
        rank: From 1.
        id: Number in the vocabulary.
        token: As it reads.
        probability: Of all tokens of the vocabulary.
        total: Sum of the probabilities of the whole vocabulary.
    """

    step: int
    rank: int
    id: int
    token: str
    probability: float
    total: float


@dataclass(frozen=True, slots=True)
class Timing:
    """One measured pass.

    Attributes:
        way: with cache, without cache, or forward.
        length: Tokens.
        repeat: From 1.
        seconds: Time it took.
        bytes: Most memory that its tensors held at once, weights left out; 0 where it was not measured.
    """

    way: str
    length: int
    repeat: int
    seconds: float
    bytes: int


@dataclass(frozen=True, slots=True)
class MaskRow:
    """What a mask lets this model see of the prompt.

    Attributes:
        mask: full, sliding, sparse, alternating.
        pairs: Pairs of tokens that it lets see each other, of one layer in the mean.
        share: The same over those of the full mask.
        moved: How far the next token's probabilities move, as Kullback-Leibler divergence in bits.
        token: The likeliest next token.
        probability: Its probability.
    """

    mask: str
    pairs: float
    share: float
    moved: float
    token: str
    probability: float


@dataclass(frozen=True, slots=True)
class MaskRun:
    """One small model trained under a mask.

    Attributes:
        mask: The mask.
        seed: Of its weights and windows.
        perplexity: Of the held-out text, a byte.
        first: The same before training.
        seconds: Time the training took.
    """

    mask: str
    seed: int
    perplexity: float
    first: float
    seconds: float
