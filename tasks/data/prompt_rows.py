"""Prompts and their completions, as a generator learns from them: references, rows, and what a look at them finds."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tasks.data.base import Ref, Value
from tasks.data.documents import RejectedRef
from tasks.data.messages import Message


class PromptRowsRef(Ref):
    """A table of `PromptRow` rows."""

    kind: Literal["prompt-rows"] = "prompt-rows"


def written_turns(turns: Sequence[Message]) -> str:
    """Return turns as JSON; of none an empty text."""
    return json.dumps([[turn.role, turn.content] for turn in turns], ensure_ascii=False) if turns else ""


def turns_in(history: str) -> list[Message]:
    """Return the turns that `written_turns` wrote."""
    return [Message(*one) for one in json.loads(history)] if history else []


def asked_text(history: str, prompt: str) -> str:
    """Return all that is said before an answer, as a reader sees it."""
    return "\n\n".join([*(f"{turn.role}: {turn.content}" for turn in turns_in(history)), prompt])


@dataclass(frozen=True, slots=True)
class PromptRow:
    """A prompt and what a model shall answer.

    Attributes:
        id: File and number of the row.
        prompt: What is asked, the input below the instruction.
        completion: The answer; of a preference, the one that was chosen.
        rejected: Of a preference, the other answer; empty where there is none.
        history: Turns of a conversation before the prompt, as JSON; empty where there are none.
    """

    id: str
    prompt: str
    completion: str
    rejected: str = ""
    history: str = ""

    @property
    def asked(self) -> str:
        """All that is said before the answer, by which rows are told apart."""
        return asked_text(self.history, self.prompt)


class PromptTable(Value):
    """Rows of a source, and those that cannot be used with the reason."""

    rows: PromptRowsRef
    rejected: RejectedRef


class SplitPrompts(Value):
    """Rows to train on, to stop by and to judge by; no row repeats what another part is judged by.

    Attributes:
        train: Rows that weights learn from.
        validation: Rows that the best step is chosen by.
        test: Held-out rows.
        removed: Rows in no part, with the reason.
        repeated: Of them, rows that repeat another.
        leaked: Of them, rows that repeat a held-out one, exactly or nearly.
    """

    train: PromptRowsRef
    validation: PromptRowsRef
    test: PromptRowsRef
    removed: RejectedRef
    repeated: int
    leaked: int


class PromptSplits(Value):
    """Parts of instructions, and of preferences if any; neither learns from what the other is judged by."""

    instructions: SplitPrompts
    pairs: SplitPrompts | None = None


class MarkedPiece(Value):
    """A stretch of what a model reads, and whether it is learned (part of the loss)."""

    text: str
    learned: bool


class LeftOut(Value):
    """Pairs that are not compared, for with its prompt an answer is longer than the model is to read; by part."""

    train: int = 0
    validation: int = 0
    test: int = 0


class HeldOutPrompts(Value):
    """Held-out instructions that every model is measured on.

    Attributes:
        rows: That fit into the model whole, with room for a reply.
        left_out: Rows that do not.
        first: The first of those; empty where there are none.
        limit: Tokens a row may have.
        longest: The row with the largest share of the tokens that count in the loss.
        share: That share.
    """

    rows: PromptRowsRef
    left_out: int
    first: str
    limit: int
    longest: str
    share: float


class PromptLook(Value):
    """What rows look like to the tokenizer, before anything is trained.

    Attributes:
        kind: What the rows are, and how they are written for the model.
        template: sha256 of the chat template; empty where the model has none.
        train: Rows that weights learn from.
        validation: Rows that the best step is chosen by.
        test: Held-out rows.
        median_tokens: Of a row, prompt and completion.
        longest_tokens: Of the longest row.
        limit: Tokens a row is cut at.
        truncated: Share of the rows that are cut, and so do not end.
        learned_median: Tokens of a row that count in the loss.
        learned_least: Of the row with the fewest.
        tokens: That go through the model in all.
        steps: Of the optimizer.
        seconds: That training may take here, a guess.
        memory: Bytes of weights, gradients, optimizer and activations, a guess.
        examples: Rows as the model reads them, in pieces.
        warnings: What is odd, in words.
        left_out: Pairs that are not compared; train, validation and test are without them.
    """

    kind: str
    template: str
    train: int
    validation: int
    test: int
    median_tokens: int
    longest_tokens: int
    limit: int
    truncated: float
    learned_median: int
    learned_least: int
    tokens: int
    steps: int
    seconds: float
    memory: float
    examples: tuple[tuple[MarkedPiece, ...], ...]
    warnings: tuple[str, ...] = ()
    left_out: LeftOut = LeftOut()

    def cache_key(self) -> Any:
        """Count by what is read, not by what training may take."""
        return [self.kind, self.template, self.train, self.limit]
