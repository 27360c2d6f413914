import importlib
import pkgutil
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

import configs
from configs.base import Config, NotInCacheKey, Tabs
from configs.generators import LlamaCppModel, LocalModel, ModelServer, VllmModel
from configs.models import CATALOGUE, EMBEDDED

NAMES = sorted(module.name for module in pkgutil.iter_modules(configs.__path__))


class Small(Config):
    """A small thing."""

    kind: Literal["small"] = "small"
    size: int = Field(1, ge=0)
    """How small."""
    where: Annotated[str, NotInCacheKey] = "here"
    """Where it is."""


class Large(Config):
    """A large thing."""

    kind: Literal["large"] = "large"
    """Which it is."""


class Holder(Config):
    """Holds one of two."""

    thing: Annotated[Small | Large, Field(discriminator="kind"), Tabs] = Small()
    """The thing."""
    only: Annotated[Small, Tabs] = Small()
    """A small one."""


def models() -> Iterator[type[Config]]:
    for name in NAMES:
        for value in vars(importlib.import_module(f"configs.{name}")).values():
            if isinstance(value, type) and issubclass(value, Config) and value is not Config:
                yield value


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="sise\n  Extra inputs are not permitted"):
        Small.model_validate({"sise": 1})


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="Instance is frozen"):
        Small().size = 2  # type: ignore[misc]


def test_the_docstring_of_a_field_is_its_help() -> None:
    assert Small.model_json_schema()["properties"]["size"]["description"] == "How small."


def test_fields_are_numbered_as_they_are_declared() -> None:
    properties = Small.model_json_schema()["properties"]
    assert {name: field["position"] for name, field in properties.items()} == {"kind": 0, "size": 1, "where": 2}


def test_a_union_of_variants_is_shown_as_any_of_without_a_discriminator() -> None:
    thing = Holder.model_json_schema()["properties"]["thing"]
    assert [variant["$ref"] for variant in thing["anyOf"]] == ["#/$defs/Small", "#/$defs/Large"]
    assert not {"oneOf", "discriminator"} & set(thing)


def test_a_union_shown_as_tabs_is_still_told_apart_by_its_kind() -> None:
    assert TypeAdapter(Holder).validate_python({"thing": {"kind": "large"}}).thing == Large()


def test_the_marks_change_nothing_of_a_field_that_is_no_union() -> None:
    assert Holder(only=Small(size=2)).only.size == 2
    assert Holder.model_json_schema()["properties"]["only"]["$ref"] == "#/$defs/Small"


def test_unkeyed_fields_are_marked_for_the_key_of_a_step() -> None:
    assert [name for name, f in Small.model_fields.items() if NotInCacheKey in f.metadata] == ["where"]


@pytest.mark.parametrize("model", list(models()), ids=lambda model: f"{model.__module__}.{model.__name__}")
def test_every_config_of_the_project_is_frozen_and_closed(model: type[BaseModel]) -> None:
    assert model.model_config["frozen"]
    assert model.model_config["extra"] == "forbid"


@pytest.mark.parametrize("model", list(models()), ids=lambda model: f"{model.__module__}.{model.__name__}")
def test_the_defaults_of_every_config_are_within_its_own_bounds(model: type[BaseModel]) -> None:
    chosen = {"kind": "transformers", "model": "x"}
    language_model = LocalModel | ModelServer | VllmModel | LlamaCppModel
    of_type: dict[Any, Any] = {str: "http://x", int: 1, float: 0.5, language_model: chosen}
    of_type[tuple[tuple[str, ...], ...]] = (("x",),)
    fields = model.model_fields.items()
    required = {name: of_type.get(f.annotation, ("x",)) for name, f in fields if f.is_required()}
    made = model.model_validate(required)
    assert model.model_validate(made.model_dump()) == made


def test_the_embedded_model_is_in_the_catalogue_with_a_digest_and_a_threshold() -> None:
    card = CATALOGUE[EMBEDDED]
    assert len(card.sha256) == 64
    assert card.package
    assert -1 <= (card.no_answer_below or -2) <= 1
