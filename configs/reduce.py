"""How vectors are brought to fewer dimensions."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Config, Tabs


class Umap(Config):
    """Keep neighbours together in few dimensions (UMAP over a neighbour graph)."""

    kind: Literal["umap"] = "umap"
    pca: int | None = Field(None, ge=2, le=1_000)
    """Principal axes in which neighbours are sought; left out, in all dimensions. Smaller: faster, less exact."""
    n_neighbors: int = Field(15, ge=2, le=200)
    """Neighbours a point is drawn to. Larger: broader themes, less detail."""
    n_components: int = Field(5, ge=2, le=100)
    """Dimensions in which clusters are sought; the map always has two."""
    min_dist: float = Field(0.0, ge=0, le=1)
    """Least distance of points where clusters are sought. Larger: looser clusters."""
    n_epochs: int | None = Field(None, ge=10, le=5_000)
    """Rounds in which points are moved; left out, 130, and 65 for more than 10,000 points. Fewer: faster, and less
    alike from seed to seed."""
    negative_sample_rate: int = Field(5, ge=1, le=20)
    """Random points a point is pushed away from for each it is drawn to. Fewer: faster, but clusters run into one
    another and more is noise."""
    init: Literal["spectral", "pca", "random"] = "spectral"
    """Where points stand at first: by the graph, by their principal axes, or anywhere."""
    seed: int = Field(42, ge=0, lt=2**32)
    """Same seed, same layout."""


class Pca(Config):
    """Keep the directions in which vectors differ most (principal components)."""

    kind: Literal["pca"] = "pca"
    n_components: int = Field(50, ge=2, le=1_000)
    """Dimensions in which clusters are sought."""


class NoReduction(Config):
    """Seek clusters among the vectors as they are."""

    kind: Literal["none"] = "none"


Reduce = Annotated[Umap | Pca | NoReduction, Field(discriminator="kind"), Tabs]
