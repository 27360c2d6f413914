"""Every preset fits the flow of its own folder, and every flow has a quick one."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from configs.resolve import resolve
from configs.signatures import PRESETS, flow_cards

REQUIRED = {"rag-answers": ["question=x"], "semantic-search": ['queries=["x"]']}
PATHS = sorted(PRESETS.glob("*/*.yaml"))
BY_MODULE = {card.module: card for card in flow_cards().values()}


@pytest.mark.parametrize("path", PATHS, ids=[f"{p.parent.name}/{p.stem}" for p in PATHS])
def test_a_preset_fits_its_flow(path: Path) -> None:
    card = BY_MODULE[path.parent.name]
    resolve(card, [f"@{path.stem}", *REQUIRED.get(card.name, [])])


@pytest.mark.parametrize("path", PATHS, ids=[f"{p.parent.name}/{p.stem}" for p in PATHS])
def test_a_preset_says_only_what_differs_from_the_defaults(path: Path) -> None:
    card = BY_MODULE[path.parent.name]
    plain = resolve(card, REQUIRED.get(card.name, [])).model_dump(mode="json")
    stated: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    for name, value in stated.items():
        assert value != (plain if name in plain else plain["config"])[name], f"{name} is the default; leave it out"


@pytest.mark.parametrize("module", sorted(BY_MODULE))
def test_every_flow_has_a_quick_preset(module: str) -> None:
    assert (PRESETS / module / "quick.yaml").is_file()


def test_every_preset_folder_belongs_to_a_flow() -> None:
    assert {p.parent.name for p in PATHS} == set(BY_MODULE)
