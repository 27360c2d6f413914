"""What stands in a chat completion, whatever server wrote it: text, thought, refusal, calls of tools, tokens.

Source: platform.openai.com/docs/api-reference/chat/object; `reasoning_content` of DeepSeek, vLLM and llama.cpp,
`reasoning` of OpenRouter, Ollama and newer vLLM, parts of the kind `thinking` of Mistral; `function_call` was
OpenAI's before `tool_calls`.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.data.messages import Finish, ResponseFormat
from tasks.text.reasoning import split_reasoning

FINISHES: dict[str, Finish] = {
    "stop": "stop", "length": "length", "max_tokens": "length", "content_filter": "refused", "refusal": "refused",
}  # fmt: skip
THOUGHT_PARTS = ("thinking", "reasoning", "reasoning_text")


@dataclass(frozen=True, slots=True)
class Completion:
    """What a server replied.

    Attributes:
        text: The reply; the words of a refusal where it refuses.
        reasoning: What was thought before it.
        finish: Why it ended.
        tokens: Of prompt and completion; None where the server does not state them.
    """

    text: str
    reasoning: str
    finish: Finish
    tokens: tuple[int, int] | None


def read_completion(stated: Mapping[str, Any], response_format: ResponseFormat | None) -> Completion:
    """Return what a chat completion says.

    Args:
        stated: The completion; its first choice holds a message.
        response_format: What was asked for; a call of a tool is written in the words it asks for.
    """
    choice = stated["choices"][0]
    message = choice["message"]
    text, thought, refused = _parts(message.get("content"))
    fields = [_text(message.get(name)) for name in ("reasoning_content", "reasoning")]
    inner, text = split_reasoning(text)
    thoughts = dict.fromkeys(filter(None, (*map(str.strip, fields), thought.strip(), inner)))
    finish = FINISHES.get(str(choice.get("finish_reason")), "stop")
    if refusal := _text(message.get("refusal")) or refused:
        text, finish = refusal, "refused"
    if not text.strip():
        text = _called(message, response_format)
    return Completion(text, "\n\n".join(thoughts), finish, _tokens(stated.get("usage")))


def _parts(content: Any) -> tuple[str, str, str]:
    """Return text, thought and refusal of a content, which is a text, a list of parts or nothing."""
    if not isinstance(content, list):
        return _text(content), "", ""
    told: dict[str, list[str]] = {"text": [], "thought": [], "refusal": []}
    for part in content:
        if isinstance(part, str):
            told["text"].append(part)
        elif isinstance(part, dict):
            kind = str(part.get("type", "text"))
            inner = part.get("thinking", part.get("text", part.get("refusal", "")))
            said = inner if isinstance(inner, str) else "".join(_parts(inner)[:2])
            told["thought" if kind in THOUGHT_PARTS else "refusal" if kind == "refusal" else "text"].append(said)
    return "".join(told["text"]), "\n".join(told["thought"]), "".join(told["refusal"])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


def _called(message: Mapping[str, Any], response_format: ResponseFormat | None) -> str:
    """Return a call of a tool, in either shape, as a model without such a field writes it; empty where there is none.

    Nothing is asked for in this way, but servers take the text of a call for one, and leave the content empty.
    """
    calls = message.get("tool_calls")
    held = calls[0].get("function") if isinstance(calls, list) and calls and isinstance(calls[0], dict) else None
    call = held if isinstance(held, dict) else message.get("function_call")
    if not isinstance(call, dict) or not call.get("name"):
        return ""
    tool, given = str(call["name"]), call.get("arguments", "")
    if isinstance(given, str):
        with contextlib.suppress(ValueError, RecursionError):
            given = json.loads(given)
    if isinstance(given, dict) and len(given) == 1:
        (given,) = given.values()  # the tools here take one text
    given = _text(given)
    if response_format is not None:
        return json.dumps({"tool": tool, "input": given}, ensure_ascii=False)
    return f"Action: {tool}[{given}]"


def _tokens(usage: Any) -> tuple[int, int] | None:
    counts = [usage.get(name) if isinstance(usage, dict) else None for name in ("prompt_tokens", "completion_tokens")]
    known = [count for count in counts if isinstance(count, int) and count >= 0]
    return (known[0], known[1]) if len(known) == len(counts) else None
