"""Only what goes over the network is tried again: a step that failed would fail again, and would hide that it did."""

import importlib

import pytest

from configs.signatures import flow_cards
from tests.architecture.test_devices import STEPS


@pytest.mark.parametrize("name", sorted(STEPS))
def test_no_step_is_run_again_by_prefect(name: str) -> None:
    task = STEPS[name].task
    assert not task.retries
    assert task.retry_condition_fn is None


@pytest.mark.parametrize("name", sorted(flow_cards()))
def test_no_flow_is_run_again_by_prefect(name: str) -> None:
    card = flow_cards()[name]
    assert not getattr(importlib.import_module(f"flows.{card.module}"), card.function).retries
