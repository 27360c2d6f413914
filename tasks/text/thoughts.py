"""What a model thinks before it replies, kept apart from the reply.

Reasoning models write their thought between `<think>` and `</think>`, some without the first mark, which their chat
template has written already. Source: the model cards of DeepSeek-R1 (arXiv:2501.12948), QwQ and Qwen3.
"""

OPEN, CLOSE = "<think>", "</think>"


def split_thought(text: str) -> tuple[str, str]:
    """Return the thought and the reply of what a model wrote.

    A text that begins with a thought and does not end it is all thought, and so is what stands before a mark that ends
    one. A mark inside a reply, as one that speaks of it, is left where it is.
    """
    start = text.lstrip()
    if start.startswith(OPEN):
        thought, closed, rest = start.removeprefix(OPEN).partition(CLOSE)
        return thought.strip(), rest.lstrip() if closed else ""
    thought, closed, rest = text.partition(CLOSE)
    if closed and OPEN not in thought:
        return thought.strip(), rest.lstrip()
    return "", text


def without_thought(text: str) -> str:
    """Return the reply of what a model wrote, without its thought; nothing where the thought does not end."""
    return split_thought(text)[1]
