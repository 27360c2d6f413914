import json
import socket
from typing import Any

import jsonschema
import pytest

from tasks.errors import ContractError
from tasks.models.generators.response_format import schema_format
from tasks.text.json_schema import SchemaFault, read_json, validator

TREE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "parts": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["name"],
}
ORDER = {
    "$defs": {"price": {"type": "number", "minimum": 0}, "line": {"properties": {"price": {"$ref": "#/$defs/price"}}}},
    "type": "array",
    "items": {"$ref": "#/$defs/line"},
}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (TREE, {"name": "a", "parts": [{"name": "b"}]}),
        (TREE, {"name": "a", "parts": [{"nam": "b"}]}),
        (ORDER, [{"price": 3}]),
        (ORDER, [{"price": -3}]),
        ({"properties": {"$ref": {"type": "string"}}}, {"$ref": "https://example.org/"}),
    ],
)
def test_the_verdict_is_that_of_the_library(schema: Any, value: Any) -> None:
    wanted = jsonschema.Draft202012Validator(schema).is_valid(value)
    assert validator(json.dumps(schema)).is_valid(value) == wanted


@pytest.mark.parametrize(
    "ref",
    ["http://127.0.0.1:9/s.json", "https://example.org/s", "file:///etc/passwd", "other.json", "#/nope", "#/$defs/9"],
)
def test_a_reference_that_leads_out_or_nowhere_is_said_before_anything_is_fetched(
    monkeypatch: pytest.MonkeyPatch, ref: str
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "create_connection", refuse)
    schema = {"properties": {"a": {"items": {"anyOf": [{"type": "null"}, {"$ref": ref}]}}}}
    with pytest.raises(SchemaFault, match="names nothing in the schema"):
        validator(json.dumps(schema))
    with pytest.raises(ContractError, match="names nothing in the schema"):
        schema_format(schema)


@pytest.mark.parametrize("text", ["{", "[1]", '{"type": "strin"}', '{"$ref": "#"}', "[" * 5_000])
def test_what_is_no_schema_is_refused(text: str) -> None:
    with pytest.raises(SchemaFault):
        validator(text)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ('{"n": 1e400}', "too large for a number"),
        ('{"n": NaN}', "not a JSON number"),
        ('{"w": "x\\ud800"}', "half a character"),
    ],
)
def test_what_json_cannot_hold_is_no_reply(reply: str, said: str) -> None:
    found = read_json(reply, '{"type": "object"}')
    assert (found.text, found.reason, said in found.detail) == ("", "not_json", True)


@pytest.mark.slow
def test_a_pattern_that_takes_for_ever_is_given_up() -> None:
    schema = '{"type": "object", "properties": {"w": {"type": "string", "pattern": "^(a|a)*$"}}}'
    assert read_json('{"w": "aaa"}', schema).reason == ""
    assert read_json('{"w": "b"}', schema).reason == "not_in_schema"
    assert "simplify" in read_json(json.dumps({"w": "a" * 60 + "!"}), schema).detail


def test_a_schema_that_is_no_json_is_refused() -> None:
    with pytest.raises(SchemaFault, match="not a JSON number"):
        validator('{"type": "number", "minimum": NaN}')
