"""Automations as they are written down: made once, brought up to date, compared; what a person decides stays."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.server.events.schemas import automations as server_side

from deployments import bootstrap, watching
from deployments.deploy import stated

FILES = sorted(watching.FOLDER.glob("*.json"))
DEPLOYMENTS = {f"{one.entrypoint.rpartition('.')[2].replace('_', '-')}/{one.name}": uuid4() for one in stated()}
BLOCK = {
    "id": str(uuid4()),
    "name": watching.ALERTS,
    "block_schema": {"capabilities": ["notify"]},
    "block_type": {"name": "Slack Webhook"},
}


class Server:
    """What `watching` asks of a Prefect server, in memory; an automation passes through what the real one takes."""

    def __init__(self) -> None:
        self.automations: dict[UUID, Automation] = {}
        self.deployments = dict(DEPLOYMENTS)
        self.blocks: list[dict[str, Any]] = []

    def create_automation(self, made: AutomationCore) -> None:
        self._put(uuid4(), made)

    def update_automation(self, known: UUID, made: AutomationCore) -> None:
        assert known in self.automations
        self._put(known, made)

    def delete_automation(self, known: UUID) -> None:
        del self.automations[known]

    def read_automations_by_name(self, name: str) -> list[Automation]:
        return [one for one in self.automations.values() if one.name == name]

    def read_deployment_by_name(self, name: str) -> SimpleNamespace:
        if name not in self.deployments:
            raise ObjectNotFound(Exception(name))
        return SimpleNamespace(id=self.deployments[name])

    def request(self, *_: Any, **__: Any) -> SimpleNamespace:
        return SimpleNamespace(json=lambda: self.blocks)

    def _put(self, known: UUID, made: AutomationCore) -> None:
        stored = server_side.AutomationCore.model_validate(made.model_dump(mode="json")).model_dump(mode="json")
        self.automations[known] = Automation.model_validate({**stored, "id": known})


def applied(server: Server, *, check: bool = False) -> list[watching.Said]:
    return list(watching.apply(server, check=check))  # type: ignore[arg-type]


def named(server: Server, word: str) -> Automation:
    (found,) = [one for one in server.automations.values() if word in one.name]
    return found


def test_a_second_time_nothing_is_doubled_and_nothing_differs() -> None:
    server = Server()
    assert [one.line.rpartition(": ")[2] for one in applied(server)[1:]] == ["made"] * len(FILES)
    before = dict(server.automations)
    assert not any(one.differs for one in applied(server, check=True))
    assert [one.line.rpartition(": ")[2] for one in applied(server)[1:]] == ["as written"] * len(FILES)
    assert server.automations == before


def test_what_was_changed_is_said_field_by_field_and_brought_up_to_date() -> None:
    server = Server()
    applied(server)
    wanted = named(server, "died")
    server.automations[wanted.id] = wanted.model_copy(update={"description": "as I like it"})
    found = [one.line for one in applied(server, check=True) if one.differs]
    assert found == [
        f"automation {wanted.name!r}: differs",
        f'  description is "as I like it" on the server, {json.dumps(wanted.description)} in the files',
    ]
    assert named(server, "died").description == "as I like it"
    applied(server)
    assert named(server, "died") == wanted


def test_what_a_person_switched_off_stays_off_and_is_said() -> None:
    server = Server()
    applied(server)
    off = named(server, "docs-topics follows").model_copy(update={"enabled": False, "description": "old"})
    server.automations[off.id] = off
    said = [one.line for one in applied(server) if "docs-topics follows" in one.line]
    assert said == [f"automation {off.name!r}: brought up to date, switched off by hand and left so"]
    assert not named(server, "docs-topics follows").enabled
    assert not any(one.differs for one in applied(server, check=True))


def test_what_is_not_there_and_what_is_there_twice_are_differences() -> None:
    server = Server()
    assert all(one.differs for one in applied(server, check=True)[1:])
    assert server.automations == {}
    applied(server)
    server.create_automation(named(server, "died"))
    assert any("a second time" in one.line and one.differs for one in applied(server, check=True))
    applied(server)
    assert len(server.automations) == len(FILES)


def test_an_automation_waits_for_the_deployment_that_it_starts() -> None:
    server = Server()
    del server.deployments["topic-model/docs-topics"]
    (waits,) = [one for one in applied(server) if "not made" in one.line]
    assert not waits.differs  # a person deploys what they want
    assert waits.line.endswith("not made without topic-model/docs-topics: make deploy NAMES=docs-topics")
    assert len(server.automations) == len(FILES) - 1


@pytest.mark.parametrize("capabilities", [["notify"], []])
def test_notifications_are_sent_by_the_block_that_a_person_saved(capabilities: list[str]) -> None:
    server = Server()
    applied(server)
    assert [action.type for action in named(server, "gate").actions] == ["do-nothing"]
    server.blocks = [{**BLOCK, "block_schema": {"capabilities": capabilities}}]
    said = applied(server)[0].line
    sent = ["send-notification"] if capabilities else ["do-nothing"]
    assert [action.type for action in named(server, "gate").actions] == sent
    assert ("Slack Webhook" in said) == bool(capabilities)


def test_a_run_counts_as_dead_after_three_heartbeats_and_what_an_outage_may_take() -> None:
    server = Server()
    applied(server)
    trigger = named(server, "died").model_dump(mode="json")["trigger"]
    assert watching.dead_after_s() >= 3 * watching.heartbeat_s() + 90
    assert trigger["within"] == watching.dead_after_s()
    assert trigger["match_related"]["prefect.resource.name"] == [pool["name"] for pool in watching.pools()]
    (action, *_) = named(server, "died").model_dump(mode="json")["actions"]
    assert (action["type"], action["state"]) == ("change-flow-run-state", "CRASHED")
    assert "Launch it again" in action["message"]
    assert "@" not in action["message"]


def test_the_runs_of_our_pools_send_the_heartbeats_that_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path))
    for pool in watching.pools():
        template = bootstrap._template(pool)
        said = template["variables"]["properties"]["env"]["default"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]
        assert int(said) == watching.heartbeat_s() >= 30  # Prefect sends them no more often


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_automation_starts_a_deployment_that_is_written_down(path: Path) -> None:
    started = [a["deployment"] for a in json.loads(path.read_text("utf-8"))["actions"] if "deployment" in a]
    assert set(started) <= set(DEPLOYMENTS)
