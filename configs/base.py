"""The one base class of every configuration model."""

from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


def _keep_declaration_order(schema: dict[str, Any]) -> None:
    """Number the fields so that the Prefect form shows them as written."""
    for position, field in enumerate(schema.get("properties", {}).values()):
        field.setdefault("position", position)


class NotInCacheKey:
    """Marks a field that says where or how fast, never what: it is no part of a step's key.

    Used as `path: Annotated[str, Unkeyed]`.
    """


class Common:
    """Marks a field that users set first: the help of a flow shows it beside the flow's parameters.

    Used as `model: Annotated[str, Common]`.
    """


class Tabs:
    """Marks a union of variants so that the Prefect form shows each as a tab: it knows `anyOf`, not `oneOf`.

    Used as `Annotated[A | B, Field(discriminator="kind"), Tabs]`.
    """

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Rewrite the schema that pydantic makes of a discriminated union."""
        schema = handler(core)
        schema.pop("discriminator", None)
        if "oneOf" in schema:
            schema["anyOf"] = schema.pop("oneOf")
        return schema


class Config(BaseModel):
    """Frozen, closed and self-describing: a typo fails, a docstring is the help text."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        json_schema_extra=_keep_declaration_order,
    )
