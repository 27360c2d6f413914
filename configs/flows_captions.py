"""The config of the flow that captions pictures."""

from typing import Annotated

from pydantic import Field

from configs.base import Common, Config
from configs.captions import Captioner, EmbeddedCaptioner, PictureParts
from configs.ingest import IngestLimits


class ImageCaptions(Config):
    """How pictures are captioned, and how captions are judged."""

    captioner: Annotated[Captioner, Common] = EmbeddedCaptioner()
    """What writes captions."""
    parts: PictureParts = PictureParts()
    """What is kept apart of the described pictures, to judge captions by."""
    named: Annotated[str | None, Common] = Field(None, min_length=1)
    """Column of `source.described.keep` with the words that a caption must hold, as those of a class; left out, those
    of the description that say something."""
    ingest: IngestLimits = IngestLimits()
    """How much of the table of descriptions may be rejected."""
