"""A conversation whose messages come from the Prefect UI."""

import threading
import time
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.flow_runs import resume_flow_run

from configs.flows import ChatSession
from configs.resolve import resolve
from configs.signatures import flow_cards
from flows.chat_session import chat_session

pytestmark = [pytest.mark.flow, pytest.mark.timeout(280)]
PAUSED = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED])))
TRANSCRIPTS = ArtifactFilter(key=ArtifactFilterKey(any_=["chat-session-transcript"]))


def answer_in_the_ui(messages: list[str], seen: list[str]) -> None:
    """Resume the run that waits, once a message, as the UI does."""
    with get_client(sync_client=True) as client:
        while messages:
            time.sleep(0.3)
            for run in client.read_flow_runs(flow_run_filter=PAUSED):
                if run.state is not None and run.state.state_details.pause_key not in seen:
                    seen.append(str(run.state.state_details.pause_key))
                    resume_flow_run(run.id, run_input={"message": messages.pop(0)})
                    break


def test_a_run_without_messages_waits_for_each_and_an_empty_one_ends_it(
    quick_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(quick_home))
    call = resolve(flow_cards()["chat-session"], ["@offline-test", "messages=null"])
    config = getattr(call, "config", ChatSession())
    seen: list[str] = []
    thread = threading.Thread(target=answer_in_the_ui, args=(["My name is Ada.", ""], seen), daemon=True)
    thread.start()
    outcome = chat_session(messages=None, conversation="from-the-ui", config=config)
    thread.join(10)
    assert seen == ["message-1", "message-2"]
    assert outcome.result["turns"] == 1
    with get_client(sync_client=True) as client:
        shown = client.read_artifacts(artifact_filter=TRANSCRIPTS)
    assert any("**You:** My name is Ada\\.\n\n**Model:** " in str(transcript.data) for transcript in shown)
    again = chat_session(messages=["Go on."], conversation="from-the-ui", config=config)
    assert list(again.result)[:3] == ["model", "conversation", "reply 2"]
