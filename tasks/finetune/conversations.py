"""Conversations as rows of tables keep them: lists of role and content, to what is asked and what answers it.

Source: the conversational formats of TRL, huggingface.co/docs/trl/dataset_formats.
"""

import json
from collections.abc import Sequence
from typing import Any

from tasks.data.messages import Message

ROLES = ("system", "user", "assistant")
MANY = 1_000  # turns of a conversation


class NoConversationError(Exception):
    """Why a cell holds no conversation, in words."""


def turns_of(cell: Any) -> list[Message]:
    """Return the turns of a conversation; JSON text of one is read too.

    Raises:
        NoConversationError: It is none.
    """
    value = cell
    if isinstance(cell, str):
        try:
            value = json.loads(cell)
        except (ValueError, RecursionError):
            raise NoConversationError("holds text that is no JSON of a conversation") from None
    if not isinstance(value, list) or not value:
        raise NoConversationError("holds no list of role and content")
    if len(value) > MANY:
        raise NoConversationError(f"holds {len(value):,} turns, of which {MANY:,} are read at most")
    return [_turn(one, at) for at, one in enumerate(value, 1)]


def _turn(value: Any, at: int) -> Message:
    role, content = (value.get("role"), value.get("content")) if isinstance(value, dict) else (None, None)
    if role not in ROLES:
        raise NoConversationError(f"turn {at} has the role {role!r}; {', '.join(ROLES)} are read")
    if not isinstance(content, str) or not content.strip():
        raise NoConversationError(f"turn {at} has no text")
    return Message(role, content.strip())


def exchange_of(cell: Any) -> tuple[list[Message], str, str]:
    """Return the turns before the last question, that question, and what the assistant answers.

    What comes behind the last answer is left out.

    Raises:
        NoConversationError: Nobody asks and is answered, or turns do not take turns.
    """
    turns = turns_of(cell)
    while turns and turns[-1].role != "assistant":
        turns.pop()
    if len(turns) < 2:
        raise NoConversationError("has no answer of the assistant behind a question")
    *before, answer = turns
    history, question = asked_of(before)
    return history, question, answer.content


def asked_of(turns: Sequence[Message]) -> tuple[list[Message], str]:
    """Return the turns before the last question, and that question.

    Raises:
        NoConversationError: The last one is no question, or turns do not take turns.
    """
    said = [turn.role for turn in turns if turn.role != "system"]
    if not said or said[-1] != "user":
        raise NoConversationError("does not end with a question of the user")
    if said[::2] != ["user"] * len(said[::2]) or said[1::2] != ["assistant"] * len(said[1::2]):
        raise NoConversationError("has user and assistant not by turns, beginning with the user")
    if any(turn.role == "system" for turn in turns[1:]):
        raise NoConversationError("has a system message that is not the first")
    *before, question = turns
    return list(before), question.content


def answer_of(cell: Any) -> str:
    """Return the last turn of an answer, which may stand behind the prompt it answers.

    Raises:
        NoConversationError: It is not the assistant's.
    """
    last = turns_of(cell)[-1]
    if last.role != "assistant":
        raise NoConversationError("does not end with an answer of the assistant")
    return last.content
