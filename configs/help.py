"""What `--help` prints of a flow: an overview of at most 60 lines, any place in it opened, or everything.

The overview shows what a user sets first, by this rule: every parameter of the flow, every field of its config by one
entry, and of what lies deeper the fields that are marked `Common` where they are declared and exist without choosing
another `kind`. `--help NAME` opens the rest a level at a time.
"""

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from configs.places import REQUIRED, Place, Variant, find, name_of, on_default_route, parameters, sections, walk
from configs.refusals import nearest, plural
from configs.resolve import WrongCall, load_preset
from configs.signatures import FlowCard

SIMPLE = {str: "text", int: "whole number", float: "number", bool: "true | false", type(None): "null"}
NAMES = 24  # columns at most of the names that stand before what is said of them
Lines = Iterator[str]


def overview(card: FlowCard, width: int) -> Lines:
    """Yield what a user sets first."""
    yield from _wrapped(f"{card.name}: {card.line}", width)
    yield from ("", *_examples(card, width))
    if card.presets:
        yield from ("", "Presets, as in `python -m flows " + card.name + " @" + card.presets[0] + "`:")
        yield from _entries([("@" + name, _sentence(card.preset_help(name))) for name in card.presets], width)
    first, fields = parameters(card), sections(card)
    yield from ("", "Parameters, set by name=value:")
    yield from _entries([_short(place) for place in first], width)
    yield from ("", "Fields of the config, set by name=value as well:")
    yield from _entries([_short(place) for place in fields], width)
    common = [place for place in on_default_route([*first, *fields]) if place.common and "." in place.name]
    if common:
        yield from ("", "Within them, set most often:")
        yield from _entries([_short(place, ends=".!?;") for place in common], width)
    yield from ("", *_ways_on([*first, *fields], width))


def opened(card: FlowCard, name: str, width: int) -> Lines:
    """Yield a place, a variant or a preset with all that is said of it.

    Raises:
        WrongCall: There is no such name; near ones are said.
    """
    if name == "config":
        yield from overview(card, width)
        return
    if name.startswith("@"):
        load_preset(card, name[1:])
        yield from (f"{name}: {card.preset_help(name[1:])}", "", card.preset_text(name[1:]).rstrip())
        return
    places = [*parameters(card), *sections(card)]
    parts = name.removeprefix("config.").replace("[]", "").split(".")
    found = list(find(places, parts))
    if not found:
        raise WrongCall(_nothing_there(card, name, places))
    bodies: dict[tuple[str, ...], list[str]] = {}
    for each in found:
        place = each if isinstance(each, Place) else each.place
        bodies.setdefault(tuple(_level(card, each, width)), []).append(" ".join(place.given) or "the default kind")
    for number, (body, given) in enumerate(bodies.items()):
        if number:
            yield ""
        if len(bodies) > 1 or "the default kind" not in given:
            yield from _wrapped(f"With {' or '.join(given)}:", width)
        yield from body


def everything(card: FlowCard, width: int) -> Lines:
    """Yield every place and every variant with all that is said of it."""
    yield from _wrapped(f"{card.name}: {card.line}", width)
    for found in walk([*parameters(card), *sections(card)]):
        if isinstance(found, Place):
            if "." not in found.name:
                yield ""
            yield from _whole(found, width)
        else:
            yield from _wrapped(f"{_choice(found)}: {found.words}", width, "  ")


def listing(cards: Iterable[FlowCard], width: int) -> Lines:
    """Yield the flows, each with what it does and its presets."""
    pairs = [[(card.name, card.line), ("", " ".join("@" + name for name in card.presets))] for card in cards]
    yield from _entries([pair for both in pairs for pair in both], width, indent="")


def usage(text: str, width: int, start: str = "") -> Lines:
    """Yield the lines of a module's docstring that are commands with a remark, those that begin so."""
    for line in text.splitlines():
        command, _, remark = line.strip().partition("  ")
        if command.startswith("python -m flows" + start):
            yield from _wrapped(command, width)
            yield from _wrapped(remark.strip(), width, "    ", "    ")


def shown(value: Any) -> str:
    """Return a value as a call writes it; a config by its kind, a list of configs by theirs."""
    if isinstance(value, BaseModel):
        return str(getattr(value, "kind", ""))
    if isinstance(value, tuple | list) and value and all(isinstance(item, BaseModel) for item in value):
        kinds = [shown(item) for item in value]
        return f"[{', '.join(kinds)}]" if all(kinds) else f"{len(kinds)} entries, see --show"
    if isinstance(value, str) and value.strip() == value != "" and value != "null":
        return value
    return json.dumps(value, ensure_ascii=False)


def _examples(card: FlowCard, width: int) -> Lines:
    """Yield the commands of the flow's docstring; one that is too long goes on behind a backslash."""
    yield "Examples:"
    for command in card.examples:
        line = " "
        for word in re.findall(r"(?:'[^']*'|\"[^\"]*\"|\S)+", command):
            if len(line) + len(word) + 3 > width:
                yield line + " \\"
                line = "     "
            line += " " + word
        yield line


def _short(place: Place, ends: str = ".!?") -> tuple[str, str]:
    """Return a place's name, and in one entry what it is for, what can stand there, and what does by default."""
    words, default = _sentence(place.words, ends), _default(place)
    if not place.variants:
        stated = f"{_type(place.info.annotation)}{', ' if default == 'required' else ' = '}{default}"
    else:
        kinds = [variant.kind for variant in place.variants if variant.kind is not None]
        default = default.removeprefix("[").removesuffix("]") if kinds else default
        chosen = default.split(", ")
        others = [kind for kind in [*kinds, *(["null"] if place.nullable else [])] if kind not in chosen]
        stated = default + ("; also " if default and others else "") + ", ".join(others if default else [])
    stated = stated if len(stated) > 24 else stated.replace(" ", "\u00a0")
    return place.name, f"{words} [{stated}]" if stated else words


def _default(place: Place) -> str:
    """Return what stands in a place by default; nothing where that has no kind, and its fields say it."""
    if place.default is REQUIRED:
        return "required"
    alone = len(place.variants) == 1 and isinstance(place.default, BaseModel)
    return "" if alone else shown(place.default)


def _kinds(place: Place) -> str:
    """Return the variants that can stand in a place, each with what must be said with it."""
    said = []
    for variant in place.variants:
        needed = [field.key for field in variant.fields if field.default is REQUIRED]
        if variant.kind is not None:
            said.append(f"{variant.kind} ({', '.join(needed)})" if needed else variant.kind)
    return ("list of " if place.listed else "") + " | ".join(said) if said else ""


def _level(card: FlowCard, found: Place | Variant, width: int) -> Lines:
    """Yield one level: a field whole, or a place or variant with its fields, what lies deeper by one entry each."""
    if isinstance(found, Variant):
        yield from _wrapped(f"{_choice(found)}: {found.words}", width)
        yield from _inside(card, found, width)
        return
    yield from _whole(found, width)
    variants = found.variants
    if len(variants) == 1:
        yield from _inside(card, variants[0], width)
    elif variants:
        yield from ("", "Kinds, each with its fields:")
        yield from _entries(
            [(str(variant.kind), f"{variant.words} [{_keys(variant)}]") for variant in variants], width
        )
        yield from ("", f"Open one: python -m flows {card.name} --help {name_of(variants[1])}")


def _inside(card: FlowCard, variant: Variant, width: int) -> Lines:
    if not variant.fields:
        yield "It has no fields."
    for field in variant.fields:
        yield ""
        yield from _whole(field, width)
        if field.variants:
            yield from _wrapped(f"Open it: python -m flows {card.name} --help {name_of(field)}", width, "    ", "    ")


def _entry(variant: Variant) -> dict[str, Any]:
    """Return a variant as an entry of a list: its kind, and what it needs."""
    needed = {f.key: f.info.annotation for f in variant.fields if f.info.is_required()}
    words = {key: key.upper() if annotation is str else [key.upper()] for key, annotation in needed.items()}
    return {"kind": variant.kind, **words}


def _whole(place: Place, width: int) -> Lines:
    """Yield all that is said of a place itself."""
    default = _default(place)
    equals = ", " if default == "required" else " = " if default else ""
    yield from _wrapped(f"{place.name}{equals}{default}", width)
    types = [kinds] if (kinds := _kinds(place)) else [] if place.variants else [_type(place.info.annotation)]
    if place.variants and place.nullable:
        types.append("null")
    stated = ", ".join([" | ".join(types), *_bounds(place)]).strip(", ")
    if place.listed and kinds:
        stated += f"; entries in JSON, as {place.name}='{json.dumps([_entry(place.variants[0])])}'"
    if place.variants and place.default is None:
        stated += "; setting a field of it takes the place of null"
    yield from _wrapped(stated, width, "    ", "    ")
    models = [v.words for v in place.variants if v.kind is None]
    yield from _wrapped(" ".join([place.words, *models]), width, "    ", "    ")


def _keys(variant: Variant) -> str:
    """Return the names of the fields of a variant."""
    required = (f"{field.key} (required)" if field.default is REQUIRED else field.key for field in variant.fields)
    return ", ".join(required) or "no fields"


def _choice(variant: Variant) -> str:
    name = f"{variant.place.name}{'[]' if variant.place.listed else ''}.kind={variant.kind}"
    return f"{name} (default)" if variant.is_default else name


def _type(annotation: Any) -> str:
    """Return a type in words."""
    if annotation in SIMPLE:
        return SIMPLE[annotation]
    origin, members = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(map(str, members))
    if origin is Annotated:
        return _type(members[0])
    if origin in (Union, UnionType):
        return " | ".join(_type(member) for member in members)
    if origin in (tuple, list):
        inner = _type(members[0])
        if get_origin(members[0]) in (tuple, list):
            return plural(members[0])
        return f"list of {f'({inner})' if ' | ' in inner else inner}"
    if origin is dict:
        return f"object of {_type(members[0])} to {_type(members[1])}"
    return "object of " + ", ".join(annotation.model_fields)


def _bounds(place: Place) -> list[str]:
    """Return what a value must keep to, in words."""
    stated: dict[str, Any] = {}
    for mark in place.info.metadata:
        for name in ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern"):
            if (bound := getattr(mark, name, None)) is not None:
                stated[name] = bound if isinstance(bound, str) else f"{bound:,}"
    if {"ge", "le"} <= set(stated):
        stated = {"between": f"{stated['ge']} to {stated['le']}"} | {
            k: v for k, v in stated.items() if k not in ("ge", "le")
        }
    kind = "characters" if place.info.annotation is str else "entries"
    words = {
        "between": "{}", "ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}",
        "multiple_of": "a multiple of {}", "min_length": "at least {} " + kind, "max_length": "at most {} " + kind,
        "pattern": "matching {}",
    }  # fmt: skip
    return [words[name].format(bound).replace("1 entries", "1 entry").replace("1 characters", "1 character")
            for name, bound in stated.items()]  # fmt: skip


def _ways_on(places: Sequence[Place], width: int) -> Lines:
    """Yield how to read what is in brackets, and how to open what is not shown."""
    several = next((p for p in places if len(p.variants) > 1 and not p.listed), None)
    brackets, more = "In brackets: [type = default].", f"--help\u00a0{places[0].name} opens it"
    if several is not None:
        other = several.variants[1]
        brackets = f"[type = default], or [default kind; also others]: {several.name}.kind={other.kind} chooses one."
        more = f"--help\u00a0{several.name} opens it, --help\u00a0{name_of(other)} one kind"
    yield from _wrapped(brackets, width)
    yield from _wrapped(f"{more}, --help\u00a0all everything.", width)
    yield from _wrapped("--show prints the resolved call, --plan what is stored and what would run.", width)


def _nothing_there(card: FlowCard, name: str, places: Sequence[Place]) -> str:
    known = list(dict.fromkeys(map(name_of, walk(places))))
    near = nearest(name, known)
    hint = f"; perhaps {', '.join(near)}" if near else ""
    return f"{card.name} has no {name!r}{hint}; see python -m flows {card.name} --help"


def _sentence(text: str, ends: str = ".!?") -> str:
    """Return the first sentence, or what stands before another sign that ends it here."""
    return re.sub(";$", ".", re.split(rf"(?<=[{ends}])\s", text, maxsplit=1)[0])


def _entries(pairs: Sequence[tuple[str, str]], width: int, indent: str = "  ") -> Lines:
    """Yield names with what is said of them beside, all beginning in one column."""
    column = len(indent) + min(max(len(name) for name, _ in pairs), NAMES) + 2
    for name, text in pairs:
        if len(name) > NAMES:
            yield indent + name
        head = "" if len(name) > NAMES else indent + name
        yield from _wrapped(text, width, head.ljust(column), " " * column)


def _wrapped(text: str, width: int, first: str = "", later: str = "  ") -> Lines:
    """Break a text into lines between words; a no-break space holds two together."""
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield from (line.replace("\u00a0", " ") for line in lines)
