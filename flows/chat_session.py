"""Chat session: a conversation that remembers, is kept, and may use tools; its messages given, or from the Prefect UI.

Here:          python -m flows chat-session messages='["My name is Ada.", "What is my name?"]'
Kept, resumed: python -m flows chat-session conversation=ada messages='["And what did I say first?"]'
On a worker:   prefect deployment run 'chat-session/chat-session'    (then answer in the UI, where the run waits)
"""

import itertools
import os
from collections.abc import Callable, Iterator

from prefect import flow
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from prefect.logging import get_run_logger
from pydantic import Field

from configs.chain import SmallModel
from configs.flows import ChatSession
from configs.retrieve import Weighted
from flows.prompt_chain import note_on, prepare_handle
from tasks.chain import make_handle
from tasks.chat import (
    answer_with_tools,
    chat_keep,
    chat_turn,
    keep_conversation,
    load_conversation,
    open_conversation,
    read_settings,
    tools_for,
)
from tasks.data.chats import ChatSettings, ConversationRef
from tasks.data.prompts import GeneratorHandle
from tasks.data.run import Outcome
from tasks.data.search import Generation
from tasks.embed import embed_queries, query_encoder
from tasks.errors import ContractError
from tasks.index import open_collection
from tasks.ingest import ingest_queries, list_items
from tasks.report.chat_session import chat_page, chat_summary, show_transcript
from tasks.report.names import named
from tasks.report.prompt_chain import asked_of
from tasks.retrieve import describe_hits, retrieve
from tasks.runtime import steps, tracking
from tasks.store import workspace


class NextMessage(RunInput):
    """What the Prefect UI asks for while the run waits."""

    message: str = Field("", description="Your next message; an empty one ends the conversation.")


def preflight(
    messages: list[str] | None = None, conversation: str | None = None, config: ChatSession = ChatSession()
) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: A message is empty, the conversation cannot be opened, the model, a prompt or a tool is not here.
    """
    if messages is not None and (not messages or not all(message.strip() for message in messages)):
        raise ContractError(
            f"messages has {len(messages)} entries, one or all of them empty; give a message, or leave messages out "
            "to be asked in the Prefect UI"
        )
    if messages is None and os.environ.get(workspace.NO_UI):
        raise ContractError(
            "messages are left out, so each would be asked for in the Prefect UI, but no server with one runs; give "
            "messages='[\"...\"]', or start make ui first"
        )
    open_conversation(conversation)
    read_settings(config.memory, config.agent, config.chat_prompt)
    searched(config)
    if isinstance(config.generator, SmallModel):
        list_items(config.generator.source)
    else:
        make_handle(config.generator).generator.sampling.resolve(config.sampling)


def searched(config: ChatSession) -> Generation | None:
    """Return the collection that search looks in; None where it may not be used."""
    if config.agent is None or "search" not in config.agent.tools:
        return None
    return open_collection(config.agent.collection)


def search_in(live: Generation, hits: int) -> Callable[[str], list[str]]:
    """Return a tool that gives the passages of a collection that speak of some words."""
    searches = itertools.count(1)

    def search(given: str) -> list[str]:
        asked = ingest_queries([given])
        with steps.label(f"search-{next(searches)}"):
            found = retrieve(live, asked, embed_queries(asked, query_encoder(live)), Weighted(k=hits))
        return [f"[{h['document']}] {h['text']}" for h in describe_hits(live, asked, found)[0]["hits"]]

    return search


def said(messages: list[str] | None, wait_s: int, show: Callable[[], str]) -> Iterator[str]:
    """Yield the messages given; where none are, pause the run for each until an empty one, or none comes in time.

    Args:
        messages: What was given.
        wait_s: Seconds to wait for each.
        show: Shows the conversation before each pause, and returns its last reply for the form.
    """
    if messages is not None:
        yield from messages
        return
    steps.foresee("chat-turn", 1, "the run waits for a message from the Prefect UI")
    number = 0
    while True:
        number += 1
        get_run_logger().info(
            "waiting for message %d in the Prefect UI, %d s at most; an empty one ends it", number, wait_s
        )
        asked = NextMessage.with_initial_data(description=show() or "Say something.")
        try:
            given = pause_flow_run(wait_for_input=asked, timeout=wait_s, poll_interval=1, key=f"message-{number}")
        except FlowPauseTimeout:
            return
        if not given.message.strip():
            return
        yield given.message


def take(
    state: ConversationRef,
    message: str,
    handle: GeneratorHandle,
    settings: ChatSettings,
    live: Generation | None,
    config: ChatSession,
) -> ConversationRef:
    """Take one turn, with tools where they are allowed."""
    sampling = handle.generator.sampling.resolve(config.sampling)
    if config.agent is None:
        return chat_turn(state, message, handle, sampling, settings)
    tools = tools_for(config.agent, search_in(live, config.agent.hits) if live is not None else None)
    answered = answer_with_tools(state, message, handle, sampling, settings, tools)
    return chat_keep(state, message, answered, handle, sampling, settings)


@flow(name="chat-session", flow_run_name=named("conversation"))
def chat_session(
    messages: list[str] | None = None, conversation: str | None = None, config: ChatSession = ChatSession()
) -> Outcome:
    """Talk to a model that remembers, and may use tools; every turn is kept.

    Args:
        messages: Messages to send in order; without them, the run pauses for each in the Prefect UI.
        conversation: Name under which it is stored and continued; without one, a new conversation without a name.
        config: Memory, tools, model.
    """
    with tracking.run("chat-session", config, messages=messages, conversation=conversation) as run:
        preflight(messages, conversation, config)
        live = searched(config)
        looked_in = (live.passages.digest, live.dense.digest, live.sparse.digest) if live is not None else ()
        settings = read_settings(config.memory, config.agent, config.chat_prompt, looked_in)
        handle = prepare_handle(config.generator, one=True)
        state = open_conversation(conversation)
        before = len(load_conversation(state).turns)
        given = said(messages, config.chat_prompt.wait_s, lambda: show_transcript(run, state))
        for number, message in enumerate(given, start=before + 1):
            with steps.label(f"turn-{number}"):
                after = take(state, message, handle, settings, live, config)
            conversation, state = keep_conversation(conversation, after, state), after
        run.publish(conversation=state)
        show_transcript(run, state)
        told = {
            "note": note_on(config.generator),
            "sampling": handle.generator.sampling.stated(config.sampling),
        }
        page = chat_page(run, state, before, conversation, handle, told)
        who = asked_of([handle], told["note"])
        how = {"precision": who["precision"], "sampling": told["sampling"]}
        return run.outcome({"model": who["model"]} | chat_summary(state, before, conversation) | how, page)
