"""The config of the flow over pictures."""

from typing import Annotated

from pydantic import Field

from configs.base import Common, Config
from configs.embed import Embed
from configs.flows import Topics
from configs.index import Index
from configs.ingest import IngestLimits
from configs.picture_encoders import Lite0WithHead, PictureEncoder
from configs.pictures import PictureHead, PictureProbe, WordShift, ZeroShotClasses
from configs.retrieve import Dense, Retrieve


class PictureTopics(Topics):
    """How pictures become topics: by what they show; descriptions, where there are some, name them."""

    min_documents: int = Field(40, ge=10)
    """With fewer pictures no topics are made, which is said."""
    min_word_share: float = Field(0.0, ge=0, le=1)
    """Share of its pictures that the commonest word of a cluster must stand in, as part of what is usual among
    clusters; a cluster below it is noise. 0: all are topics, for pictures need no words."""


class ImageSearch(Config):
    """How pictures are put among texts, searched and told apart."""

    encoder: Annotated[PictureEncoder, Common] = Lite0WithHead()
    """What turns pictures into vectors; `dual` is a model that reads texts as well, as CLIP."""
    embed: Embed = Embed()
    """The encoder of texts. It stays as it is; pictures are put where it puts their descriptions."""
    head: Annotated[PictureHead, Common] = PictureHead()
    """What puts pictures among texts, learned from those that are described."""
    retrieve: Annotated[Retrieve, Common] = Dense(k=12)
    """How text finds pictures: `dense` by what they show; `weighted` by the words of their descriptions too."""
    alike: int = Field(12, ge=1, le=1_000)
    """Pictures that are found for a picture."""
    shift: Annotated[WordShift | None, Common] = None
    """Words that every query is moved towards or away from; null for none. Needs a head, or a dual encoder."""
    classes: Annotated[ZeroShotClasses | None, Common] = None
    """Classes to tell pictures apart by, without training; null for none."""
    probe: Annotated[PictureProbe | None, Common] = None
    """Classes learned from the pictures that have one, `{}` by their folder; null for none."""
    topics: PictureTopics | None = None
    """Topics of the pictures, by `{}`; null for none."""
    index: Index = Index()
    """The indexes of the collection."""
    ingest: IngestLimits = IngestLimits()
    """How much of the table of descriptions may be rejected."""
    keep: int | None = Field(None, ge=1)
    """Generations of the collection that are kept; left out, all."""
