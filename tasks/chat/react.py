"""Think, act, observe, until an answer or a cap: the loop of an agent, in forty lines.

Only what the model itself writes is read for actions; what a tool gives is put between marks that no result can hold,
shortened, and flagged where it speaks to a model. An observation that the model writes itself is cut off.
Source: Yao et al., ICLR 2023, arXiv:2210.03629.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tasks.chat.memory import MemoryModel
from tasks.data.chats import Call
from tasks.data.messages import Message, Reply, Request
from tasks.errors import FlowError
from tasks.text.injection import flags_of
from tasks.text.numbers import unsupported
from tasks.text.prompts import disarm

Tool = Callable[[str], str]
ACTION = re.compile(r"^[ \t]*Action:[ \t]*([\w.-]+)[ \t]*\[(.*)\][ \t]*$", re.MULTILINE)
FINAL = re.compile(r"^[ \t]*Final answer:[ \t]*(.*)", re.MULTILINE | re.DOTALL | re.IGNORECASE)
INVENTED = re.compile(r"^[ \t]*(?:Observation:|</?observation-)", re.MULTILINE | re.IGNORECASE)
UNREAD = "That holds neither an action nor a final answer. Write 'Action: tool[input]' or 'Final answer: ...'."


@dataclass(frozen=True, slots=True)
class Caps:
    """What a message may take.

    Attributes:
        max_steps: Calls of a tool.
        max_seconds: After which no step is begun.
        max_tokens: Of all prompts and replies together.
        reply: Tokens a reply has at most.
        prompt_budget: Tokens a prompt has at most.
        shown: Characters of a result that are read.
    """

    max_steps: int
    max_seconds: float
    max_tokens: int
    reply: int
    prompt_budget: int
    shown: int


@dataclass(frozen=True, slots=True)
class Acted:
    """How it ended.

    Attributes:
        text: The answer; empty where a cap ended it.
        finish: stop, or the cap: steps, seconds, tokens.
        calls: Tools used, in order.
        heard: The model's replies, in order.
        unsupported: Numbers of the answer that neither the messages nor a result holds.
    """

    text: str
    finish: str
    calls: tuple[Call, ...]
    heard: tuple[Reply, ...]
    unsupported: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What can be used.

    Attributes:
        tools: By name.
        mark: Stands around results; it begins with `observation-`.
    """

    tools: Mapping[str, Tool]
    mark: str


def act(
    messages: Sequence[Message],
    box: Toolbox,
    caps: Caps,
    model: MemoryModel,
    clock: Callable[[], float] = time.monotonic,
) -> Acted:
    """Answer the last message with the help of tools.

    Args:
        messages: Explanation of the tools, the conversation, the message.
        box: The tools.
        caps: What it may take.
        model: What is asked.
        clock: Seconds.
    """
    started, prompt = clock(), list(messages)
    heard: list[Reply] = []
    calls: list[Call] = []
    spent = 0
    while True:
        size = model.count(prompt)
        if ended := _ended(caps, clock() - started, spent + size + caps.reply, size):
            return Acted("", ended, tuple(calls), tuple(heard), ())
        (reply,) = model.replies([Request(tuple(prompt))])
        heard.append(reply)
        spent += reply.prompt_tokens + reply.completion_tokens
        text = INVENTED.split(reply.text, maxsplit=1)[0].rstrip()
        action, final = ACTION.search(text), FINAL.search(text)
        if final is not None and (action is None or final.start() < action.start()):
            sources = [m.content for m in messages if m.role != "system"] + [c.result for c in calls]
            answer = final[1].strip()
            return Acted(answer, "stop", tuple(calls), tuple(heard), unsupported(answer, sources))
        if len(calls) == caps.max_steps:
            return Acted("", "steps", tuple(calls), tuple(heard), ())
        if action is None:
            calls.append(Call(tool="", given=text[: caps.shown], result=UNREAD, wrong=True))
            observation = UNREAD
        else:
            calls.append(_called(action[1], action[2].strip(), box.tools, caps.shown))
            text = text[: action.end()]
            observation = f"<{box.mark}>\n{calls[-1].result}\n</{box.mark}>"
        prompt += [Message("assistant", text or "(nothing)"), Message("user", observation)]


def _ended(caps: Caps, seconds: float, tokens: int, size: int) -> str:
    """Return the cap that forbids another step, or nothing."""
    if seconds > caps.max_seconds:
        return "seconds"
    return "tokens" if tokens > caps.max_tokens or size > caps.prompt_budget else ""


def _called(name: str, given: str, tools: Mapping[str, Tool], shown: int) -> Call:
    """Use a tool; that there is none, or that it fails, is a result too."""
    if name not in tools:
        return Call(
            tool=name, given=given, result=f"there is no tool {name}; there are {', '.join(tools)}", wrong=True
        )
    try:
        result, wrong = tools[name](given), False
    except FlowError as error:
        result, wrong = str(error), True
    found = flags_of(result)
    bare = disarm(re.sub(r"</?observation-\w*>?", "", result))[:shown]
    return Call(tool=name, given=given, result=bare, wrong=wrong, flags=found)
