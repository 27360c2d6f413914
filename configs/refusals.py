"""The sentences a call that does not fit is refused with: the name, what stands there, and what can stand there."""

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

NEEDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", type(None): "null"}
PATTERNS = {
    r"^[^=]+=": "name=value",
    r"\w": "a letter or a digit",
}  # what a pattern of a field means, where that is said in words
PASSWORD = re.compile(r"(?i)(\w://)[^/\s]*@")
QUERY = re.compile(r"(?i)(\w://[^\s?#]*[?#])\S+")
SHOWN = 60  # characters of a value
NEAR = 4  # names that are suggested


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that a value of a type may be of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is Annotated:
        yield from models_in(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from models_in(member)


def nearest(name: str, known: Sequence[str]) -> list[str]:
    """Return the names that may be meant: those whose last part is equal, then those that are spelt alike."""
    last = name.rpartition(".")[2]
    ends = {k: k.rpartition(".")[2] for k in known}
    equal = [k for k in known if ends[k] == last]
    alike = difflib.get_close_matches(name, known, NEAR, 0.7)
    for end in difflib.get_close_matches(last, sorted(set(ends.values())), NEAR, 0.8):
        alike += [k for k in known if ends[k] == end]
    return list(dict.fromkeys([*equal, *alike]))[:NEAR]


def unreadable(name: str, text: str, types: Sequence[Any]) -> str:
    """Say what a field needs of which the value written is no JSON."""
    needs = list(dict.fromkeys(map(_needed, types)))
    way = ""
    if any(need.startswith(("a list", "lists")) for need in needs):
        entry = "[1, 2]" if any(_listed(t) in (int, float) for t in types) else json.dumps([_entry(text, types)])
        way = f": {name}='{entry}', or {name}=@FILE with one a line"
    elif any(need.startswith("an object") for need in needs):
        way = f": {name}='{{...}}', or one of its fields by {name}.FIELD=..."
    return f"{name} is {brief(text)!r} but needs {' or '.join(needs)}{way}"


def _entry(text: str, types: Sequence[Any]) -> Any:
    """Return an entry of a list as it may be written: a text, or an object of the kind named, else of the first."""
    kinds = [kind for t in types for model in models_in(_listed(t)) if (kind := kind_of(model)) is not None]
    return {"kind": text if text in kinds else kinds[0]} if kinds else brief(text)


def refused(error: ValidationError, model: type[BaseModel], flow: str) -> str:
    """Say the first thing that does not fit.

    Args:
        error: What pydantic found.
        model: The parameters of the flow.
        flow: Name of the flow.
    """
    first = error.errors()[0]
    place, kind, given = first["loc"], first["type"], first["input"]
    name, context = _written_as(place, model), first.get("ctx", {})
    more = f"see python -m flows {flow} --help"
    if kind == "missing":
        return f"{flow} needs {name}=...; {more}"
    if kind == "extra_forbidden":
        return f"{_foreign(place, model)}; {more}"
    if kind == "union_tag_invalid":
        return (
            f"{name}.kind is {brief(context['tag'])!r}; it is one of {context['expected_tags'].replace(chr(39), '')}"
        )
    if kind == "union_tag_not_found":
        return f"{name} has no kind, which says what {name} is; set {name}.kind to one of {_kinds(_at(place, model))}"
    if kind == "string_pattern_mismatch" and context["pattern"] in PATTERNS:
        return f"{name} is {brief(repr(given))} but needs {PATTERNS[context['pattern']]}; {more}"
    if kind == "value_error" and isinstance(given, dict):  # fields that do not fit together: the sentence names them
        said = first["msg"].removeprefix("Value error, ")
        return f"{said}; {more}" if name in ("", "config") else f"{name}: {said}; {more}"
    shown = brief(repr(given))
    return f"{name} is {shown} but: {first['msg'].removeprefix('Value error, ')}; {more}"


def _foreign(place: Sequence[int | str], model: type[BaseModel]) -> str:
    """Say of a field that is not there which kind stands in its place, and which kinds have it."""
    *above, field = place
    name, inside = _written_as(above, model), _written_as(place, model, last=True)
    siblings = _at(above, model)
    if not siblings or kind_of(siblings[0]) is None or len(siblings) < 2:
        known = [key for sibling in siblings for key in sibling.model_fields]
        near = difflib.get_close_matches(str(field), known, NEAR, 0.6) or known[:8]
        return f"{inside} is no field; {name or 'a call'} has {', '.join(near)}"
    having = [kind_of(sibling) for sibling in siblings if str(field) in sibling.model_fields]
    said = f"{inside} cannot be set: {name}.kind is {above[-1]}, which has no {field}"
    if not having:
        mine = next(s for s in siblings if kind_of(s) == above[-1])
        near = nearest(str(field), list(mine.model_fields))
        return f"{said}; perhaps {name}.{near[0]}" if near else said
    return f"{said}; set {' or '.join(f'{name}.kind={kind}' for kind in having)}"


def kind_of(model: type[BaseModel]) -> str | None:
    """Return what tells a variant apart from others; nothing of a model without a kind."""
    stated = model.model_fields.get("kind")
    return None if stated is None else str(stated.default)


def _kinds(models: Sequence[type[BaseModel]]) -> str:
    return ", ".join(str(kind_of(model)) for model in models)


def _walked(place: Sequence[int | str], model: type[BaseModel]) -> Iterator[tuple[str, list[Any]]]:
    """Yield the parts of a place that a user writes, each with the types below it; tags of variants are left out."""
    types: list[Any] = [model]
    for part in place:
        models = [inner for t in types for inner in models_in(t)]
        if isinstance(part, int):
            types = [t for outer in types for t in _entries(outer)]
            yield str(part), types
        elif infos := [m.model_fields[part] for m in models if part in m.model_fields]:
            types = [info.annotation for info in infos]
            yield part, types
        elif part in map(kind_of, models):
            types = [m for m in models if kind_of(m) == part]


def _at(place: Sequence[int | str], model: type[BaseModel]) -> list[type[BaseModel]]:
    """Return the models that can stand at a place, the variants that were not chosen among them."""
    types: list[Any] = [model]
    for _, found in _walked(place, model):
        types = found
    return [inner for t in types for inner in models_in(t)]


def _entries(annotation: Any) -> Iterator[Any]:
    """Yield the types that entries of a list may have."""
    if get_origin(annotation) in (tuple, list):
        yield get_args(annotation)[0]
    elif get_origin(annotation) in (Annotated, Union, UnionType):
        for member in get_args(annotation):
            yield from _entries(member)


def _written_as(place: Sequence[int | str], model: type[BaseModel], last: bool = False) -> str:
    """Return the name a user writes for a place: without `config`, without tags; with its last part, known or not."""
    names = [part for part, _ in _walked(place, model)]
    if last:
        names = [part for part, _ in _walked(place[:-1], model)] + [str(place[-1])]
    return ".".join(names[1:] if names[:1] == ["config"] and len(names) > 1 else names)


def _needed(annotation: Any) -> str:
    """Return in words what a type takes."""
    if annotation in NEEDS:
        return NEEDS[annotation]
    origin, members = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return "one of " + ", ".join(map(str, members))
    if origin is Annotated:
        return _needed(members[0])
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(_needed, members)))
    if origin in (tuple, list):
        return f"a list of {plural(members[0])}"
    return "an object in JSON"


def plural(annotation: Any) -> str:
    """Return in words what several values of a type are, as `whole numbers`."""
    if annotation in NEEDS and annotation is not bool:
        return NEEDS[annotation].removeprefix("a ") + "s"
    if get_origin(annotation) is Annotated:
        return plural(get_args(annotation)[0])
    if get_origin(annotation) in (tuple, list):
        return f"lists of {plural(get_args(annotation)[0])}"
    if get_origin(annotation) is Literal:
        return _needed(annotation)
    return "objects"


def _listed(annotation: Any) -> Any:
    """Return the type of the entries of a list; nothing of what is none."""
    return next(iter(_entries(annotation)), None)


def brief(value: Any) -> str:
    """Return a value as text, its beginning where that is long, without password and query of an address."""
    text = QUERY.sub(r"\1[hidden]", PASSWORD.sub(r"\1[hidden]@", str(value)))
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
