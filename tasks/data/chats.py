"""What crosses the border between tasks of conversations."""

from collections.abc import Sequence
from typing import Any, Literal

from configs.chat import Agent, Memory
from tasks.data.base import Ref, Value
from tasks.data.messages import Finish, Reply
from tasks.data.prompts import Template


class Call(Value):
    """One use of a tool.

    Attributes:
        tool: Its name, as the model wrote it.
        given: What it was given.
        result: What came back, as the model read it; why nothing did, where `wrong`.
        wrong: Whether there is no such tool, or it failed.
        flags: What in the result speaks to a model instead of a reader.
        thought: What led to it, as the model wrote it.
        unsupported: Numbers of what it was given that no message or earlier result holds.
        withheld: Sentences of the result that the model did not get to read.
    """

    tool: str
    given: str
    result: str
    wrong: bool = False
    flags: tuple[str, ...] = ()
    thought: str = ""
    unsupported: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()


class ChatTurn(Value):
    """A message, its reply, and what it took.

    Attributes:
        message: What was said to the model.
        reply: What it said.
        memory: buffer, window or summary: what the prompt remembered by.
        finish: stop, length or repetition; steps, seconds or tokens where a cap ended the use of tools.
        prompt_tokens: Of all prompts of the turn.
        completion_tokens: Of all replies of the turn.
        largest_prompt: Tokens of the longest prompt.
        seconds: It took.
        summary_tokens: Of bringing the summary up to date after it.
        left_out: Earlier turns that did not fit the prompt.
        calls: Tools it used.
        unsupported: Numbers in the reply that no message or result holds.
        examples: Examples of tools that stood before the conversation.
        truncated: Replies that were cut at max_tokens, those to tools and for the summary included.
        repeated: Replies that say the same over and over, likewise.
        reasoning: What the model thought before it replied; no later prompt holds it.
        silence: Why there is no reply, in words; empty where there is one.
        estimated: Whether tokens are estimated from above, for the server does not state them.
        notes: What a reader must know of how replies were drawn.
    """

    message: str
    reply: str
    memory: Literal["buffer", "window", "summary"]
    finish: str
    prompt_tokens: int
    completion_tokens: int
    largest_prompt: int
    seconds: float
    summary_tokens: int = 0
    left_out: int = 0
    calls: tuple[Call, ...] = ()
    unsupported: tuple[str, ...] = ()
    examples: int = 0
    truncated: int = 0
    repeated: int = 0
    reasoning: str = ""
    silence: str = ""
    estimated: bool = False
    notes: tuple[str, ...] = ()


class Removed(Value):
    """A sentence that was removed from a summary.

    Attributes:
        sentence: As the model wrote it.
        why: What of it was never said.
    """

    sentence: str
    why: str


class Conversation(Value):
    """A conversation as it stands.

    Attributes:
        turns: All of them, oldest first.
        summary: Of the first `summarised` turns; empty where there is none.
        summarised: How many turns the summary stands for.
        removed: Sentences that were removed from summaries, in order.
    """

    turns: tuple[ChatTurn, ...] = ()
    summary: str = ""
    summarised: int = 0
    removed: tuple[Removed, ...] = ()


class ConversationRef(Ref):
    """A `Conversation` as JSON."""

    kind: Literal["conversation"] = "conversation"


class ChatSettings(Value):
    """How a conversation goes.

    Attributes:
        memory: What is remembered.
        agent: Which tools may be used; None for none.
        context: Tokens of prompt and reply together, where the model does not say.
        opening: Prompt that opens it.
        summary: Prompt that asks for a summary.
        search: Digests of what a search looks in.
    """

    memory: Memory
    agent: Agent | None
    context: int
    opening: Template
    summary: Template
    search: tuple[str, ...] = ()


class AnsweredTurn(Value):
    """What came of a message that was answered with tools.

    Attributes:
        text: The reply; empty where a cap ended it without one.
        finish: stop, the cap, or why the reply was cut.
        calls: Tools used.
        unsupported: Numbers that no message or result holds.
        left_out: Turns that did not fit the prompt.
        prompts: Tokens of each prompt.
        completions: Tokens of each reply.
        examples: Examples of tools that stood before the conversation.
        finishes: Why each reply ended.
        seconds: It took; counts for nothing.
        reasoning: What the model thought before each reply.
        silence: Why the last reply has no text; empty where it has one.
        estimated: Whether tokens are estimated.
        notes: What a reader must know of how replies were drawn.
    """

    text: str
    finish: str
    calls: tuple[Call, ...]
    unsupported: tuple[str, ...]
    left_out: int
    prompts: tuple[int, ...]
    completions: tuple[int, ...]
    finishes: tuple[Finish, ...]
    seconds: float
    examples: int = 0
    reasoning: str = ""
    silence: str = ""
    estimated: bool = False
    notes: tuple[str, ...] = ()

    def cache_key(self) -> Any:
        """Count by what was said and done, not by how long it took."""
        return self.model_dump(mode="json", exclude={"seconds"})


def heard_beside(heard: Sequence[Reply]) -> dict[str, Any]:
    """Return what stands beside the text of the replies to one message, by the names of `AnsweredTurn`."""
    return {
        "reasoning": "\n\n".join(reply.reasoning for reply in heard if reply.reasoning),
        "silence": heard[-1].silence if heard else "",
        "estimated": any(reply.estimated for reply in heard),
        "notes": tuple(dict.fromkeys(note for reply in heard for note in reply.notes)),
    }


def count_calls(calls: Sequence[Call]) -> dict[str, int]:
    """Count what a reader should know of calls: tools that ran, calls that failed, what was flagged or withheld."""
    return {
        "tool_calls": sum(not call.wrong for call in calls),
        "failed_calls": sum(call.wrong for call in calls),
        "unsupported_inputs": sum(len(call.unsupported) for call in calls),
        "flagged_results": sum(bool(call.flags) for call in calls),
        "withheld_sentences": sum(len(call.withheld) for call in calls),
    }
