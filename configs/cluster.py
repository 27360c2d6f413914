"""How points become clusters."""

from typing import Literal

from pydantic import Field

from configs.base import Config


class Hdbscan(Config):
    """Find dense regions; what belongs to none is noise, cluster -1."""

    kind: Literal["hdbscan"] = "hdbscan"
    min_cluster_size: int | None = Field(None, ge=2)
    """Documents a topic has at least; left out, one in a hundred, at least 5."""
    min_samples: int | None = Field(5, ge=1)
    """Larger: more documents are noise. Left out, the cluster size."""


Cluster = Hdbscan
