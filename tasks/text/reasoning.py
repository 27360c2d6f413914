"""What a reasoning model thinks before it answers, kept apart from what it answers.

Servers give the thought in a field of its own or leave it in the reply, between marks; models of this machine write
the marks, and some chat templates write the first one, so that a reply begins within the thought.

Source: the marks of DeepSeek-R1 and Qwen3 (`<think>`) and of Magistral (`[THINK]`), by their chat templates.
"""

import re

OPENED = re.compile(r"\s*(<(think|thinking|thought|reasoning)>|\[THINK\])", re.IGNORECASE)
CLOSED_ALONE = re.compile(
    r"(?:</think>|\[/THINK\])[ \t]*(?:\n|$)", re.IGNORECASE
)  # at the end of a line, as models do


def split_reasoning(text: str) -> tuple[str, str]:
    """Return the thought that a text begins with, and the rest; a thought without an end is all of the text.

    A mark in the middle of a reply that does not begin with a thought is a word of the reply.
    """
    thoughts: list[str] = []
    while (opened := OPENED.match(text)) is not None:
        closed = _end_of(text, opened)
        inner = text[opened.end() : closed[0]]
        thoughts.append(inner.strip())
        text = text[closed[1] :]
    if not thoughts and (alone := CLOSED_ALONE.search(text)) is not None:
        thoughts, text = [text[: alone.start()].strip()], text[alone.end() :]
    if not thoughts:
        return "", text
    return "\n\n".join(filter(None, thoughts)), text.strip()


def _end_of(text: str, opened: re.Match[str]) -> tuple[int, int]:
    """Return where the thought ends and where the rest begins; the end of the text where it does not end."""
    wanted = f"</{opened[2]}>" if opened[2] else "[/THINK]"
    closed = re.compile(re.escape(wanted), re.IGNORECASE).search(text, opened.end())
    return (len(text), len(text)) if closed is None else closed.span()


def opening_in(prompt: str) -> str:
    """Return the mark of a thought that a rendered prompt ends with; empty where it ends with none."""
    found = re.search(rf"(?:{OPENED.pattern})\s*$", prompt[-40:], re.IGNORECASE)
    return "" if found is None else f"{found[1]}\n"
