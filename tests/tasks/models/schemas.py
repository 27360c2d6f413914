"""Five JSON Schemas: nested lists, enums, bounds, a pattern, and what may be left out."""

from typing import Any

TEXT = {"type": "string"}


def _object(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


SCHEMAS: dict[str, dict[str, Any]] = {
    "nested": _object("rows", rows={"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}),
    "enums": _object("name", kind={"enum": ["lamp", "bread", None]}, name={"enum": ["red", "blue"]}),
    "bounds": _object("age", age={"type": "integer", "minimum": 18, "maximum": 99},
                      share={"type": "number", "minimum": 0, "maximum": 1}),
    "pattern": _object("id", id={"type": "string", "pattern": "^[A-Z]{2}[0-9]{2,4}$"}),
    "optional": _object("name", name={"type": "string", "maxLength": 40}, ok={"type": "boolean"},
                        tags={"type": "array", "items": TEXT, "maxItems": 4},
                        items={"type": "array", "items": _object("id", id={"type": "integer"}, name=TEXT)}),
}  # fmt: skip
