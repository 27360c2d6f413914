"""What an agent may write at one step, and how it is read: by a grammar, or freely in the words of ReAct.

Under the grammar a step is a JSON object: a call of one of the tools, with an input of that tool's own form, or the
answer. Where only given numbers may be used, every number of an input and of an answer is one that a message or a
result holds, and the answer after a calculation states its result.
Source: Yao et al., ICLR 2023, arXiv:2210.03629, for thought, action, observation; the grammar is ours.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tasks.chat.tools import LONGEST, Example, Tool
from tasks.data.messages import Message, ResponseFormat
from tasks.text.numbers import given_numbers

ToolCalls = Literal["constrained", "free"]
ACTION = re.compile(r"^[ \t]*Action:[ \t]*([\w.-]+)[ \t]*\[(.*)\][ \t]*$", re.MULTILINE)
FINAL = re.compile(r"^[ \t]*Final answer:[ \t]*(.*)", re.MULTILINE | re.DOTALL | re.IGNORECASE)
INVENTED = re.compile(r"^[ \t]*(?:Observation:|</?observation-)", re.MULTILINE | re.IGNORECASE)
EDGES = "\"'()[]{}<>,;:!?$\u20ac\u00a3*_`"  # around a word with digits that is none of it
WORD_LONGEST = 40  # characters of a word with digits that an answer may repeat
BEFORE = r"[(\[{\"'*$\u20ac\u00a3=~\u201c\u2018]*"  # signs that may stand before a number without changing it
AFTER = r"[)\]}\"'*$\u20ac\u00a3%.,;:!?\u201d\u2019]*"
THOUGHTS = {"constrained": '"thought": "what you think", ', "free": "Thought: what you think\n"}  # in the prompt
SCRIPTS = "".join(f"{chr(n)}-{chr(n + 9)}" for n in range(128, 0x20000) if unicodedata.decimal(chr(n), None) == 0)
PLAIN = rf"[^\s0-9{SCRIPTS}]+"  # grammars of JSON Schema take \d for 0-9 alone
ANYTHING = r"[^\x00]*[^\s\x00][^\x00]*"


@dataclass(frozen=True, slots=True)
class AgentStep:
    """What a model wrote at one step.

    Attributes:
        text: As it goes into the next prompt.
        tool: What is called; empty for an answer.
        given: Its input.
        thought: What led to it.
        answer: The final answer; None for a call.
    """

    text: str
    tool: str = ""
    given: str = ""
    thought: str = ""
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a step may be.

    Attributes:
        tools: Tools that may be called; none where the answer is due.
        answer: Whether the answer may be given.
        numbers: Texts whose numbers may be used; None for any number.
        stated: Result that the answer must state; empty for none.
        thought: Characters of the thought; 0 for none.
    """

    tools: Mapping[str, Tool]
    answer: bool
    numbers: tuple[str, ...] | None
    stated: str
    thought: int


def step_format(allowed: Allowed) -> ResponseFormat:
    """Return the form of one step, as a JSON Schema: an object for each tool, and one for the answer."""
    given = [number for text in allowed.numbers or () for number in given_numbers(text)]
    forms = [_call(name, tool, given, allowed.thought) for name, tool in allowed.tools.items()]
    known = [_known_call(name, tool, given, allowed.thought) for name, tool in allowed.tools.items()]
    if allowed.answer:
        known.append(written("constrained", answer=_spellings(allowed.stated)[0] if allowed.stated else "-"))
        answer = _text(ANYTHING) if allowed.numbers is None else _text(answer_pattern(allowed.numbers, allowed.stated))
        forms.append(_object(allowed.thought, answer=answer))
    schema = json.dumps({"anyOf": forms} if len(forms) > 1 else forms[0])
    return ResponseFormat("schema", schema, known=tuple(filter(None, known)))


def answer_pattern(sources: Sequence[str], stated: str) -> str:
    """Return the regular expression of answers whose numbers all stand in some texts.

    Args:
        sources: The texts.
        stated: One that the answer must state; empty for none.
    """
    known = dict.fromkeys(word for text in sources for word in _words_with_digits(text))
    one = f"(?:{PLAIN}|{_numbers(known)})" if known else PLAIN
    if not stated:
        return rf"{one}(?:[ \n]{one})*"
    return rf"(?:{one}[ \n])*{_numbers(_spellings(stated))}(?:[ \n]{one})*"


def read_step(text: str, tool_calls: ToolCalls) -> AgentStep | None:
    """Read what a model wrote at one step; None where that is no step.

    Args:
        text: Its reply; an observation that it invents is cut off.
        tool_calls: How it was asked.
    """
    return _read_json(text) if tool_calls == "constrained" else _read_free(text)


def example_messages(
    named: Sequence[tuple[str, Example]], mark: str, tool_calls: ToolCalls, thought: int
) -> list[Message]:
    """Return examples as turns before a conversation, each marked as one and led to its answer."""
    turns = []
    for name, example in named:
        call = written(tool_calls, thought=example.thought[:thought], tool=name, given=example.given)
        turns += [Message("user", f"Example: {example.question}"), Message("assistant", call)]
        answer = written(tool_calls, answer=example.answer)
        turns += [Message("user", observed(example.result, mark)), Message("assistant", answer)]
    return turns


def written(tool_calls: ToolCalls, *, thought: str = "", tool: str = "", given: str = "", answer: str = "") -> str:
    """Return a step as a model writes it."""
    if tool_calls == "free":
        lines = [f"Thought: {thought}"] if thought else []
        return "\n".join([*lines, f"Action: {tool}[{given}]" if tool else f"Final answer: {answer}"])
    said = ({"thought": thought} if thought else {}) | ({"tool": tool, "input": given} if tool else {"answer": answer})
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def observed(result: str, mark: str) -> str:
    """Return a result between its marks."""
    return f"<{mark}>\n{result}\n</{mark}>"


def _read_json(text: str) -> AgentStep | None:
    try:
        said, end = json.JSONDecoder().raw_decode(start := text.lstrip())
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    if isinstance(answer := said.get("answer"), str):
        return AgentStep(start[:end], answer=INVENTED.split(answer, maxsplit=1)[0].strip())
    tool, given = said.get("tool"), said.get("input")
    if not isinstance(tool, str) or not isinstance(given, str):
        return None
    return AgentStep(start[:end], tool, given.strip(), str(said.get("thought", "")))


def _read_free(reply: str) -> AgentStep | None:
    text = INVENTED.split(reply, maxsplit=1)[0].rstrip()
    action, final = ACTION.search(text), FINAL.search(text)
    if final is not None and (action is None or final.start() < action.start()):
        return AgentStep(text, answer=final[1].strip())
    if action is None:
        return None
    thought = text[: action.start()].strip().removeprefix("Thought:").strip()
    return AgentStep(text[: action.end()], action[1], action[2].strip(), thought)


def _call(name: str, tool: Tool, given: Sequence[str], thought: int) -> dict[str, Any]:
    return _object(thought, tool={"enum": [name]}, input=_text(tool.pattern(given)) | {"maxLength": LONGEST})


def _known_call(name: str, tool: Tool, given: Sequence[str], thought: int) -> str:
    """Return a short call of a tool, where one is known; a thought of one sign comes first where there is one."""
    tried = [f"{number} + {number}" for number in given] + [example.given for example in tool.examples] + ["-"]
    wanted = re.compile(tool.pattern(given))
    found = next((text for text in tried if wanted.fullmatch(text)), None)
    return "" if found is None else written("constrained", thought="-" * bool(thought), tool=name, given=found)


def _object(thought: int, **properties: Any) -> dict[str, Any]:
    """Return the schema of an object; a thought comes first, before a call alone."""
    if thought and "tool" in properties:
        properties = {"thought": _text(rf"[^\x00-\x1f]{{1,{thought}}}"), **properties}
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def _text(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^(?:{pattern})$"}


def _words_with_digits(text: str) -> list[str]:
    """Return what of a text an answer may repeat: its words with digits as they stand, and its numbers."""
    found = [word.strip(EDGES).rstrip(".") for word in text.split()]
    kept = [word for word in found if len(word) <= WORD_LONGEST and any(c.isdigit() for c in word)]
    return [*kept, *(one for number in given_numbers(text) for one in _spellings(number))]


def _spellings(number: str) -> list[str]:
    """Return how a number may be written: as it is, without its percent sign, with commas of thousands or without."""
    bare = given_numbers(number)[-1].rstrip("%").replace(",", "")
    sign = "-" if bare.startswith("-") else ""  # apart, for the whole of -0.07 is 0
    whole, point, rest = bare.removeprefix("-").partition(".")
    grouped = f"{int(whole):,}" if whole.isdigit() else whole
    return list(dict.fromkeys((bare, f"{sign}{grouped}{point}{rest}")))


def _numbers(words: Iterable[str]) -> str:
    return f"{BEFORE}(?:{'|'.join(map(re.escape, sorted(words, key=len, reverse=True)))}){AFTER}"
