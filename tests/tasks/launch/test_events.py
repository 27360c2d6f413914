"""Events of ours: the same happening has one id, arrives once, and delays no run that nobody waits for."""

import json
import time
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tasks.launch import events
from tasks.store import workspace


class Server:
    """What an emitting run asks of a Prefect server.

    Attributes:
        stored: Events that were written.
        queue: Events that were taken and not written.
        faults: What the next requests meet: an exception, or the loss of what was taken.
        asked: Paths of all requests.
    """

    def __init__(self) -> None:
        self.stored: dict[str, Any] = {}
        self.queue: list[Any] = []
        self.faults: list[Exception | str] = []
        self.asked: list[str] = []
        self.automations: list[dict[str, Any]] = []

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def request(self, _: str, path: str, json: Any) -> SimpleNamespace:
        """Answer a request, unless a fault is due."""
        self.asked.append(path)
        fault = self.faults.pop(0) if self.faults else ""
        if isinstance(fault, Exception):
            raise fault
        if path == "/events":
            self.queue += [] if fault else json
            return SimpleNamespace()
        if path == "/automations/filter":
            return SimpleNamespace(json=lambda: self.automations)
        self.stored |= {one["id"]: one for one in self.queue}
        self.queue.clear()
        found = [one for one in json["filter"]["id"]["id"] if one in self.stored]
        return SimpleNamespace(json=lambda: {"total": len(found)})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """Put a server in the place of the one of the run, and a flow run around the test."""
    made = Server()
    monkeypatch.setattr(events, "get_client", lambda **_: made)
    monkeypatch.setattr(events, "AGAIN_S", 0.05)
    monkeypatch.setattr(events, "LOOK_S", 0.01)
    monkeypatch.setattr(events, "flow_run", SimpleNamespace(id="0c5e6a2e-3c58-4b35-9d8c-5f0a4e1d7a11"))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return made


def tell(identity: str = "notes 1", *, surely: bool = True) -> bool:
    return events.emit("llm-flows.x", "llm-flows.collection.notes", {"n": 1}, identity=identity, surely=surely)


def test_an_event_told_twice_is_there_once_with_all_that_is_known_of_it(server: Server) -> None:
    assert tell()
    assert tell()
    assert tell("notes 2")
    assert len(server.stored) == 2
    one = json.loads(json.dumps(next(iter(server.stored.values()))))
    assert one["resource"] == {"prefect.resource.id": "llm-flows.collection.notes", "prefect.resource.name": "notes"}
    assert one["payload"] == {"n": 1}
    assert one["related"][0]["prefect.resource.id"].startswith("prefect.flow-run.0c5e6a2e")
    assert server.asked.count("/events") == 2


def test_what_the_server_took_and_lost_is_told_again_until_it_is_written(server: Server) -> None:
    server.faults = ["", "lost", "", "", "", "", "", ""]
    assert tell()
    assert len(server.stored) == 1
    assert server.asked.count("/events") == 2


def test_a_server_that_is_down_for_a_while_is_waited_for(server: Server) -> None:
    server.faults = [httpx.ConnectError("refused") for _ in range(30)]
    assert tell()
    assert len(server.stored) == 1


def test_a_server_that_stays_down_is_said_and_fails_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(events, "PATIENCE_S", 0.0)
    server.faults = [httpx.ConnectError("refused") for _ in range(30)]
    assert not tell()
    assert "the Prefect server was not told of llm-flows.x of llm-flows.collection.notes: refused" in caplog.text


def test_where_nobody_waits_one_attempt_is_made_and_nothing_is_waited_for(server: Server) -> None:
    server.faults = [httpx.ConnectError("refused")]
    assert not tell(surely=False)
    assert server.asked == ["/events/filter"]
    assert tell(surely=False)
    assert server.asked[1:] == ["/events/filter", "/events"]


def test_a_temporary_server_is_told_and_asked_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(workspace.NO_UI, "1")
    assert not tell()
    assert not events.awaited("llm-flows.x")
    assert server.asked == []


@pytest.mark.parametrize(
    ("trigger", "enabled", "waits"),
    [
        ({"expect": ["llm-flows.x"]}, True, True),
        ({"expect": ["llm-flows.*"]}, True, True),
        ({"expect": ["llm-flows.x"]}, False, False),
        ({"expect": ["llm-flows.y"]}, True, False),
        ({"triggers": [{"expect": ["other"]}, {"expect": ["llm-flows.x"]}]}, True, True),
    ],
)
def test_an_automation_waits_for_what_it_expects_while_it_is_on(
    server: Server, trigger: dict[str, Any], enabled: bool, waits: bool
) -> None:
    server.automations = [{"enabled": enabled, "trigger": trigger}]
    assert events.awaited("llm-flows.x") is waits


def test_a_server_that_does_not_answer_may_have_an_automation_that_waits(server: Server) -> None:
    server.faults = [httpx.ConnectError("refused")]
    assert events.awaited("llm-flows.x")
