"""What `prefect deploy --all` will find: entrypoints, parameters, pools, and no path of any machine."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from configs.resolve import resolve
from configs.signatures import FlowCard, flow_cards
from deployments.deploy import stated

ROOT = Path(__file__).parents[2]
STATED = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))
DEPLOYMENTS: list[dict[str, Any]] = STATED["deployments"]
NAMES = [d["name"] for d in DEPLOYMENTS]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=NAMES)
def test_the_entrypoint_is_a_flow_of_an_installed_module(deployment: dict[str, Any]) -> None:
    module, _, function = deployment["entrypoint"].rpartition(".")
    flow = getattr(importlib.import_module(module), function)
    assert flow.name in flow_cards()


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=NAMES)
def test_the_parameters_fit_the_flow(deployment: dict[str, Any]) -> None:
    name = deployment["entrypoint"].rpartition(".")[2].replace("_", "-")
    model = flow_cards()[name].parameters()
    unknown = set(deployment.get("parameters", {})) - set(model.model_fields)
    assert not unknown
    if name not in ("rag-answers", "semantic-search"):
        model.model_validate(deployment.get("parameters", {}))


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=NAMES)
def test_the_work_pool_is_one_that_bootstrap_makes(deployment: dict[str, Any]) -> None:
    pools = {json.loads(p.read_text("utf-8"))["name"] for p in (ROOT / "deployments" / "pools").glob("*.json")}
    assert deployment["work_pool"]["name"] in pools


PRESETS = [(card, preset) for card in flow_cards().values() for preset in card.presets]


@pytest.mark.parametrize(("card", "preset"), PRESETS, ids=[f"{card.name}-{preset}" for card, preset in PRESETS])
def test_the_deployment_of_a_preset_is_called_as_the_preset_is(card: FlowCard, preset: str) -> None:
    (found,) = [one for one in stated() if one.name == f"{card.name}-{preset.replace('_', '-')}"]
    parameters = json.loads(json.dumps(found.parameters, ensure_ascii=False).encode().decode())  # as they travel
    given = card.parameters().model_validate(parameters)
    assert given.model_dump() == resolve(card, [f"@{preset}"]).model_dump()


def test_training_and_what_encodes_or_generates_much_has_a_deployment_on_the_pool_of_gpus() -> None:
    found = {one.name: one.pool for one in stated() if one.name.endswith("-gpu")}
    assert set(found.values()) == {"gpu"}
    assert {"tune-embedder-gpu", "tune-generator-gpu", "tune-classifier-gpu", "knowledge-base-gpu"} <= set(found)


def test_every_flow_has_a_deployment_of_its_name_and_no_name_is_there_twice() -> None:
    names = [one.name for one in stated()]
    assert set(flow_cards()) <= set(NAMES)
    assert len(set(names)) == len(names)
    assert all(one.description for one in stated())


def test_the_nightly_schedule_waits_until_it_is_switched_on_and_prefect_deploy_does_not_touch_it() -> None:
    schedules = [s for d in DEPLOYMENTS for s in d.get("initial_schedules", [])]
    assert [s["slug"] for s in schedules] == ["nightly"]
    assert not any(s["active"] for s in schedules)
    assert not any("schedules" in d for d in DEPLOYMENTS)


@pytest.mark.parametrize(
    "path", sorted([ROOT / "prefect.yaml", *(ROOT / "deployments").rglob("*.json")]), ids=lambda p: p.name
)
def test_no_machine_path_is_written_down(path: Path) -> None:
    assert not re.search(r"(?<![\w:/])/(?:home|root|Users|work|tmp|opt|var)/", path.read_text("utf-8"))
