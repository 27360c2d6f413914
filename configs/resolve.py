"""From words of a command line to the parameters of a flow.

Precedence, in one sentence: the defaults, then presets from left to right (merged deeply, lists replaced), then
`name=value`, each name once. The first part of a name is a parameter of the flow, else a field of its `config`; the
value is text where the field is text, else JSON; `name=@file` reads one item a line. Setting `kind` to another variant
discards what was set in that place before.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from configs.refusals import models_in, nearest, refused, unreadable
from configs.signatures import PRESETS, FlowCard, flow_cards

LONGEST_LIST = 64_000_000  # bytes of a file given as name=@file
HALF = re.compile("[\ud800-\udfff]")

Tree = dict[str, Any]


class WrongCall(Exception):
    """The words of a call do not fit the flow; the message is for the user."""


def card_of(name: str, commands: Sequence[str] = ()) -> FlowCard:
    """Return the card of a flow.

    Args:
        name: Name of the flow, as a command line has it.
        commands: What else the name could have been meant for.

    Raises:
        WrongCall: No flow has that name.
    """
    cards = flow_cards()
    if name not in cards:
        near = nearest(name, [*cards, *commands])
        hint = f"perhaps {' or '.join(near)}; " if near else ""
        kind = "flow or command" if commands else "flow"
        raise WrongCall(f"there is no {kind} {name!r}; {hint}python -m flows lists them")
    return cards[name]


def resolve(card: FlowCard, words: Sequence[str]) -> BaseModel:
    """Return the parameters of a flow as a call states them.

    Args:
        card: The flow.
        words: `@preset` and `name=value`, in the order written.

    Raises:
        WrongCall: A word is neither, a preset does not exist, a name is no field or is set twice, or a value does not
            fit.
    """
    model = card.parameters()
    tree = defaults(model)
    for word in (w for w in words if w.startswith("@")):
        merge(tree, placed(model, load_preset(card, word[1:])))
    said: set[tuple[str, ...]] = set()
    for word in (w for w in words if not w.startswith("@")):
        name, equals, text = word.partition("=")
        if not equals:
            raise WrongCall(f"{word!r} is neither @preset nor name=value; see python -m flows {card.name} --help")
        path = _path(model, name, card)
        if tuple(path) in said:
            raise WrongCall(f"{name} is set twice; leave one of the two out")
        said.add(tuple(path))
        fill_null(model, tree, path)
        value = _parse(text, _field_types(model, path), name)
        if not _whole(value):
            raise WrongCall(f"{name} holds half a character (a lone surrogate); give text in UTF-8")
        merge(tree, nested(path, value))
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise WrongCall(refused(error, model, card.name)) from error


def defaults(model: type[BaseModel]) -> Tree:
    """Return the defaults of a flow's parameters as a tree, so that a change merges into the variant they choose."""
    stated = {name: info.default for name, info in model.model_fields.items()}
    return {name: value.model_dump() for name, value in stated.items() if isinstance(value, BaseModel)}


def fill_null(model: type[BaseModel], tree: Tree, path: Sequence[str]) -> None:
    """Put the defaults of a config where there is none and a field below it is set, so that the others keep theirs.

    Args:
        model: What the tree is made for.
        tree: Changed in place.
        path: Of the field that is set. Where a place may hold one of several kinds, nothing is put there.
    """
    place: Any = tree
    for name in path[:-1]:
        annotation = model.model_fields[name].annotation if name in model.model_fields else None
        found = [a for a in (annotation, *get_args(annotation)) if isinstance(a, type) and issubclass(a, BaseModel)]
        if len(found) != 1 or not isinstance(place, dict):
            return
        model = found[0]
        if place.get(name) is None:
            try:
                place[name] = model().model_dump()
            except ValidationError:  # some fields must be given
                return
        place = place[name]


def load_preset(card: FlowCard, name: str) -> Tree:
    """Read a preset of a flow.

    Raises:
        WrongCall: There is no such preset.
    """
    if name not in card.presets:
        raise WrongCall(
            f"{card.name} has no preset @{name}; it has {', '.join('@' + p for p in card.presets) or 'none'}"
        )
    return yaml.safe_load((PRESETS / card.module / f"{name}.yaml").read_text("utf-8")) or {}


def placed(model: type[BaseModel], tree: Tree) -> Tree:
    """Put what is no parameter of the flow below `config`, as names on the command line are."""
    parameters = {name: value for name, value in tree.items() if name in model.model_fields}
    rest = {name: value for name, value in tree.items() if name not in model.model_fields}
    return merge(parameters, {"config": rest}) if rest else parameters


def merge(base: Tree, change: Mapping[str, Any]) -> Tree:
    """Merge a tree into another in place; another `kind` replaces the place whole."""
    if "kind" in change and change["kind"] != base.get("kind", change["kind"]):
        base.clear()
    for name, value in change.items():
        if isinstance(value, Mapping) and isinstance(base.get(name), dict):
            merge(base[name], value)
        else:
            base[name] = dict(value) if isinstance(value, Mapping) else value
    return base


def nested(path: Sequence[str], value: Any) -> Tree:
    """Return a tree that holds a value at a path."""
    for name in reversed(path):
        value = {name: value}
    return dict(value)


def fields_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any, Any, str]]:
    """Yield (dotted name, type, default, help) of every field that can be set, variants after their `kind`."""
    for name, info in model.model_fields.items():
        variants = list(models_in(info.annotation))
        if not variants:
            words = info.description or (" ".join((model.__doc__ or "").split()) if name == "kind" else "")
            yield prefix + name, info.annotation, info.default, words
        for variant in variants:
            yield from fields_of(variant, f"{prefix}{name}.")


def _path(model: type[BaseModel], name: str, card: FlowCard) -> list[str]:
    parts = name.split(".")
    path = parts if parts[0] in model.model_fields else ["config", *parts]
    if not _field_types(model, path):
        known = sorted({n.removeprefix("config.") for n, *_ in fields_of(model)})
        near = nearest(name, known) or [k for k in known if k.startswith(f"{parts[0]}.")][:4]
        hint = f"; perhaps {', '.join(near)}" if near else ""
        raise WrongCall(f"{card.name} has no {name!r}{hint}; see python -m flows {card.name} --help")
    return path


def _field_types(model: type[BaseModel], path: Sequence[str]) -> list[Any]:
    """Return the types a field may have, over all variants on the way to it."""
    info = model.model_fields.get(path[0])
    if info is None:
        return []
    if len(path) == 1:
        return [info.annotation]
    return [t for variant in models_in(info.annotation) for t in _field_types(variant, path[1:])]


def _parse(text: str, types: Sequence[Any], name: str) -> Any:
    """Read a value: a file's lines, text where text fits, else JSON."""
    if text.startswith("@"):
        return _lines(Path(os.path.expanduser(text[1:])), name)
    if any(_takes_text(t) for t in types) and not (text == "null" and any(type(None) in get_args(t) for t in types)):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WrongCall(unreadable(name, text, types)) from error


def _whole(value: Any) -> bool:
    """Return whether all texts of a value can be written: none holds half a character."""
    if isinstance(value, (dict, list)):
        return all(map(_whole, [*value, *value.values()] if isinstance(value, dict) else value))
    return not isinstance(value, str) or HALF.search(value) is None


def _lines(path: Path, name: str) -> list[str]:
    try:
        with path.open("rb") as file:  # a device has no end
            content = file.read(LONGEST_LIST + 1)
        if len(content) > LONGEST_LIST:
            raise WrongCall(f"{name}=@{path} has more than {LONGEST_LIST:,} bytes; give a shorter file, or several")
        return [line for line in content.decode("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise WrongCall(f"{name}=@{path} cannot be read ({error}); give a text file, one item a line") from error


def _takes_text(annotation: Any) -> bool:
    if annotation is str:
        return True
    origin = get_origin(annotation)
    if origin in (Union, UnionType, Annotated):
        return any(_takes_text(member) for member in get_args(annotation))
    return str(origin).endswith("Literal") and any(isinstance(value, str) for value in get_args(annotation))
