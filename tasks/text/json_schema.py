"""Check JSON against a schema that is looked at as a whole before it is used, and that fetches nothing.

Source: JSON Schema, draft 2020-12, through the library jsonschema. Left alone, it opens the address of a `$ref`.
"""

import json
from collections.abc import Iterator
from typing import Any

SHOWN = 200  # characters of what is wrong
DEEPEST = 100  # schemas inside each other


class SchemaFault(ValueError):
    """A text is no schema that can be checked against."""


def validator(text: str) -> Any:
    """Return the validator of a schema, given as JSON.

    Args:
        text: The schema; `$ref` may name places inside it, as `#/$defs/item`, and nothing else.

    Raises:
        SchemaFault: It is no JSON, no schema, or refers to what is not in it.
    """
    from jsonschema import Draft202012Validator, SchemaError
    from referencing import Registry
    from referencing.exceptions import NoSuchResource, Unresolvable
    from referencing.jsonschema import DRAFT202012

    try:
        stated = json.loads(text)
        Draft202012Validator.check_schema(stated)
    except (ValueError, SchemaError, RecursionError) as error:
        raise SchemaFault(str(error).partition("\n")[0][:SHOWN]) from error
    resource = DRAFT202012.create_resource(stated)
    registry: Any = Registry().with_resource(resource.id() or "", resource)
    resolver = registry.resolver_with_root(resource)
    for ref in _refs(resource):
        try:
            if not ref.startswith("#"):
                raise NoSuchResource(ref)
            target = resolver.lookup(ref).contents
        except (Unresolvable, ValueError, TypeError, LookupError) as error:
            raise SchemaFault(
                f"$ref {ref[:SHOWN]!r} names nothing in the schema; only places inside it are read, as '#/$defs/NAME'"
            ) from error
        if isinstance(target, dict) and target.get("$ref") == ref:
            raise SchemaFault(f"$ref {ref[:SHOWN]!r} names itself")
    return Draft202012Validator(stated, registry=registry)


def _refs(resource: Any, depth: int = 0) -> Iterator[str]:
    """Yield the references of a schema and of those inside it; a property that is called `$ref` is none."""
    if depth > DEEPEST:
        raise SchemaFault(f"it is nested deeper than {DEEPEST}")
    if isinstance(resource.contents, dict):
        yield from (ref for word in ("$ref", "$dynamicRef") if isinstance(ref := resource.contents.get(word), str))
    for part in resource.subresources():
        yield from _refs(part, depth + 1)
