"""Think, act, observe, until an answer or a cap: the loop of an agent.

Only what the model itself writes is read for actions. What a tool gives is put between marks that no result can hold,
shortened, and withheld from the first sentence on that gives orders to a model. A call that is repeated could only
give the same result: the answer is due then, as it is after the last call.
Source: Yao et al., ICLR 2023, arXiv:2210.03629.
"""

import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from configs.chat import Agent
from tasks.chat.actions import AgentStep, Allowed, example_messages, observed, read_step, step_format
from tasks.chat.memory import MemoryModel
from tasks.chat.tools import Tool, examples_for
from tasks.data.chats import Call
from tasks.data.messages import Message, Reply, Request, ResponseFormat
from tasks.errors import FlowError
from tasks.text.directives import withhold
from tasks.text.injection import flags_of
from tasks.text.numbers import unsupported
from tasks.text.prompts import disarm

UNREAD = "That holds neither an action nor a final answer. Write one of both in the form that is asked for."
WITHHELD = "[withheld]"  # stands in a result for what a model does not get to read


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
        text: The answer; empty where a cap ended it without one.
        finish: stop; steps, seconds or tokens, the cap; length or repetition, where the answer was cut.
        calls: Tools used, in order.
        heard: The model's replies, in order.
        unsupported: Numbers of the answer that neither the messages nor a result holds.
        examples: Examples that stood before the conversation.
    """

    text: str
    finish: str
    calls: tuple[Call, ...]
    heard: tuple[Reply, ...]
    unsupported: tuple[str, ...]
    examples: int = 0


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What can be used, and how.

    Attributes:
        tools: By name.
        mark: Stands around results; it begins with `observation-`.
        agent: How tools are called.
        memory: What is remembered beside the messages: a summary, whose numbers may be used too.
    """

    tools: Mapping[str, Tool]
    mark: str
    agent: Agent
    memory: tuple[str, ...] = ()


@dataclass(slots=True)
class _Turn:
    """A message on its way to an answer."""

    box: Toolbox
    prompt: list[Message]
    known: list[str]  # texts whose numbers may be used
    heard: list[Reply] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    spent: int = 0
    stated: str = ""  # result that the answer must state
    due: bool = False  # whether the answer is due
    examples: int = 0

    def allowed(self) -> Allowed:
        agent = self.box.agent
        tools = {} if self.due else self.box.tools
        answer = self.due or agent.tool_choice == "auto" or bool(self.calls)
        numbers = tuple(self.known) if agent.numbers == "given" else None
        return Allowed(tools, answer, numbers, self.stated, agent.thought)

    def format(self) -> ResponseFormat | None:
        return step_format(self.allowed()) if self.box.agent.tool_calls == "constrained" else None

    def ended(self, finish: str, answer: str = "") -> Acted:
        invented = unsupported(answer, self.known)
        return Acted(answer, finish, tuple(self.calls), tuple(self.heard), invented, self.examples)


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
    started, turn = clock(), _begun(messages, box, caps, model)
    while True:
        size = model.count(turn.prompt)
        if cap := _ended(caps, clock() - started, turn.spent + size + caps.reply, size):
            return turn.ended(cap)
        (reply,) = model.replies([Request(tuple(turn.prompt), turn.format())])
        turn.heard.append(reply)
        turn.spent += reply.prompt_tokens + reply.completion_tokens
        step = read_step(reply.text, box.agent.tool_calls)
        if step is not None and step.answer is not None:
            capped = turn.due and len(turn.calls) == caps.max_steps
            return turn.ended("steps" if capped and reply.finish == "stop" else reply.finish, step.answer)
        if turn.due or (len(turn.calls) == caps.max_steps):
            return turn.ended("steps")
        _follow(turn, step, reply.text, caps)


def _begun(messages: Sequence[Message], box: Toolbox, caps: Caps, model: MemoryModel) -> _Turn:
    """Put as many examples before the conversation as leave room for a call and its result."""
    system = [message for message in messages[:1] if message.role == "system"]
    said = [*messages[len(system) :]]
    known = [*(message.content for message in said if message.role != "system"), *box.memory]
    named = examples_for(said[-1].content, box.tools, box.agent.examples)
    for first in range(len(named) + 1):
        shown = example_messages(named[first:], box.mark, box.agent.tool_calls, box.agent.thought)
        prompt = [*system, *shown, *said]
        if model.count(prompt) + 2 * caps.reply <= caps.prompt_budget:
            break
    return _Turn(box, prompt, known, examples=len(named[first:]))


def _follow(turn: _Turn, step: AgentStep | None, text: str, caps: Caps) -> None:
    """Do what a step says, and put it with its result to the prompt."""
    agent, box = turn.box.agent, turn.box
    if step is None:
        turn.calls.append(Call(tool="", given=text[: caps.shown], result=UNREAD, wrong=True))
        said, observation = text, UNREAD
    else:
        constrained = agent.tool_calls == "constrained"
        if constrained and any((call.tool, call.given) == (step.tool, step.given) for call in turn.calls):
            turn.due = True
            return
        call = _called(step, box, caps.shown, turn.known)
        turn.calls.append(call)
        said, observation = step.text, observed(call.result, box.mark)
        turn.known.append(call.result)
        turn.stated = call.result if not call.wrong and box.tools[call.tool].stated else ""
    turn.due = agent.tool_calls == "constrained" and len(turn.calls) == caps.max_steps
    turn.prompt += [Message("assistant", said or "(nothing)"), Message("user", observation)]


def _ended(caps: Caps, seconds: float, tokens: int, size: int) -> str:
    """Return the cap that forbids another step, or nothing."""
    if seconds > caps.max_seconds:
        return "seconds"
    return "tokens" if tokens > caps.max_tokens or size > caps.prompt_budget else ""


def _called(step: AgentStep, box: Toolbox, shown: int, known: Sequence[str]) -> Call:
    """Use a tool; that there is none, or that it fails, is a result too."""
    name, given = step.tool, step.given
    if name not in box.tools:
        lacking = f"there is no tool {name}; there are {', '.join(box.tools)}"
        return Call(tool=name, given=given, result=lacking, wrong=True)
    try:
        found, wrong = box.tools[name].use(given), False
    except FlowError as error:
        found, wrong = str(error), True
    passages = [found] if isinstance(found, str) else list(found)
    read, withheld = _readable(passages, box.tools if box.agent.withhold else None)
    bare = disarm(re.sub(r"</?observation-\w*>?", "", read))[:shown]
    return Call(
        tool=name, given=given, result=bare, wrong=wrong, thought=step.thought, flags=flags_of("\n".join(passages)),
        withheld=withheld, unsupported=unsupported(given, known),
    )  # fmt: skip


def _readable(passages: Sequence[str], tools: Collection[str] | None) -> tuple[str, tuple[str, ...]]:
    """Return what of a result is read, and the sentences that are withheld; None for tools withholds none."""
    if tools is None:
        return "\n".join(passages), ()
    parts = [withhold(passage, tools) for passage in passages]
    lines = [f"{read} {WITHHELD}".strip() if gone else read for read, gone in parts]
    return "\n".join(lines), tuple(sentence for _, gone in parts for sentence in gone)
