"""Tasks of `chat`: turns of a conversation, with or without tools, kept and continued."""

import hashlib
import logging
import re
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from configs.chat import Agent, Automatic, ChatPrompt, Memory, Summary
from configs.generators import Sampling
from tasks.data.chats import AnsweredTurn, ChatSettings, Conversation, ConversationRef, count_calls, heard_beside
from tasks.data.prompts import GeneratorHandle
from tasks.errors import ContractError, StoreError
from tasks.models.generators import client
from tasks.models.generators.client import message_counter
from tasks.runtime import steps
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import durable, objects, workspace
from tasks.text.prompts import check_places, read_template

if TYPE_CHECKING:
    from tasks.chat.memory import MemoryModel
    from tasks.chat.session import TurnContext
    from tasks.chat.tools import Tool, Use

log = logging.getLogger(__name__)
GROUP = "llm_flows.tools"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
BUILT_IN = ("calculator", "search")
PROMPTS = {"constrained": "chat-agent", "free": "chat-agent-free"}


def read_settings(
    memory: Memory, agent: Agent | None, chat_prompt: ChatPrompt, search: tuple[str, ...] = ()
) -> ChatSettings:
    """Read the prompts of a conversation, and check them.

    Args:
        memory: What is remembered.
        agent: Which tools may be used; None for none.
        chat_prompt: What stands around it.
        search: Digests of what a search looks in.

    Raises:
        ContractError: A prompt is not there or has a place that nothing fills, or there is no such tool.
    """
    how = memory.summary if isinstance(memory, Automatic) else memory
    summary = read_template(how.prompt if isinstance(how, Summary) else Summary().prompt)
    check_places(summary, ("summary", "turns", "words"), "the summary")
    name = chat_prompt.prompt if agent is None else agent.prompt or PROMPTS[agent.tool_calls]
    opening = read_template(name)
    places = ("message",) if agent is None else ("message", "tools", "mark", "thought")
    check_places(opening, places, "the conversation")
    if agent is not None:
        known = dict.fromkeys([*BUILT_IN, *registered_tools()])
        if unknown := [tool for tool in agent.tools if tool not in known]:
            raise ContractError(f"there is no tool {unknown[0]!r}; there are {', '.join(known)}")
    return ChatSettings(
        memory=memory, agent=agent, context=chat_prompt.context, opening=opening, summary=summary, search=search
    )


def registered_tools() -> dict[str, metadata.EntryPoint]:
    """Return the tools that installed packages have registered, by name."""
    return {point.name: point for point in metadata.entry_points(group=GROUP)}


def tools_for(agent: Agent, search: "Use | None") -> "dict[str, Tool]":
    """Return the tools an agent may use, by name.

    Args:
        agent: Which.
        search: Looks in a collection; None where it may not.

    Raises:
        ContractError: A registered tool has examples or a pattern that cannot be read.
    """
    from tasks.chat.tools import calculator_tool, registered_tool, search_tool

    own = {"calculator": calculator_tool()} | ({"search": search_tool(search)} if search is not None else {})
    points = {name: point for name, point in registered_tools().items() if name in agent.tools}
    loaded = {name: registered_tool(name, point.load()) for name, point in points.items()}
    return {name: tool for name, tool in {**loaded, **own}.items() if name in agent.tools}


@step(name="chat-turn", device_of=("handle",))
def chat_turn(
    conversation: ConversationRef, message: str, handle: GeneratorHandle, sampling: Sampling, settings: ChatSettings
) -> ConversationRef:
    """Ask one message, and keep its turn.

    Args:
        conversation: The conversation so far.
        message: What is said next.
        handle: Who is asked.
        sampling: How replies are drawn.
        settings: What is remembered.
    """
    from tasks.chat.session import take_turn

    model = _model(handle, sampling)
    found = take_turn(load_conversation(conversation), message, _turn_context(settings, handle, sampling), model)
    return _kept(_counted(found))


def answer_with_tools(
    conversation: ConversationRef,
    message: str,
    handle: GeneratorHandle,
    sampling: Sampling,
    settings: ChatSettings,
    tools: "Mapping[str, Tool]",
) -> AnsweredTurn:
    """Answer a message with the help of tools; the model's replies are kept in the reply cache as they come.

    Args:
        conversation: The conversation so far.
        message: What is said next.
        handle: Who is asked.
        sampling: How replies are drawn.
        settings: What is remembered, and what the tools may take.
        tools: By name.
    """
    from tasks.chat.actions import THOUGHTS
    from tasks.chat.memory import recall
    from tasks.chat.react import Caps, Toolbox, act
    from tasks.chat.tools import described

    agent = settings.agent or Agent()
    steps.foresee("chat-keep", 1, "the model and its tools are asked")
    mark = f"observation-{hashlib.sha256(f'{conversation.digest} {message}'.encode()).hexdigest()[:16]}"
    values = {"tools": described(tools), "mark": mark, "thought": THOUGHTS[agent.tool_calls] * bool(agent.thought)}
    context, model = _turn_context(settings, handle, sampling, values), _model(handle, sampling, fix=False)
    started, before = time.perf_counter(), load_conversation(conversation)
    prompt, left_out = recall(
        before,
        context.opening,
        message,
        memory=settings.memory,
        prompt_budget=context.prompt_budget,
        count=model.count,
    )
    caps = Caps(
        agent.max_steps, agent.max_seconds, agent.max_tokens, sampling.max_tokens, context.prompt_budget, agent.shown
    )
    acted = act(prompt, Toolbox(tools, mark, agent, (before.summary,)), caps, model)
    return AnsweredTurn(
        text=acted.text, finish=acted.finish, calls=acted.calls, unsupported=acted.unsupported, left_out=left_out,
        prompts=tuple(r.prompt_tokens for r in acted.heard),
        completions=tuple(r.completion_tokens for r in acted.heard), finishes=tuple(r.finish for r in acted.heard),
        seconds=time.perf_counter() - started, examples=acted.examples, **heard_beside(acted.heard),
    )  # fmt: skip


@step(name="chat-keep", device_of=("handle",))
def chat_keep(
    conversation: ConversationRef,
    message: str,
    answered: AnsweredTurn,
    handle: GeneratorHandle,
    sampling: Sampling,
    settings: ChatSettings,
) -> ConversationRef:
    """Keep a turn that was answered with tools.

    Args:
        conversation: The conversation so far.
        message: What was said.
        answered: What came of it.
        handle: Who is asked for a summary.
        sampling: How replies are drawn.
        settings: What is remembered.
    """
    from tasks.chat.session import keep_turn

    context, model = _turn_context(settings, handle, sampling), _model(handle, sampling)
    started = time.perf_counter() - answered.seconds
    steps.log_metrics(**count_calls(answered.calls), unsupported_numbers=len(answered.unsupported))
    return _kept(_counted(keep_turn(load_conversation(conversation), message, context, answered, model, started)))


def load_conversation(conversation: ConversationRef) -> Conversation:
    """Read a conversation."""
    return Conversation.model_validate(objects.load_json(conversation))


def open_conversation(name: str | None) -> ConversationRef:
    """Return a conversation that was kept under a name, as it stands; a new one where there is none.

    Raises:
        ContractError: The name cannot be one.
        StoreError: It is damaged.
    """
    if name is not None and (path := _pointer(name)).exists():
        try:
            found = ConversationRef.model_validate(durable.read_json(path))
            objects.path(found)
        except (StoreError, ValueError) as error:  # the last: written by another version
            reason = str(error).partition("\n")[0]
            raise StoreError(
                f"conversation {name!r} cannot be read ({reason}); go on under another name, or remove {path} to "
                "begin anew under this one"
            ) from error
        return found
    return _kept(Conversation())


def keep_conversation(name: str | None, conversation: ConversationRef, before: ConversationRef) -> str | None:
    """Let a name stand for a conversation as it is now; a plan keeps nothing.

    Where another run has gone on with the conversation in the meantime, that one keeps the name, and this one gets a
    name of its own, which is said.

    Args:
        name: Its name; None for none.
        conversation: As it is now.
        before: As it was when this run read it, or last kept it.

    Returns:
        The name it is kept under.
    """
    if name is None or steps.planning() is not None:
        return name
    with workspace.lock(f"conversations-{name}"):
        try:
            now = durable.read_json(_pointer(name)).get("digest") if _pointer(name).exists() else before.digest
        except StoreError:
            now = None
        own = name if now in (before.digest, conversation.digest) else f"{name[:52]}-{conversation.digest[:8]}"
        durable.write_json(_pointer(own), conversation.model_dump(mode="json"))
    if own != name:
        log.warning(
            "another run went on with conversation %s in the meantime; the turns of this run are kept as %s, go on "
            "with conversation=%s", name, own, own,
        )  # fmt: skip
    return own


def _pointer(name: str) -> Path:
    if NAME.fullmatch(name) is None:
        raise ContractError(f"a conversation is named {name!r} but needs small letters, digits, - and _; rename it")
    return workspace.folder("conversations") / f"{name}.json"


def _counted(conversation: Conversation) -> Conversation:
    """Log how the replies of the newest turn ended."""
    steps.log_metrics(truncated=conversation.turns[-1].truncated, repeated=conversation.turns[-1].repeated)
    return conversation


def _kept(conversation: Conversation) -> ConversationRef:
    return objects.save_json(ConversationRef, conversation.model_dump(mode="json"), rows=len(conversation.turns))


def _turn_context(
    settings: ChatSettings, handle: GeneratorHandle, sampling: Sampling, values: dict[str, str] | None = None
) -> "TurnContext":
    from tasks.chat.session import TurnContext, opening_of

    tokens = min(settings.context, handle.generator.context or settings.context)
    prompt_budget = tokens - sampling.max_tokens
    if prompt_budget < 1:
        raise ContractError(
            f"the model reads {tokens} tokens but sampling.max_tokens is {sampling.max_tokens}; lower it"
        )
    return TurnContext(settings.memory, opening_of(settings.opening, values or {}), settings.summary, prompt_budget)


def _model(handle: GeneratorHandle, sampling: Sampling, *, fix: bool = True) -> "MemoryModel":
    from tasks.chat.memory import MemoryModel

    asked = client.replies(handle.generator, sampling, handle.config, fix=fix).watched_by(progress)
    return MemoryModel(asked, message_counter(handle.config))
