"""How vectors are brought to fewer dimensions."""

from typing import Literal

from pydantic import Field

from configs.base import Config


class Umap(Config):
    """Keep neighbours together in few dimensions (UMAP over an exact neighbour graph)."""

    kind: Literal["umap"] = "umap"
    neighbours: int = Field(15, ge=2, le=200)
    """Neighbours a point is drawn to. Larger: broader themes, less detail."""
    components: int = Field(5, ge=2, le=100)
    """Dimensions in which clusters are sought; the map always has two."""
    min_dist: float = Field(0.0, ge=0, le=1)
    """Least distance of points where clusters are sought. Larger: looser clusters."""
    seed: int = Field(42, ge=0, lt=2**32)
    """Same seed, same layout."""


Reduce = Umap
