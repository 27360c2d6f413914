"""One turn of a conversation: remember, ask, keep, and bring the summary up to date.

Source: ours.
"""

import time
from dataclasses import dataclass

from configs.chat import Memory
from tasks.chat.memory import MemoryModel, kind_of, recall, remember
from tasks.data.chats import AnsweredTurn, ChatTurn, Conversation
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
        room: Tokens a prompt may have.
    """

    memory: Memory
    opening: tuple[Message, ...]
    summary: Template
    room: int


def take_turn(talk: Conversation, message: str, setting: TurnContext, model: MemoryModel) -> Conversation:
    """Ask one message, and return the conversation with its turn.

    Raises:
        ContractError: The message alone has no room.
    """
    started = time.perf_counter()
    prompt, left_out = recall(
        talk, setting.opening, message, memory=setting.memory, room=setting.room, count=model.count
    )
    (reply,) = model.replies([Request(prompt)])
    said = AnsweredTurn(
        text=reply.text.strip(), finish=reply.finish, calls=(), unsupported=(), left_out=left_out,
        prompts=(reply.prompt_tokens,), completions=(reply.completion_tokens,), seconds=0.0,
    )  # fmt: skip
    return keep_turn(talk, message, setting, said, model, started)


def keep_turn(
    talk: Conversation, message: str, setting: TurnContext, said: AnsweredTurn, model: MemoryModel, started: float
) -> Conversation:
    """Put a turn to a conversation, and bring its summary up to date.

    Args:
        talk: The conversation before.
        message: What was asked.
        setting: What turns share.
        said: What came of it.
        model: What is asked for the summary.
        started: When the turn began.
    """
    turn = ChatTurn(
        message=message, reply=said.text, memory=kind_of(talk, setting.memory, model.count), finish=said.finish,
        prompt_tokens=sum(said.prompts), completion_tokens=sum(said.completions),
        largest_prompt=max(said.prompts, default=0), seconds=0.0, left_out=said.left_out,
        calls=said.calls, unsupported=said.unsupported,
    )  # fmt: skip
    longer = talk.model_copy(update={"turns": (*talk.turns, turn)})
    kept, tokens = remember(longer, memory=setting.memory, prompt=setting.summary, model=model, room=setting.room)
    took = {"seconds": time.perf_counter() - started, "summary_tokens": tokens}
    return kept.model_copy(update={"turns": (*talk.turns, turn.model_copy(update=took))})


def opening_of(template: Template, values: dict[str, str]) -> tuple[Message, ...]:
    """Return the messages of a prompt that stand before every turn: all but the last, which is the message itself."""
    turns = [(role, PLACE.sub(lambda match: values.get(match[1], match[0]), text)) for role, text in template.turns]
    return messages_of(turns[:-1])
