"""The form of every deployment says in words what can be chosen, and what must be given."""

import re
from typing import Any

import pytest
from prefect.utilities.callables import parameter_schema

from configs.signatures import flow_cards
from deployments.form import put_into_words

FLOWS = {name: (card.module, card.function) for name, card in flow_cards().items()}


def form_of(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    module, function = FLOWS[name]
    schema = parameter_schema(getattr(__import__(f"flows.{module}", fromlist=[function]), function))
    put_into_words(schema.properties, schema.definitions)
    return schema.properties, schema.definitions


def choices(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, dict):
        return [*schema.get("anyOf", []), *(one for part in schema.values() for one in choices(part))]
    return [one for part in schema for one in choices(part)] if isinstance(schema, list) else []


@pytest.mark.parametrize("name", FLOWS)
def test_every_choice_has_a_title_that_is_no_name_of_a_type_or_class(name: str) -> None:
    properties, definitions = form_of(name)
    for choice in choices([properties, definitions]):
        kind = choice.get("$ref", "").rpartition("/")[2]
        title = definitions[kind]["title"] if kind else choice["title"]
        assert title not in ("str", "int", "float", "bool", "None", "Field", "other"), (name, choice)
        assert not re.search("[a-z][A-Z]", title), f"{title} is the name of a class"


def test_the_word_search_is_called_bm25_and_a_missing_value_none() -> None:
    properties, definitions = form_of("knowledge-base")
    assert [one["title"] for one in properties["collection"]["anyOf"]] == ["text", "none"]
    assert definitions["Files"]["title"] == "files"
    titles = {definition["title"] for definition in definitions.values()}
    assert {"python-docs", "BM25", "weighted"} <= titles


def test_a_required_text_says_so_and_may_be_sent_empty_so_that_the_run_says_why() -> None:
    _, definitions = form_of("knowledge-base")
    path = definitions["Files"]["properties"]["path"]
    assert path["description"].startswith("Required. The folder")
    assert (path["default"], "minLength" in path) == ("", False)
    assert "path" in definitions["Files"]["required"]
