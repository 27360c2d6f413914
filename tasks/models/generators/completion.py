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
from tasks.models.foreign import count_of, halves_in, text_of
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
        tokens: Of prompt and completion; None where the server does not state them, or no such number.
        halves: Halves of characters in the message, each of which was replaced.
    """

    text: str
    reasoning: str
    finish: Finish
    tokens: tuple[int, int] | None
    halves: int = 0


def read_completion(stated: Mapping[str, Any], response_format: ResponseFormat | None) -> Completion:
    """Return what a chat completion says.

    Args:
        stated: The completion; its first choice holds a message.
        response_format: What was asked for; a call of a tool is written in the words it asks for.
    """
    choice = stated["choices"][0]
    message = choice["message"]
    text, thought, refused = _parts(message.get("content"))
    fields = [text_of(message.get(name)) for name in ("reasoning_content", "reasoning")]
    inner, text = split_reasoning(text)
    thoughts = dict.fromkeys(filter(None, (*map(str.strip, fields), thought.strip(), inner)))
    finish = FINISHES.get(text_of(choice.get("finish_reason")), "stop")
    if refusal := text_of(message.get("refusal")) or refused:
        text, finish = refusal, "refused"
    if not text.strip():
        text = _called(message, response_format)
    return Completion(text, "\n\n".join(thoughts), finish, stated_tokens(stated.get("usage")), halves_in(message))


def _parts(content: Any) -> tuple[str, str, str]:
    """Return text, thought and refusal of a content, which is a text, a list of parts or nothing."""
    if not isinstance(content, list):
        return text_of(content), "", ""
    told: dict[str, list[str]] = {"text": [], "thought": [], "refusal": []}
    for part in content:
        if isinstance(part, str):
            told["text"].append(text_of(part))
        elif isinstance(part, dict):
            kind = text_of(part.get("type", "text"))
            inner = part.get("thinking", part.get("text", part.get("refusal", "")))
            said = "".join(_parts(inner)[:2])
            told["thought" if kind in THOUGHT_PARTS else "refusal" if kind == "refusal" else "text"].append(said)
    return "".join(told["text"]), "\n".join(told["thought"]), "".join(told["refusal"])


def _called(message: Mapping[str, Any], response_format: ResponseFormat | None) -> str:
    """Return a call of a tool, in either shape, as a model without such a field writes it; empty where there is none.

    Nothing is asked for in this way, but servers take the text of a call for one, and leave the content empty.
    """
    calls = message.get("tool_calls")
    held = calls[0].get("function") if isinstance(calls, list) and calls and isinstance(calls[0], dict) else None
    call = held if isinstance(held, dict) else message.get("function_call")
    tool = call.get("name") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(tool, str) or not tool:
        return ""
    tool, given = text_of(tool), call.get("arguments", "")
    if isinstance(given, str):
        with contextlib.suppress(ValueError, RecursionError):
            given = json.loads(given)
    if isinstance(given, dict) and len(given) == 1:
        (given,) = given.values()  # the tools here take one text
    given = text_of(given)
    if response_format is not None:
        return json.dumps({"tool": tool, "input": given}, ensure_ascii=False)
    return f"Action: {tool}[{given}]"


def stated_tokens(usage: Any) -> tuple[int, int] | None:
    """Return the tokens of prompt and completion that a server states; None where it does not, or no such number."""
    names = ("prompt_tokens", "completion_tokens")
    prompt, completion = (count_of(usage.get(name)) if isinstance(usage, dict) else None for name in names)
    return None if prompt is None or completion is None else (prompt, completion)
