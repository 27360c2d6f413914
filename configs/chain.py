"""What a chain of prompts is made of: steps, checks, and ways to reach an answer."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Common, Config, NotInCacheKey, Tabs
from configs.generators import LanguageModel, Sampling
from configs.ingest import PythonDocs, Source

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=40)]
PlaceName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Part = Literal["persona", "instruction", "context", "format", "audience", "tone", "data"]
AnswerKind = Literal["number", "text"]


class SmallModel(Config):
    """A model of some hundred thousand weights, made on the spot: no network, and nothing it says means anything."""

    kind: Literal["small"] = "small"
    source: Source = PythonDocs(packages=("numpy",), max_tokens=10_000)
    """Text it is trained on."""
    vocabulary: int = Field(512, ge=300, le=8_192)
    """Tokens it knows."""
    width: int = Field(64, ge=16, le=2_048, multiple_of=16)
    """Numbers in a vector inside. Larger: slower, and a little less senseless."""
    layers: int = Field(2, ge=1, le=32)
    """Blocks one after the other."""
    context: int = Field(1_024, ge=128, le=8_192)
    """Tokens of prompt and reply together."""
    steps: int = Field(40, ge=1, le=5_000)
    """Steps of training."""
    seed: int = Field(0, ge=0)
    """Same seed, same model."""


ChatModel = Annotated[LanguageModel | SmallModel, Field(discriminator="kind"), Tabs]


class Anything(Config):
    """Any text but none at all."""

    kind: Literal["anything"] = "anything"


class Schema(Config):
    """JSON that follows a schema."""

    kind: Literal["schema"] = "schema"
    text: str
    """The JSON Schema, as JSON."""


class Choices(Config):
    """One of some texts, small and capital letters alike."""

    kind: Literal["choice"] = "choice"
    choices: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)
    """What may be said."""


class Pattern(Config):
    """Text that a regular expression matches whole."""

    kind: Literal["regex"] = "regex"
    pattern: str
    """The expression."""


class Contains(Config):
    """Text in which some words stand, small and capital letters alike."""

    kind: Literal["contains"] = "contains"
    words: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)
    """The words."""


Check = Annotated[Anything | Schema | Choices | Pattern | Contains, Field(discriminator="kind"), Tabs]


class ChainStep(Config):
    """One prompt of a chain; its output fills the place of its name in later prompts."""

    name: PlaceName = "answer"
    """Name of the step and of its output."""
    prompt: str
    """Name of a prompt in `configs/prompts`, or path of an .md file; {question} and earlier names fill its places."""
    check: Check = Anything()
    """What the output must be."""
    repair: bool = True
    """Ask once more, with what was wrong, where the output fails its check."""
    generator: ChatModel | None = None
    """Model of this step alone; left out, the one of the flow."""
    sampling: Sampling | None = None
    """How this step alone is sampled; left out, as the flow says."""


class Steps(Config):
    """Prompts one after the other, each over the question and what came before."""

    kind: Literal["steps"] = "steps"
    name: Name = "steps"
    """Name of the method in tables."""
    steps: tuple[ChainStep, ...] = Field((ChainStep(name="answer", prompt="direct"),), min_length=1)
    """The prompts in order; the last output is the answer. Left out: the question as it is."""


class Vote(Config):
    """One prompt asked several times; the commonest answer wins (self-consistency)."""

    kind: Literal["vote"] = "vote"
    name: Name = "self-consistency"
    """Name of the method in tables."""
    prompt: str = "step-by-step"
    """The prompt."""
    samples: int = Field(5, ge=2, le=100)
    """Replies that vote. Larger: surer, and as many times the tokens."""
    temperature: float = Field(0.7, gt=0, le=2)
    """How much replies differ."""


class Tree(Config):
    """Thoughts proposed and scored level by level, the best kept (tree of thought)."""

    kind: Literal["tree"] = "tree"
    name: Name = "tree-of-thought"
    """Name of the method in tables."""
    think: str = "tree-think"
    """Prompt for a next thought, with {question} and {thoughts}."""
    score: str = "tree-score"
    """Prompt for a number from 0 to 10, with the same places."""
    answer: str = "tree-answer"
    """Prompt for the answer, with the same places."""
    breadth: int = Field(2, ge=1, le=20)
    """States kept a level."""
    depth: int = Field(2, ge=1, le=10)
    """Levels of thoughts."""
    proposals: int = Field(3, ge=1, le=20)
    """Thoughts proposed from each state. Tokens grow with breadth x depth x proposals."""
    temperature: float = Field(0.7, gt=0, le=2)
    """How much proposals differ."""


class Parts(Config):
    """A prompt made of parts: persona, instruction, context, format, audience, tone, data."""

    kind: Literal["parts"] = "parts"
    name: Name = "parts"
    """Name of the method in tables."""
    prompt: str = "summary-parts"
    """A prompt whose sections are parts."""
    without: tuple[Part, ...] = ()
    """Parts that are left out."""
    ablate: bool = False
    """Also run it once for each part without that part."""


Approach = Annotated[Steps | Vote | Tree | Parts, Field(discriminator="kind"), Tabs]


class AskSettings(Config):
    """How prompts are put to a model, and how much may go wrong."""

    answer: Annotated[AnswerKind, Common] = "text"
    """How an answer is read from a reply: its last number, or its last line."""
    limit: Annotated[int | None, NotInCacheKey, Common] = Field(None, ge=1)
    """Questions of the table that are asked, from its first; left out, all."""
    most_invalid: float = Field(0.0, ge=0, le=1)
    """Share of questions for which a step may have no valid output; with more, the step fails and shows one."""
    repair: str = "repair"
    """Prompt that asks once more, with {wrong} and {reply}."""
