"""What crosses the border between the steps of chains: references, small values and rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from configs.base import NotInCacheKey
from configs.chain import Check
from tasks.data.base import Ref, Value
from tasks.data.evaluation import MeasuresRef
from tasks.data.prompts import Template


class PromptUsage(Value):
    """What a language model was asked about the labels of texts, and what that took.

    Attributes:
        prompt: What it was told.
        texts: Texts it was asked about.
        no_label: Replies that are no label.
        repeated: Replies that say the same over and over.
        shortened: Texts that were cut to fit.
        prompt_tokens: Of all prompts, whenever they were paid for.
        completion_tokens: Of all replies.
        saved_tokens: Of prompts and replies that were paid for before.
        timed: Replies of the texts kept back that were not; of none nothing is known of its speed.
        prompt_bytes: Of all prompts, in UTF-8: what a server is sent.
    """

    prompt: Template
    texts: int
    no_label: int
    shortened: int
    prompt_tokens: int
    completion_tokens: int
    saved_tokens: int
    timed: int
    repeated: int = 0
    prompt_bytes: int = 0

    @property
    def spent_tokens(self) -> int:
        """Tokens that were paid for now."""
        return self.prompt_tokens + self.completion_tokens - self.saved_tokens

    def counted(self) -> dict[str, int]:
        """Return what is kept with a step."""
        names = ("texts", "no_label", "repeated", "shortened", "spent_tokens", "saved_tokens")
        return {name: getattr(self, name) for name in names}


class OutputSpec(Value):
    """What an output must be, and what happens where it is not.

    Attributes:
        check: What it must be.
        repair: Prompt that asks once more; None for no second attempt.
        most_invalid: Share of problems for which nothing valid may come.
    """

    check: Check
    repair: Template | None
    most_invalid: float


class SmallModelFilesRef(Ref):
    """A folder with a small model and its tokenizer, as transformers saves them."""

    kind: Literal["small-generator"] = "small-generator"


class ProblemsRef(Ref):
    """A table of `Problem` rows."""

    kind: Literal["problems"] = "problems"


class OutputsRef(Ref):
    """A table of `Output` rows: what one step of a chain gave for each problem."""

    kind: Literal["outputs"] = "outputs"


class ModelCallsRef(Ref):
    """A table of `ModelCall` rows: every prompt that was put to a model, and its reply."""

    kind: Literal["told"] = "told"


class ThoughtsRef(Ref):
    """A table of `Thought` rows: the states a tree search went through."""

    kind: Literal["thoughts"] = "thoughts"


class StepResult(Value):
    """What a step of a chain gave.

    Attributes:
        outputs: One a problem.
        calls: What was asked and replied on the way.
        thoughts: The states a tree search went through; None elsewhere.
    """

    outputs: OutputsRef
    calls: ModelCallsRef
    thoughts: ThoughtsRef | None = None


class StepOutput(Value):
    """A step of a method by name, the prompt it put, what came of it, and how its replies were drawn in words."""

    name: str
    template: Template
    linked: StepResult
    sampling: Annotated[str, NotInCacheKey] = ""


class MethodRun(Value):
    """A method and what its steps gave, in order; the last is its answer."""

    name: str
    steps: tuple[StepOutput, ...]

    @property
    def answers(self) -> OutputsRef:
        """What the method answers."""
        return self.steps[-1].linked.outputs


class MethodsJudged(Value):
    """How right methods are, and which are better than others.

    Attributes:
        measures: Share of right answers a method, and differences of every two over the same questions.
        verdict: What may be said of them in words.
        told_apart: Whether any two of them differ by more than chance.
    """

    measures: MeasuresRef
    verdict: str
    told_apart: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """A question; its answer is empty where it is not known."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Output:
    """What a step gave for one problem.

    Attributes:
        text: Empty where nothing valid came.
        wrong: Why nothing valid came; empty else.
    """

    text: str
    wrong: str


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One prompt and its reply.

    Attributes:
        problem: Number of the problem, from 0.
        what: reply, repair, sample, thought or score.
        number: Of the sample or the thought, from 0.
        prompt: Messages as they were sent, each after its role.
        reply: What came back.
        finish: Why it ended: stop, length, refused, repetition.
        prompt_tokens: Tokens of the prompt.
        completion_tokens: Tokens of the reply.
        seconds: It took.
        cached: Whether the reply was in the reply cache, and so not paid for.
        wrong: What its check found; empty where it passed.
        reasoning: What the model thought before it replied.
        estimated: Whether its tokens are estimated from above, for the server does not state them.
        note: What a reader must know of how it was drawn.
    """

    problem: int
    what: str
    number: int
    prompt: str
    reply: str
    finish: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    cached: bool
    wrong: str = ""
    reasoning: str = ""
    estimated: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Thought:
    """One state of a tree search.

    Attributes:
        problem: Number of the problem.
        level: From 1.
        number: Of the state within its level.
        parent: Number of the state it continues, -1 at the first level.
        text: The new thought.
        score: As the model gave it, 0 to 10; -1 where it gave none.
        kept: Whether the search went on from it.
    """

    problem: int
    level: int
    number: int
    parent: int
    text: str
    score: float
    kept: bool


def counted(calls: Sequence[ModelCall]) -> dict[str, float]:
    """Count what prompts and replies took: tokens, those from the reply cache, replies that did not end well, repairs.

    Args:
        calls: All that was asked.

    Returns:
        By name; `truncated` are replies cut at max_tokens, `repeated` those that say the same over and over.
    """
    fresh = [t for t in calls if not t.cached]
    return {
        "replies": len(calls),
        "prompt_tokens": sum(t.prompt_tokens for t in calls),
        "completion_tokens": sum(t.completion_tokens for t in calls),
        "saved_tokens": sum(t.prompt_tokens + t.completion_tokens for t in calls) - paid(fresh),
        "truncated": sum(t.finish == "length" for t in calls),
        "repeated": sum(t.finish == "repetition" for t in calls),
        "reasoned": sum(bool(t.reasoning) for t in calls),
        "estimated_tokens": sum(t.estimated for t in calls),
        "repairs": sum(t.what == "repair" for t in calls),
    }


def paid(calls: Sequence[ModelCall]) -> int:
    """Return the tokens of prompts and replies together."""
    return sum(t.prompt_tokens + t.completion_tokens for t in calls)
