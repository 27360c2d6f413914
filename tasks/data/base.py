"""The base of what crosses the border between tasks: small values, and references to stored objects.

A `Ref` names an object by the digest of its content, so equal content is one object whichever way it came about.
What an object came from and what was counted on the way stand in the record of the step that made it.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Base of everything a step may return: small, frozen, closed, and known by its class name."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    registry: ClassVar[dict[str, type["Value"]]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        known = Value.registry.setdefault(cls.__name__, cls)
        if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            other = f"{known.__module__}.{known.__name__}"
            raise TypeError(
                f"{cls.__module__}.{cls.__name__} has the name of {other} but step records know a value by its name "
                "alone; give it another"
            )
        Value.registry[cls.__name__] = cls

    def cache_key(self) -> Any:
        """Return what stands for this value in the key of a step, or None for all its fields."""
        return None


class Ref(Value):
    """Names one stored object."""

    kind: str
    digest: str
    rows: int
    shape: tuple[int, ...] = ()
    dtype: str = ""

    def cache_key(self) -> Any:
        """Count by content: kind and digest."""
        return {"ref": self.kind, "digest": self.digest}


def refs_in(value: Any) -> list[Ref]:
    """List the references in a value, however deep."""
    if isinstance(value, Ref):
        return [value]
    if isinstance(value, BaseModel):
        return [ref for name in type(value).model_fields for ref in refs_in(getattr(value, name))]
    if isinstance(value, Mapping):
        return [ref for item in value.values() for ref in refs_in(item)]
    if isinstance(value, list | tuple):
        return [ref for item in value for ref in refs_in(item)]
    return []
