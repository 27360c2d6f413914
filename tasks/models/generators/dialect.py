"""What a server refuses of OpenAI's protocol, and what it is sent instead: learnt from its first refusal, for a run.

Models that reason refuse `max_tokens`, the role `system` and a temperature; some templates know no system message.

Source: platform.openai.com/docs/guides/reasoning; the messages of OpenAI, Azure, vLLM and llama.cpp.
"""

import logging
import re
import threading
from collections.abc import Mapping
from typing import Any

log = logging.getLogger(__name__)

DROPPED = ("temperature", "top_p", "top_k", "seed", "stop", "repeat_penalty", "repetition_penalty")
UNKNOWN = re.compile(
    r"not support|unsupported|does not allow|not allowed|not permitted|not available|only the default|unknown|"
    r"unrecogni[sz]ed|unexpected|extra (?:inputs|fields)|deprecated|must be (?:removed|omitted)|"
    r"invalid (?:argument|param)",
    re.IGNORECASE,
)
INSTEAD = {
    "max_tokens": "max_completion_tokens is sent in place of max_tokens",
    "system": "the role developer is sent in place of system",
    "no system": "the system message is sent as the beginning of the first message",
    **{name: f"{name} is left out, and replies are drawn as the server does without it" for name in DROPPED},
}
OF_SETTING = {
    "temperature": "sampling.temperature", "top_p": "sampling.top_p", "top_k": "sampling.top_k",
    "seed": "sampling.seed", "stop": "sampling.stop", "max_tokens": "sampling.max_tokens",
    "max_completion_tokens": "sampling.max_tokens", "model": "generator.model",
    "repeat_penalty": "sampling.repetition_penalty", "repetition_penalty": "sampling.repetition_penalty",
    "response_format": "what asks for a form (answer.citations, agent.tool_calls): set it to free, and leave out "
    "captioner.json_schema",
}  # fmt: skip
TOO_LONG = re.compile(
    r"context.?length|maximum context|context (?:size|window)|too (?:long|many tokens)", re.IGNORECASE
)


class Dialect:
    """How one server is spoken to; threads may share it.

    Attributes:
        changes: What it refuses, by name, in the order it was learnt.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self.changes: dict[str, None] = {}
        self._turn = threading.Lock()

    def put(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a request as this server takes it."""
        put = {name: value for name, value in body.items() if name not in self.changes or name not in DROPPED}
        if "max_tokens" in self.changes:
            put["max_completion_tokens"] = put.pop("max_tokens")
        if "no system" in self.changes:
            put["messages"] = _without_system(put["messages"])
        elif "system" in self.changes:
            turns = put["messages"]
            put["messages"] = [{**m, "role": "developer"} if m["role"] == "system" else m for m in turns]
        return put

    def learn(self, refusal: str, sent: Mapping[str, Any]) -> bool:
        """Return whether a refused request may be asked again in another way; say what that is, once.

        Args:
            refusal: What the server says, with the name of the parameter where it states one.
            sent: The request as it was put.
        """
        change = self._change(refusal, sent)
        if not change:
            return False
        with self._turn:
            if change not in self.changes:
                self.changes[change] = None
                log.warning("%s refuses a request (%s): %s from here on", self.host, refusal, INSTEAD[change])
        return True

    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the replies must know: settings that did not count."""
        return tuple(f"{self.host} refuses {name}: {INSTEAD[name]}" for name in self.changes if name in DROPPED)

    def _change(self, refusal: str, sent: Mapping[str, Any]) -> str:
        said = refusal.casefold()
        if "max_tokens" in sent and "max_completion_tokens" in said:
            return "max_tokens"
        roles = {m["role"] for m in sent["messages"]}
        if "developer" in roles and _names_role(said, "developer"):
            return "no system"
        if "system" in roles and _names_role(said, "system"):
            return "system" if "developer" in said else "no system"
        if not UNKNOWN.search(said):
            return ""
        return next((name for name in DROPPED if name in sent and re.search(rf"\b{name}\b", said)), "")


def advice_on(refusal: str) -> str:
    """Return the setting that a refusal is about; empty where it names none."""
    if TOO_LONG.search(refusal):
        return (
            "lower sampling.max_tokens (of answers answer.prompt_tokens or answer.sampling.max_tokens, of a chat "
            "chat_prompt.context), or use another model"
        )
    named = next((setting for name, setting in OF_SETTING.items() if re.search(rf"\b{name}\b", refusal)), "")
    if not named.startswith(("sampling.", "generator.")):
        return f"change {named}" if named else ""
    return f"change {named} (of answers answer.{named})"


def _names_role(said: str, role: str) -> bool:
    return role in said and ("role" in said or "message" in said) and bool(UNKNOWN.search(said))


def _without_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put what the system message says before the first message of the user."""
    told = [str(m["content"]) for m in messages if m["role"] in ("system", "developer")]
    rest = [dict(m) for m in messages if m["role"] not in ("system", "developer")]
    if told and rest and isinstance(rest[0]["content"], str):
        rest[0]["content"] = "\n\n".join([*told, rest[0]["content"]])
    return rest if rest else [{"role": "user", "content": "\n\n".join(told)}]
