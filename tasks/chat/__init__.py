"""Conversations: memory, turns, tools."""

from tasks.chat.task import (
    answer_with_tools,
    chat_keep,
    chat_turn,
    keep_conversation,
    load_conversation,
    open_conversation,
    read_settings,
    registered_tools,
    tools_for,
)

__all__ = [
    "answer_with_tools",
    "chat_keep",
    "chat_turn",
    "keep_conversation",
    "load_conversation",
    "open_conversation",
    "read_settings",
    "registered_tools",
    "tools_for",
]
