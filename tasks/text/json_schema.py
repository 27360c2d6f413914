"""Check JSON against a schema that is looked at as a whole before it is used, and that fetches nothing.

Source: JSON Schema, draft 2020-12, through the library jsonschema. Left alone, it opens the address of a `$ref`.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import regex

FENCE = re.compile(r"\A\s*```(?:json)?[ \t]*\n(.*)\n\s*```\s*\Z", re.DOTALL)
SHOWN = 200  # characters of what is wrong
DEEPEST = 100  # schemas inside each other
PATTERN_S = 1.0  # seconds that a pattern may take on one text
BRACKETS = 60  # nesting of brackets of a text that is read


class SchemaFault(ValueError):
    """A text is no schema that can be checked against."""


@dataclass(frozen=True, slots=True)
class JsonText:
    """A text read as JSON that a schema accepts.

    Attributes:
        text: The JSON in one way of writing; empty where it is not accepted.
        reason: not_json or not_in_schema; empty where it is accepted.
        detail: What is wrong, in words.
    """

    text: str
    reason: str = ""
    detail: str = ""


def read_json(text: str, schema: str) -> JsonText:
    """Read a text as JSON and check it against a schema; the marks of code around it go.

    Args:
        text: As a model wrote it.
        schema: As `validator` takes it.

    Raises:
        SchemaFault: The schema cannot be used.
    """
    fenced = FENCE.match(text)
    bare = fenced[1] if fenced else text
    if _depth(bare) > BRACKETS:
        return JsonText("", "not_json", f"it is nested deeper than {BRACKETS}")
    try:
        value = _loaded(bare)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return JsonText("", "not_json", "it holds half a character (a lone surrogate)")
    except (ValueError, RecursionError) as error:
        return JsonText("", "not_json", f"it is not JSON ({error})")
    try:
        broken = next(iter(sorted(validator(schema).iter_errors(value), key=lambda e: list(map(str, e.path)))), None)
    except RecursionError:
        return JsonText("", "not_in_schema", "it goes round and round the schema's references")
    except TimeoutError:
        return JsonText("", "not_in_schema", f"a pattern of the schema takes over {PATTERN_S:g} s; simplify it")
    if broken is not None:
        place = "/".join(map(str, broken.absolute_path)) or "it"
        return JsonText("", "not_in_schema", f"{place}: {broken.message[:SHOWN]}")
    return JsonText(json.dumps(value, ensure_ascii=False))


def _loaded(text: str) -> Any:
    """Return what JSON says; Python's own would take NaN, and numbers that no float holds as infinity."""
    return json.loads(text, parse_constant=_no_constant, parse_float=_finite)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError(f"{digits[:20]} is too large for a number")
    return number


def _depth(text: str) -> int:
    deepest = depth = 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    return deepest


def validator(text: str) -> Any:
    """Return the validator of a schema, given as JSON.

    Args:
        text: The schema; `$ref` may name places inside it, as `#/$defs/item`, and nothing else.

    Raises:
        SchemaFault: It is no JSON, no schema, or refers to what is not in it.
    """
    from jsonschema import Draft202012Validator, SchemaError, validators
    from referencing import Registry
    from referencing.exceptions import NoSuchResource, Unresolvable
    from referencing.jsonschema import DRAFT202012

    try:
        stated = _loaded(text)
        Draft202012Validator.check_schema(stated)
    except RecursionError as error:
        raise SchemaFault("it is nested too deep") from error
    except (ValueError, SchemaError) as error:
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
    return validators.extend(Draft202012Validator, {"pattern": _pattern})(stated, registry=registry)


def _pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[Any]:
    """Yield an error where a text has no match of a pattern; one that takes for ever is given up."""
    from jsonschema import ValidationError

    if isinstance(value, str) and not regex.search(pattern, value, timeout=PATTERN_S):
        yield ValidationError(f"{value[:SHOWN]!r} does not match {pattern[:SHOWN]!r}")


def _refs(resource: Any, depth: int = 0) -> Iterator[str]:
    """Yield the references of a schema and of those inside it; a property that is called `$ref` is none."""
    if depth > DEEPEST:
        raise SchemaFault(f"it is nested deeper than {DEEPEST}")
    if isinstance(resource.contents, dict):
        yield from (ref for word in ("$ref", "$dynamicRef") if isinstance(ref := resource.contents.get(word), str))
    for part in resource.subresources():
        yield from _refs(part, depth + 1)
