"""What turns pictures into vectors: an encoder of pictures with a learned head, or a model that reads texts too."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Common, Config, NotInCacheKey, Tabs


class Lite0WithHead(Config):
    """EfficientNet-Lite0, and a head learned from the pictures that are described."""

    kind: Literal["lite0"] = "lite0"


class DualEncoder(Config):
    """A model with a tower for texts and one for pictures, as CLIP: no head is learned, no descriptions are needed."""

    kind: Literal["dual"] = "dual"
    model: Annotated[str, Common, NotInCacheKey] = Field(min_length=1)
    """Id on the hub, or the path of a folder: CLIP, SigLIP, SigLIP2, a VisionTextDualEncoder, or a CLIP that
    sentence-transformers saved. Safetensors alone are read."""
    precision: Annotated[Literal["auto", "fp32", "bf16"], NotInCacheKey] = "auto"
    """What both towers compute in; auto: the better of fp32 and bf16."""
    device: Annotated[Literal["auto", "cpu", "cuda"], NotInCacheKey] = "auto"
    """Where they run; auto takes a GPU that is there."""
    batch_size: Annotated[int, NotInCacheKey] = Field(16, ge=1, le=1_024)
    """Pictures at a time. Larger: more memory; faster on a GPU."""


PictureEncoder = Annotated[Lite0WithHead | DualEncoder, Field(discriminator="kind"), Tabs]
