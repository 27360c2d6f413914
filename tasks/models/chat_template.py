"""Turn messages into the tokens of a prompt: by a model's chat template, or plainly where it has none.

What looks like a special token inside a message is taken apart, so that no content can end a turn or begin one.
"""

from collections.abc import Sequence
from typing import Any

from tasks.data.messages import Message
from tasks.errors import ContractError
from tasks.text.reasoning import opening_in

BETWEEN = "\n"  # contents of a plain prompt


def load_tokenizer(folder: Any) -> Any:
    """Return a model's tokenizer from its files; no code of the model's own is run."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)


def render(tokenizer: Any, messages: Sequence[Message], *, begin: bool = True) -> str:
    """Return the text a model reads.

    Args:
        tokenizer: Of the model; its template renders, in a sandbox.
        messages: Oldest first. Without a template their contents are joined.
        begin: Whether the model's turn begins after them; false where the last message is its reply.

    Raises:
        ContractError: There are none, or the template does not take them.
    """
    if not messages:
        raise ContractError("a request has no messages; give at least one")
    special = special_words(tokenizer)
    turns = [{"role": m.role, "content": neutralise(m.content, special)} for m in messages]
    if not tokenizer.chat_template:
        return BETWEEN.join(turn["content"] for turn in turns)
    import jinja2

    try:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=begin))
    except jinja2.TemplateError as error:
        roles = ", ".join(m.role for m in messages)
        raise ContractError(f"the model's chat template does not take the roles {roles} ({error}); change them") from (
            error
        )


def opened_thought(tokenizer: Any) -> str:
    """Return the mark of a thought that a model's template begins its reply with; empty for most.

    Such a reply says where the thought ends, and not where it began: cut at its limit it says neither.
    """
    if not tokenizer.chat_template or "think" not in str(tokenizer.chat_template).lower():
        return ""
    try:
        return opening_in(render(tokenizer, [Message("user", "a")]))
    except ContractError:  # a template that needs more than a message of the user
        return ""


def tokens_of(tokenizer: Any, prompt: str) -> list[int]:
    """Return the tokens of a rendered prompt; a template has written the special ones already."""
    own = not tokenizer.chat_template
    return list(tokenizer(prompt, add_special_tokens=own, verbose=False)["input_ids"])  # who asks knows what fits


def neutralise(text: str, special: Sequence[str]) -> str:
    """Put a space after the first character of what would be read as a special token."""
    for word in special:
        text = text.replace(word, f"{word[0]} {word[1:]}")
    return text


def special_words(tokenizer: Any) -> list[str]:
    """Return what is read as a special token, the longest first: `<|im_end|>` too where it is not declared special."""
    control = {t.content for t in tokenizer.added_tokens_decoder.values() if t.special and len(t.content) > 1}
    return sorted({*tokenizer.all_special_tokens, *control}, key=len, reverse=True)
