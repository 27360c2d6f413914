"""Where something can be set in a call: a flow's parameters and fields as a tree, with the defaults a run has.

A default is read from the instance that stands as default in the place above, since a flow may state another one than
the class does. A variant that is not the default one has the defaults of its class, for choosing its `kind` discards
what stood there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from configs.base import Common
from configs.refusals import models_in
from configs.signatures import FlowCard

REQUIRED = PydanticUndefined


@dataclass(frozen=True)
class Place:
    """A parameter or a field.

    Attributes:
        name: As a call writes it; `[]` stands for an entry of a list.
        info: What pydantic knows of it.
        default: What it is if nothing is said; `REQUIRED` where something must be.
        words: Its help.
        given: Which kinds other than the default ones must be chosen for it to exist, as `source.kind=tables`.
    """

    name: str
    info: FieldInfo
    default: Any
    words: str
    given: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Last part of its name."""
        return self.name.rpartition(".")[2]

    @property
    def common(self) -> bool:
        """Whether it is one of the fields that users set first."""
        return Common in self.info.metadata

    @property
    def listed(self) -> bool:
        """Whether it is a list whose entries have fields."""
        return not list(models_in(self.info.annotation)) and bool(list(_entries(self.info.annotation)))

    @property
    def nullable(self) -> bool:
        """Whether null can stand there."""
        return type(None) in get_args(self.info.annotation)

    @property
    def variants(self) -> list["Variant"]:
        """What can stand there, where that has fields of its own."""
        models = list(_entries(self.info.annotation) if self.listed else models_in(self.info.annotation))
        return [Variant(self, model, len(models) > 1) for model in models]


@dataclass(frozen=True)
class Variant:
    """One of the models that can stand in a place; where there is but one, that one."""

    place: Place
    model: type[BaseModel]
    one_of_several: bool

    @property
    def kind(self) -> str | None:
        """What tells it apart from the others."""
        stated = self.model.model_fields.get("kind")
        return str(stated.default) if stated is not None and self.one_of_several else None

    @property
    def owner(self) -> BaseModel | None:
        """The instance that is the default, if it is of this kind."""
        return self.place.default if type(self.place.default) is self.model else None

    @property
    def is_default(self) -> bool:
        """Whether it is what stands there if nothing is said."""
        return self.owner is not None

    @property
    def words(self) -> str:
        """Its help."""
        return " ".join((self.model.__doc__ or "").split())

    @property
    def fields(self) -> list[Place]:
        """What can be set in it; its kind is said by the place it stands in."""
        prefix = f"{self.place.name}{'[]' if self.place.listed else ''}."
        given = self.place.given
        if self.kind is not None and not self.is_default:
            given = (*given, f"{prefix}kind={self.kind}")
        return [place for place in _fields(self.model, self.owner, prefix, given) if place.key != "kind"]


def parameters(card: FlowCard) -> list[Place]:
    """Return the parameters of a flow but its config."""
    found = _fields(card.parameters(), None, "", ())
    return [Place(p.name, p.info, p.default, card.help.get(p.name, "")) for p in found if p.name != "config"]


def sections(card: FlowCard) -> list[Place]:
    """Return the fields of a flow's config."""
    config = card.parameters().model_fields["config"].default
    return list(_fields(type(config), config, "", ()))


def walk(places: Sequence[Place]) -> Iterator[Place | Variant]:
    """Yield every place and, where there are several, every variant, each before what is in it."""
    for place in places:
        yield place
        for variant in place.variants:
            if variant.kind is not None:
                yield variant
            yield from walk(variant.fields)


def on_default_route(places: Sequence[Place]) -> Iterator[Place]:
    """Yield the places that exist in a call that says nothing."""
    for place in places:
        yield place
        if not place.listed:
            yield from (
                p for variant in place.variants if variant.is_default for p in on_default_route(variant.fields)
            )


def find(places: Sequence[Place], parts: Sequence[str]) -> Iterator[Place | Variant]:
    """Yield what a name means: a field in every variant that has it, a variant by its kind."""
    for place in places:
        if place.key != parts[0]:
            continue
        if len(parts) == 1 or parts[1:] == ["kind"]:
            yield place
            continue
        for variant in place.variants:
            if variant.kind == parts[1]:
                yield from find(variant.fields, parts[2:]) if parts[2:] else [variant]
            yield from find(variant.fields, parts[1:])


def name_of(found: Place | Variant) -> str:
    """Return the name by which help opens it."""
    place = found if isinstance(found, Place) else found.place
    name = place.name.replace("[]", "")
    return name if isinstance(found, Place) else f"{name}.{found.kind}"


def _fields(model: type[BaseModel], owner: BaseModel | None, prefix: str, given: tuple[str, ...]) -> Iterator[Place]:
    for name, info in model.model_fields.items():
        default = info.get_default(call_default_factory=True) if owner is None else getattr(owner, name)
        yield Place(prefix + name, info, default, info.description or "", given)


def _entries(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that entries of a list may be of."""
    if get_origin(annotation) in (tuple, list):
        yield from models_in(get_args(annotation)[0])
    elif get_origin(annotation) in (Annotated, Union):
        yield from (model for member in get_args(annotation) for model in _entries(member))
