"""How text becomes vectors."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Config, Unkeyed
from configs.models import EMBEDDED


class Shards(Config):
    """How encoding is cut into tasks; nothing here changes a vector."""

    tokens: Annotated[int, Unkeyed] = Field(50_000, ge=1_000, le=10_000_000)
    """Tokens a task encodes at a time; what is finished survives a kill."""
    max_rejected_share: Annotated[float, Unkeyed] = Field(0.01, ge=0, le=1)
    """Share of passages that may fail to encode; above it the run fails."""


class Embed(Config):
    """Encode text with a sentence encoder."""

    model: str = EMBEDDED
    """Id on the hub, or the path of a folder that holds a sentence-transformers or model2vec model."""
    precision: Literal["auto", "exact", "bf16", "int8"] = "auto"
    """exact: 32-bit floats. bf16: about twice as fast where the hardware has it, refused elsewhere. int8: about
    four times as fast on a processor, after a minute of calibration that is kept; refused where the vectors move too
    far, and without the extra `int8`. auto: the better of exact and bf16."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the encoder runs; auto takes a GPU that is there."""
    shards: Shards = Shards()
    """How the work is cut, and how much of it may fail."""
