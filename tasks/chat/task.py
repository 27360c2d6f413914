"""Tasks of `chat`: turns of a conversation, with or without tools, kept and gone on with."""

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from configs.chat import Agent, Automatic, ChatPrompt, Memory, Summary
from configs.generators import Sampling
from tasks.data.chats import AnsweredTurn, ChatSettings, Conversation, ConversationRef
from tasks.data.prompts import GeneratorHandle
from tasks.errors import ContractError, StoreError
from tasks.models.generators import client
from tasks.models.generators.client import counter_of
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import durable, objects, workspace
from tasks.text.prompts import check_places, read_template

if TYPE_CHECKING:
    from tasks.chat.memory import MemoryModel
    from tasks.chat.session import TurnContext

GROUP = "llm_flows.tools"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
BUILT_IN = {
    "calculator": "exact arithmetic, as in calculator[2,249 x 0.85]",
    "search": "passages of the collection about some words, as in search[scale features]",
}


def manner_of(memory: Memory, agent: Agent | None, talking: ChatPrompt, search: tuple[str, ...] = ()) -> ChatSettings:
    """Read the prompts of a conversation, and check them.

    Args:
        memory: What is remembered.
        agent: Which tools may be used; None for none.
        talking: What stands around it.
        search: Digests of what a search looks in.

    Raises:
        ContractError: A prompt is not there or has a place that nothing fills, or there is no such tool.
    """
    how = memory.summary if isinstance(memory, Automatic) else memory
    summary = read_template(how.prompt if isinstance(how, Summary) else Summary().prompt)
    check_places(summary, ("summary", "turns", "words"), "the summary")
    opening = read_template(agent.prompt if agent is not None else talking.prompt)
    check_places(opening, ("message", "tools", "mark") if agent is not None else ("message",), "the conversation")
    if agent is not None:
        known = {**BUILT_IN, **{name: "" for name in registered_tools()}}
        if unknown := [tool for tool in agent.tools if tool not in known]:
            raise ContractError(f"there is no tool {unknown[0]!r}; there are {', '.join(known)}")
    return ChatSettings(
        memory=memory, agent=agent, context=talking.context, opening=opening, summary=summary, search=search
    )


def registered_tools() -> dict[str, metadata.EntryPoint]:
    """Return the tools that installed packages have registered, by name."""
    return {point.name: point for point in metadata.entry_points(group=GROUP)}


def tools_for(agent: Agent, search: Callable[[str], str] | None) -> dict[str, Callable[[str], str]]:
    """Return the tools an agent may use, by name.

    Args:
        agent: Which.
        search: Looks in a collection; None where it may not.
    """
    from tasks.chat.calculator import calculate

    own: dict[str, Callable[[str], str]] = {"calculator": calculate}
    if search is not None:
        own["search"] = search
    loaded = {name: point.load() for name, point in registered_tools().items() if name in agent.tools}
    return {name: tool for name, tool in {**loaded, **own}.items() if name in agent.tools}


@step(name="chat-turn")
def chat_turn(
    talk: ConversationRef, message: str, voice: GeneratorHandle, sampling: Sampling, manner: ChatSettings
) -> ConversationRef:
    """Ask one message, and keep its turn.

    Args:
        talk: The conversation so far.
        message: What is said next.
        voice: Who is asked.
        sampling: How replies are drawn.
        manner: What is remembered.
    """
    from tasks.chat.session import take_turn

    model = _model(voice, sampling)
    found = take_turn(load_conversation(talk), message, _setting(manner, voice, sampling, ""), model)
    return _kept(found)


def answer_with_tools(
    talk: ConversationRef,
    message: str,
    voice: GeneratorHandle,
    sampling: Sampling,
    manner: ChatSettings,
    tools: Mapping[str, Callable[[str], str]],
) -> AnsweredTurn:
    """Answer a message with the help of tools; the model's replies are kept in the ledger as they come.

    Args:
        talk: The conversation so far.
        message: What is said next.
        voice: Who is asked.
        sampling: How replies are drawn.
        manner: What is remembered, and what the tools may take.
        tools: By name.
    """
    from tasks.chat.memory import recall
    from tasks.chat.react import Caps, Toolbox, act

    agent = manner.agent or Agent()
    steps.foresee("chat-keep", 1, "the model and its tools are asked")
    mark = f"observation-{hashlib.sha256(f'{talk.digest} {message}'.encode()).hexdigest()[:16]}"
    setting, model = _setting(manner, voice, sampling, mark), _model(voice, sampling)
    started = time.perf_counter()
    prompt, left_out = recall(
        load_conversation(talk), setting.opening, message, memory=manner.memory, room=setting.room, count=model.count
    )
    caps = Caps(agent.steps, agent.seconds, agent.tokens, sampling.max_tokens, setting.room, agent.shown)
    acted = act(prompt, Toolbox(tools, mark), caps, model)
    return AnsweredTurn(
        text=acted.text, finish=acted.finish, calls=acted.calls, unsupported=acted.unsupported, left_out=left_out,
        prompts=tuple(r.prompt_tokens for r in acted.heard),
        completions=tuple(r.completion_tokens for r in acted.heard),
        seconds=time.perf_counter() - started,
    )  # fmt: skip


@step(name="chat-keep")
def chat_keep(
    talk: ConversationRef,
    message: str,
    answered: AnsweredTurn,
    voice: GeneratorHandle,
    sampling: Sampling,
    manner: ChatSettings,
) -> ConversationRef:
    """Keep a turn that was answered with tools.

    Args:
        talk: The conversation so far.
        message: What was said.
        answered: What came of it.
        voice: Who is asked for a summary.
        sampling: How replies are drawn.
        manner: What is remembered.
    """
    from tasks.chat.session import keep_turn

    setting, model = _setting(manner, voice, sampling, ""), _model(voice, sampling)
    started = time.perf_counter() - answered.seconds
    return _kept(keep_turn(load_conversation(talk), message, setting, answered, model, started))


def load_conversation(talk: ConversationRef) -> Conversation:
    """Read a conversation."""
    return Conversation.model_validate(objects.load_json(talk))


def open_conversation(name: str | None) -> ConversationRef:
    """Return a conversation that was kept under a name, as it stands; a new one where there is none.

    Raises:
        ContractError: The name cannot be one.
        StoreError: It is damaged.
    """
    if name is not None and (path := _pointer(name)).exists():
        try:
            return ConversationRef.model_validate(durable.read_json(path))
        except ValueError as error:
            raise StoreError(f"conversation {name!r} was written by another version; begin one of another name") from (
                error
            )
    return _kept(Conversation())


def keep_conversation(name: str | None, talk: ConversationRef) -> None:
    """Let a name stand for a conversation as it is now; a plan keeps nothing."""
    if name is not None and steps.planning() is None:
        durable.write_json(_pointer(name), talk.model_dump(mode="json"))


def _pointer(name: str) -> Path:
    if NAME.fullmatch(name) is None:
        raise ContractError(f"a conversation is named {name!r} but needs small letters, digits, - and _; rename it")
    return workspace.folder("conversations") / f"{name}.json"


def _kept(talk: Conversation) -> ConversationRef:
    return objects.save_json(ConversationRef, talk.model_dump(mode="json"), rows=len(talk.turns))


def _setting(manner: ChatSettings, voice: GeneratorHandle, sampling: Sampling, mark: str) -> "TurnContext":
    from tasks.chat.session import TurnContext, opening_of

    context = min(manner.context, voice.generator.context or manner.context)
    room = context - sampling.max_tokens
    if room < 1:
        raise ContractError(
            f"the model reads {context} tokens but sampling.max_tokens is {sampling.max_tokens}; lower it"
        )
    names = manner.agent.tools if manner.agent is not None else ()
    tools = "\n".join(f"{name}: {BUILT_IN.get(name, 'registered by an installed package')}" for name in names)
    return TurnContext(manner.memory, opening_of(manner.opening, {"tools": tools, "mark": mark}), manner.summary, room)


def _model(voice: GeneratorHandle, sampling: Sampling) -> "MemoryModel":
    from tasks.chat.memory import MemoryModel

    return MemoryModel(client.replies(voice.generator, sampling, voice.config), counter_of(voice.config))
