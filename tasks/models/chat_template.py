"""Turn messages into the tokens of a prompt: by a model's chat template, or plainly where it has none.

What looks like a special token inside a message is taken apart, so that no content can end a turn or begin one.
"""

import atexit
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.data.messages import Message
from tasks.errors import ContractError, ModelError
from tasks.models import template_process  # its code is in the keys of steps by this import
from tasks.models.tokenizers import auto_tokenizer
from tasks.text.reasoning import opening_in

BETWEEN = "\n"  # contents of a plain prompt
MOST = 1_000_000  # characters of a prompt, beside what its messages have
TIMES = 4  # as often a template may write its messages
SECONDS = 5  # of processor time a prompt may take; templates of published models take milliseconds
WAITING = 60  # seconds in which a busy machine gives a process its processor time


def load_tokenizer(folder: Any) -> Any:
    """Return a model's tokenizer from its files; no code of the model's own is run."""
    return auto_tokenizer(folder)


def render(tokenizer: Any, messages: Sequence[Message], *, begin: bool = True) -> str:
    """Return the text a model reads.

    Args:
        tokenizer: Of the model; its template renders in a sandbox, its time and memory bounded.
        messages: Oldest first. Without a template their contents are joined.
        begin: Whether the model's turn begins after them; false where the last message is its reply.

    Raises:
        ContractError: There are none, or the template does not take them, or takes too long or too much for them.
    """
    if not messages:
        raise ContractError("a request has no messages; give at least one")
    special = special_words(tokenizer)
    turns = [{"role": m.role, "content": neutralise(m.content, special)} for m in messages]
    if not tokenizer.chat_template:
        return BETWEEN.join(turn["content"] for turn in turns)
    try:
        return render_turns(tokenizer, turns, begin=begin)
    except ModelError as error:
        roles = ", ".join(m.role for m in messages)
        raise ContractError(
            f"the model's chat template does not take the roles {roles} ({error}); change them, or use another model"
        ) from error


def render_turns(tokenizer: Any, turns: Sequence[Mapping[str, Any]], *, begin: bool = True) -> str:
    """Return what a model's template makes of turns, in a process whose time, memory and output are bounded.

    Args:
        tokenizer: Of the model, with a template.
        turns: Role and content each, as JSON; nothing in a content is taken apart.
        begin: Whether the model's turn begins after them.

    Raises:
        ModelError: The template raises, or takes more time or memory, or writes more, than a prompt may.
    """
    try:
        template = str(tokenizer.get_chat_template())
    except ValueError as error:
        raise ModelError(f"it has several and none is the default: {' '.join(str(error).split())[:200]}") from error
    values = {
        **tokenizer.special_tokens_map, "messages": list(turns), "tools": None, "documents": None,
        "add_generation_prompt": begin,
    }  # fmt: skip
    written = json.dumps(values)
    return _process.render(template, values, MOST + TIMES * len(written))


class _TemplateProcess:
    """The process that renders templates: started when first needed, and again after it was ended."""

    def __init__(self) -> None:
        self._lock, self._owner = threading.Lock(), 0
        self._running: subprocess.Popen[bytes] | None = None

    def render(self, template: str, values: Mapping[str, Any], most: int) -> str:
        asked = {"template": template, "values": values, "most": most, "seconds": SECONDS}
        line = json.dumps(asked).encode() + b"\n"
        with self._lock:
            running = self._started()
            late = threading.Timer(WAITING, running.kill)
            late.daemon = True
            late.start()
            try:
                answer = self._asked(running, line)
            finally:
                late.cancel()
            if not answer.endswith(b"\n"):
                running.kill()
                running.communicate()
                self._running = None
                raise ModelError(f"it takes over {SECONDS} s of processor time, or all memory of its process")
        found = json.loads(answer)
        if "error" in found:
            raise ModelError(str(found["error"]))
        return str(found["text"])

    @staticmethod
    def _asked(running: "subprocess.Popen[bytes]", line: bytes) -> bytes:
        try:
            running.stdin.write(line)  # type: ignore[union-attr]
            running.stdin.flush()  # type: ignore[union-attr]
            return running.stdout.readline()  # type: ignore[union-attr]
        except OSError:
            return b""

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._running is None or self._owner != os.getpid() or self._running.poll() is not None:
            self._running = subprocess.Popen(  # noqa: S603 - our own interpreter and code; the template comes in as data
                [sys.executable, "-P", str(template_process.__file__)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env={"PYTHONPATH": os.environ.get("PYTHONPATH", ""), "PYTHONHASHSEED": "0"},
            )  # fmt: skip
            self._owner = os.getpid()
        return self._running

    def close(self) -> None:
        if self._running is not None and self._owner == os.getpid():
            self._running.kill()
            self._running.communicate()


_process = _TemplateProcess()
atexit.register(_process.close)


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
