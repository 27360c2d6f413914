"""What `prefect deploy --all` will find: entrypoints, parameters, pools, and no path of any machine."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from configs.resolve import resolve
from configs.signatures import flow_cards

ROOT = Path(__file__).parents[2]
STATED = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))
DEPLOYMENTS: list[dict[str, Any]] = STATED["deployments"]
NAMES = [f"{d['entrypoint'].rpartition('.')[2]}/{d['name']}" for d in DEPLOYMENTS]


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


def test_a_deployment_named_like_a_preset_equals_it() -> None:
    for deployment in DEPLOYMENTS:
        card = flow_cards()[deployment["entrypoint"].rpartition(".")[2].replace("_", "-")]
        if deployment["name"] in card.presets:
            call = resolve(card, [f"@{deployment['name']}"]).model_dump(mode="json")
            assert deployment["parameters"] == {name: call[name] for name in deployment["parameters"]}


def test_every_flow_has_a_cpu_deployment() -> None:
    assert {n for n in NAMES if n.endswith("/cpu")} == {f"{c.function}/cpu" for c in flow_cards().values()}


def test_the_nightly_schedule_waits_until_it_is_switched_on() -> None:
    schedules = [s for d in DEPLOYMENTS for s in d.get("schedules", [])]
    assert [s["slug"] for s in schedules] == ["nightly"]
    assert not any(s["active"] for s in schedules)


@pytest.mark.parametrize(
    "path", sorted([ROOT / "prefect.yaml", *(ROOT / "deployments").rglob("*.json")]), ids=lambda p: p.name
)
def test_no_machine_path_is_written_down(path: Path) -> None:
    assert not re.search(r"(?<![\w:/])/(?:home|root|Users|work|tmp|opt|var)/", path.read_text("utf-8"))
