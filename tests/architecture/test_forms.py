"""The Prefect form of every flow shows every field, with its help, in order."""

import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from prefect.utilities.callables import parameter_schema
from pydantic import BaseModel

from configs.resolve import fields_of
from configs.signatures import FlowCard, flow_cards

CARDS = list(flow_cards().values())


def flow_of(card: FlowCard) -> Any:
    return getattr(importlib.import_module(f"flows.{card.module}"), card.function)


@cache
def form_of(name: str) -> dict[str, Any]:
    """Return the form that Prefect makes of a flow, which several tests read."""
    schema: dict[str, Any] = parameter_schema(flow_of(flow_cards()[name])).model_dump()
    return schema


def definitions(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (model, field, schema of the field) for every model of a form."""
    for name, model in schema.get("definitions", {}).items():
        for field, stated in model.get("properties", {}).items():
            yield name, field, stated


@pytest.fixture(params=CARDS, ids=[c.name for c in CARDS])
def card(request: pytest.FixtureRequest) -> FlowCard:
    found: FlowCard = request.param
    return found


def test_the_form_has_exactly_the_parameters_of_the_flow_with_config_last(card: FlowCard) -> None:
    schema = form_of(card.name)
    names = list(inspect.signature(flow_of(card).fn).parameters)
    assert list(schema["properties"]) == names
    assert names[-1] == "config"


def test_every_parameter_has_a_help_text(card: FlowCard) -> None:
    schema = form_of(card.name)
    assert all(stated.get("description") for stated in schema["properties"].values())
    assert set(card.help) == set(schema["properties"])


def test_every_field_but_kind_has_a_type_and_a_help_text(card: FlowCard) -> None:
    schema = form_of(card.name)
    for model, field, stated in definitions(schema):
        assert {"type", "anyOf", "allOf", "$ref", "enum", "const"} & set(stated), f"{model}.{field} is Any"
        assert field == "kind" or stated.get("description"), (
            f"{model}.{field} has no help; where there is some, it must differ from the docstring of the config "
            "it holds, for the form shows equal ones once"
        )


def test_fields_are_shown_in_the_order_they_are_written_in(card: FlowCard) -> None:
    schema = form_of(card.name)
    for name, model in schema["definitions"].items():
        positions = [stated["position"] for stated in model["properties"].values()]
        assert positions == list(range(len(positions))), name


def test_variants_are_shown_as_tabs_with_titles_that_differ(card: FlowCard) -> None:
    schema = form_of(card.name)
    everything = [*schema["properties"].values(), *(stated for _, _, stated in definitions(schema))]
    assert not [stated for stated in everything if "oneOf" in stated], "the form knows anyOf only"
    titles = [model["title"] for model in schema["definitions"].values()]
    assert len(titles) == len(set(titles))


def test_the_launcher_reads_the_same_signature_as_python_does(card: FlowCard) -> None:
    model = card.parameters()
    signature = inspect.signature(flow_of(card).fn, eval_str=True)
    assert list(model.model_fields) == list(signature.parameters)
    for name, parameter in signature.parameters.items():
        info = model.model_fields[name]
        assert info.is_required() == (parameter.default is inspect.Parameter.empty)
        if not info.is_required():
            assert info.default == parameter.default


def test_no_config_field_bears_the_name_of_a_flow_parameter(card: FlowCard) -> None:
    model = card.parameters()
    config = model.model_fields["config"].annotation
    assert isinstance(config, type)
    assert issubclass(config, BaseModel)
    assert not set(model.model_fields) & set(config.model_fields)


def test_every_default_can_be_named_on_the_command_line(card: FlowCard) -> None:
    assert all("." in name or name in card.help for name, *_ in fields_of(card.parameters()))
