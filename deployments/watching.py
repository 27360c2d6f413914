"""The automations of a Prefect server, written down in `automations/*.json`: made, brought up to date, compared.

A file is an automation as Prefect's API takes it (https://docs.prefect.io/v3/concepts/automations), but for this:

    deployment       in an action, `FLOW/NAME` of a deployment, in place of its id
    notify           subject and body of a message; sent by the block named `llm-flows-alerts`, where there is one
    @pools           the names of the pools of `pools/*.json`
    @dead_after_s    seconds: `missed` heartbeats of `heartbeat_s` each, and `outage_s` that the server may be gone

Whether an automation is switched on is the server's to say: what a person has switched off stays off.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import Automation, AutomationCore

FOLDER = Path(__file__).parent / "automations"
POOLS = Path(__file__).parent / "pools"
ZOMBIES = "zombie-runs.json"
ALERTS = "llm-flows-alerts"
OWN = ("heartbeat_s", "missed", "outage_s", "notify")  # what is ours in a file


@dataclass(frozen=True)
class Said:
    """What was done or found, a line for people, and whether the server differed from the files."""

    line: str
    differs: bool = False


def pools() -> list[dict[str, Any]]:
    """Return the pools as they are written down."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(POOLS.glob("*.json"))]


def heartbeat_s() -> int:
    """Return the seconds between two heartbeats of a run of our pools."""
    return int(json.loads((FOLDER / ZOMBIES).read_text("utf-8"))["heartbeat_s"])


def dead_after_s() -> int:
    """Return the seconds without a heartbeat after which a run counts as dead."""
    stated = json.loads((FOLDER / ZOMBIES).read_text("utf-8"))
    return int(stated["missed"] * stated["heartbeat_s"] + stated["outage_s"])


def apply(client: "SyncPrefectClient", *, check: bool = False) -> Iterator[Said]:
    """Make every automation, or bring it up to date; only look where it is to be checked.

    Args:
        client: Of the server.
        check: Whether to change nothing.
    """
    alerts, said = _alerts(client)
    yield Said(said)
    for path in sorted(FOLDER.glob("*.json")):
        stated = json.loads(path.read_text("utf-8"))
        if missing := _missing(stated, client):
            name = missing.rpartition("/")[2]
            yield Said(f"automation {stated['name']!r}: not made without {missing}: make deploy NAMES={name}")
            continue
        yield from _apply(_wanted(stated, alerts, client), client, check=check)


def differences(server: Any, files: Any, where: str = "") -> Iterator[str]:
    """Yield in words where what is on the server differs from what the files say, field by field."""
    if isinstance(server, dict) and isinstance(files, dict):
        for name in sorted({*server, *files}):
            yield from differences(server.get(name), files.get(name), f"{where}.{name}".strip("."))
    elif server != files:
        yield f"{where} is {json.dumps(server)} on the server, {json.dumps(files)} in the files"


def _apply(wanted: "AutomationCore", client: "SyncPrefectClient", *, check: bool) -> Iterator[Said]:
    """Make one automation or bring it up to date; remove what has its name a second time."""
    what = f"automation {wanted.name!r}"
    found = sorted(client.read_automations_by_name(wanted.name), key=lambda one: str(one.id))
    if not found:
        if not check:
            client.create_automation(wanted)
        yield Said(f"{what}: {'not on the server' if check else 'made'}", True)
        return
    known, *doubles = found
    for double in doubles:
        if not check:
            client.delete_automation(double.id)
        yield Said(f"{what}: {'is there a second time' if check else 'a second one removed'}", True)
    other = list(differences(_plain(known), _plain(wanted)))
    if other and not check:
        client.update_automation(known.id, wanted.model_copy(update={"enabled": known.enabled}))
    off = "" if known.enabled else ", switched off by hand and left so"
    yield Said(
        f"{what}: {'differs' if check and other else 'brought up to date' if other else 'as written'}{off}",
        bool(other),
    )
    yield from (Said(f"  {line}", True) for line in other)


def _wanted(stated: dict[str, Any], alerts: str | None, client: "SyncPrefectClient") -> "AutomationCore":
    """Return an automation of a file as the server takes it."""
    from prefect.events.schemas.automations import AutomationCore

    notify, made = stated.get("notify"), {name: value for name, value in stated.items() if name not in OWN}
    for action in (made := _filled(made))["actions"]:
        if name := action.pop("deployment", None):
            action["deployment_id"] = str(client.read_deployment_by_name(name).id)
    if notify is not None and alerts is not None:
        made["actions"].append({"type": "send-notification", "block_document_id": alerts, **_filled(notify)})
    if not made["actions"]:
        made["actions"].append({"type": "do-nothing"})
    return AutomationCore.model_validate(made)


def _missing(stated: dict[str, Any], client: "SyncPrefectClient") -> str | None:
    """Return the name of a deployment that an automation starts and that is not on the server."""
    from prefect.exceptions import ObjectNotFound

    for action in stated["actions"]:
        if (name := action.get("deployment")) is not None:
            try:
                client.read_deployment_by_name(name)
            except ObjectNotFound:
                return str(name)
    return None


def _filled(value: Any) -> Any:
    """Return a value of a file with what `@` stands for."""
    match value:
        case "@pools":
            return [pool["name"] for pool in pools()]
        case "@dead_after_s":
            return dead_after_s()
        case str():
            return value.replace("@dead_after_s", str(dead_after_s()))
        case dict():
            return {name: _filled(one) for name, one in value.items()}
        case list():
            return [_filled(one) for one in value]
    return value


def _plain(automation: "Automation | AutomationCore") -> Any:
    """Return what is compared of an automation."""
    kept = {"name", "description", "trigger", "actions"}
    return _sorted(automation.model_dump(mode="json", include=kept))


def _sorted(value: Any) -> Any:
    """Return a value with its sets of words in order; lists of objects are left as they are, as dicts by place."""
    if isinstance(value, dict):
        return {name: _sorted(one) for name, one in value.items()}
    if isinstance(value, list):
        if all(isinstance(one, str) for one in value):
            return sorted(value)
        return {str(place): _sorted(one) for place, one in enumerate(value, start=1)}
    return value


def _alerts(client: "SyncPrefectClient") -> tuple[str | None, str]:
    """Return the id of the block that sends notifications, None where there is none, and that in words."""
    body = {"block_documents": {"is_anonymous": {"eq_": False}}, "include_secrets": False, "limit": 200}
    for one in client.request("POST", "/block_documents/filter", json=body).json():
        if one["name"] == ALERTS:
            if "notify" in one["block_schema"]["capabilities"]:
                kind = one["block_type"]["name"]
                return str(one["id"]), f"notifications: by the block {ALERTS} ({kind})"
            return (
                None,
                f"notifications: none, the block {ALERTS} cannot send them; save one of Slack, mail or another",
            )
    return None, f"notifications: none; save a notification block named {ALERTS} in the UI and run this again"
