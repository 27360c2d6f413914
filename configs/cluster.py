"""How points become clusters."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Config, Tabs


class Hdbscan(Config):
    """Find dense regions; what belongs to none is noise, cluster -1."""

    kind: Literal["hdbscan"] = "hdbscan"
    min_cluster_size: int | None = Field(None, ge=2)
    """Documents a topic has at least; left out, a fifth of the square root of all, times scale, at least 5."""
    min_samples: int | None = Field(5, ge=1)
    """Larger: more documents are noise. Left out, the cluster size."""
    method: Literal["eom", "leaf"] = "eom"
    """eom: clusters that last longest, of any size. leaf: the smallest there are; more topics, more noise."""


class Kmeans(Config):
    """Cut the points into so many clusters; every document belongs to one, there is no noise."""

    kind: Literal["kmeans"] = "kmeans"
    clusters: int | None = Field(None, ge=1)
    """Clusters; left out, the square root of the documents, divided by scale."""
    seed: int = Field(42, ge=0, lt=2**32)
    """Same seed, same clusters."""


Cluster = Annotated[Hdbscan | Kmeans, Field(discriminator="kind"), Tabs]


class Keep(Config):
    """Leave noise as it is."""

    kind: Literal["keep"] = "keep"


class ByWords(Config):
    """Give a document of noise to the topic whose words (c-TF-IDF) it is closest to."""

    kind: Literal["c-tf-idf"] = "c-tf-idf"
    threshold: float = Field(0.1, ge=0, le=1)
    """Least cosine; below it a document stays noise."""


class ByVectors(Config):
    """Give a document of noise to the topic whose centre is closest to its vector."""

    kind: Literal["vectors"] = "vectors"
    threshold: float = Field(0.5, ge=-1, le=1)
    """Least cosine; below it a document stays noise."""


class ByNeighbours(Config):
    """Give a document of noise to the topic that most of its neighbours belong to."""

    kind: Literal["neighbours"] = "neighbours"
    threshold: float = Field(0.5, ge=0, le=1)
    """Least share of the neighbours; below it a document stays noise."""


Outliers = Annotated[Keep | ByWords | ByVectors | ByNeighbours, Field(discriminator="kind"), Tabs]
