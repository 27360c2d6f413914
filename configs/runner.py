"""Where shards of work run; nothing here changes a result."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Config, Tabs


class Threads(Config):
    """Threads of the flow's own process; they share one loaded model."""

    kind: Literal["threads"] = "threads"
    workers: int = Field(1, ge=1, le=64)
    """Shards encoded at a time. One shard already uses every core; more help where a server encodes."""


class Processes(Config):
    """Processes of this machine, each with a model of its own."""

    kind: Literal["processes"] = "processes"
    workers: int = Field(2, ge=1, le=256)
    """Processes; the cores are divided among them."""


class Dask(Config):
    """Workers of a Dask cluster that share the workspace's folder."""

    kind: Literal["dask"] = "dask"
    address: str | None = None
    """Scheduler, as tcp://host:8786; left out, a cluster of this machine is made for the run."""
    workers: int = Field(2, ge=1, le=256)
    """Workers of a cluster that is made for the run."""


class Ray(Config):
    """Workers of a Ray cluster that share the workspace's folder."""

    kind: Literal["ray"] = "ray"
    address: str | None = None
    """Head node, as auto or host:6379; left out, a cluster of this machine is made for the run."""
    workers: int = Field(2, ge=1, le=256)
    """Cores of a cluster that is made for the run."""


Runner = Annotated[Threads | Processes | Dask | Ray, Field(discriminator="kind"), Tabs]
