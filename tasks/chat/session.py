"""One turn of a conversation: remember, ask, keep, and bring the summary up to date.

Source: ours.
"""

import time
from dataclasses import dataclass

from configs.chat import Memory
from tasks.chat.memory import MemoryModel, kind_of, recall, remember
from tasks.data.chats import AnsweredTurn, ChatTurn, Conversation, heard_beside
from tasks.data.messages import Message, Request
from tasks.data.prompts import Template
from tasks.text.prompts import PLACE, messages_of


@dataclass(frozen=True, slots=True)
class TurnContext:
    """What every turn of a conversation shares.

    Attributes:
        memory: What is remembered.
        opening: Messages before every turn.
        summary: Prompt that asks for a summary.
        prompt_budget: Tokens a prompt may have.
    """

    memory: Memory
    opening: tuple[Message, ...]
    summary: Template
    prompt_budget: int


def take_turn(conversation: Conversation, message: str, context: TurnContext, model: MemoryModel) -> Conversation:
    """Ask one message, and return the conversation with its turn.

    Raises:
        ContractError: The message alone exceeds the prompt budget.
    """
    started = time.perf_counter()
    prompt, left_out = recall(
        conversation,
        context.opening,
        message,
        memory=context.memory,
        prompt_budget=context.prompt_budget,
        count=model.count,
    )
    (reply,) = model.replies([Request(prompt)])
    text = "" if reply.finish == "refused" else reply.text.strip()
    said = AnsweredTurn(
        text=text, finish=reply.finish, calls=(), unsupported=(), left_out=left_out,
        prompts=(reply.prompt_tokens,), completions=(reply.completion_tokens,), finishes=(reply.finish,), seconds=0.0,
        **heard_beside([reply]),
    )  # fmt: skip
    return keep_turn(conversation, message, context, said, model, started)


def keep_turn(
    conversation: Conversation,
    message: str,
    context: TurnContext,
    said: AnsweredTurn,
    model: MemoryModel,
    started: float,
) -> Conversation:
    """Put a turn to a conversation, and bring its summary up to date.

    Args:
        conversation: The conversation before.
        message: What was asked.
        context: What turns share.
        said: What came of it.
        model: What is asked for the summary.
        started: When the turn began.
    """
    turn = ChatTurn(
        message=message, reply=said.text, finish=said.finish,
        memory=kind_of(conversation, context.memory, model.count),
        prompt_tokens=sum(said.prompts), completion_tokens=sum(said.completions),
        largest_prompt=max(said.prompts, default=0), seconds=0.0, left_out=said.left_out,
        calls=said.calls, unsupported=said.unsupported, examples=said.examples,
        reasoning=said.reasoning, silence=said.silence, estimated=said.estimated, notes=said.notes,
    )  # fmt: skip
    longer = conversation.model_copy(update={"turns": (*conversation.turns, turn)})
    kept, written = remember(
        longer, memory=context.memory, prompt=context.summary, model=model, prompt_budget=context.prompt_budget
    )
    finishes = [*said.finishes, *(reply.finish for reply in written)]
    took = {
        "seconds": time.perf_counter() - started,
        "summary_tokens": sum(reply.prompt_tokens + reply.completion_tokens for reply in written),
        "truncated": finishes.count("length"),
        "repeated": finishes.count("repetition"),
    }
    return kept.model_copy(update={"turns": (*conversation.turns, turn.model_copy(update=took))})


def opening_of(template: Template, values: dict[str, str]) -> tuple[Message, ...]:
    """Return the messages of a prompt that stand before every turn: all but the last, which is the message itself."""
    turns = [(role, PLACE.sub(lambda match: values.get(match[1], match[0]), text)) for role, text in template.turns]
    return messages_of(turns[:-1])
