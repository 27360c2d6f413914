"""How passages are found for a query."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Common, Config, Tabs

Conditions = tuple[Annotated[str, Field(pattern=r"^[^=]+=")], ...]


class Dense(Config):
    """By meaning: cosine of query and passage vectors."""

    kind: Literal["dense"] = "dense"
    k: Annotated[int, Common] = Field(10, ge=1, le=1_000)
    """Hits a query at most."""
    where: Annotated[Conditions, Common] = ()
    """What a hit's document must be, all of it; name=value over id, title, source, path, kind, licence or an entry of
    meta; * in id and path stands for any characters."""


class Sparse(Config):
    """By words: BM25."""

    kind: Literal["sparse"] = "sparse"
    k: Annotated[int, Common] = Field(10, ge=1, le=1_000)
    """Hits a query at most; a passage that shares no word is never one."""
    where: Annotated[Conditions, Common] = ()
    """What a hit's document must be, all of it; name=value over id, title, source, path, kind, licence or an entry of
    meta; * in id and path stands for any characters."""


class Fused(Config):
    """By both: reciprocal rank fusion of the two lists."""

    kind: Literal["fused"] = "fused"
    k: Annotated[int, Common] = Field(10, ge=1, le=1_000)
    """Hits a query at most."""
    candidates: int = Field(100, ge=1, le=10_000)
    """Hits taken from each list before fusion."""
    rank_constant: int = Field(60, ge=0, le=1_000)
    """Larger: the first ranks count for less."""
    where: Annotated[Conditions, Common] = ()
    """What a hit's document must be, all of it; name=value over id, title, source, path, kind, licence or an entry of
    meta; * in id and path stands for any characters."""


class Weighted(Config):
    """By both: a weighted mean of the two scores, each of them over the best of its query.

    On three public sets nDCG@10 is 0.747; fused 0.741, dense 0.712, sparse 0.710.
    """

    kind: Literal["weighted"] = "weighted"
    k: Annotated[int, Common] = Field(10, ge=1, le=1_000)
    """Hits a query at most."""
    candidates: int = Field(100, ge=1, le=10_000)
    """Hits taken from each list before fusion."""
    # The best of 0, 0.05, ..., 1 on the even-numbered questions of three public sets: tests/bench/bench_retrieval.py
    weight: float = Field(0.8, ge=0, le=1)
    """Share of the meaning; the rest is that of the words. 0: words alone, 1: meaning alone."""
    where: Annotated[Conditions, Common] = ()
    """What a hit's document must be, all of it; name=value over id, title, source, path, kind, licence or an entry of
    meta; * in id and path stands for any characters."""


Retrieve = Annotated[Dense | Sparse | Fused | Weighted, Field(discriminator="kind"), Tabs]


class Answered(Config):
    """Give a query no hits where nothing in the collection answers it, by the calibration that answers go by."""

    kind: Literal["answered"] = "answered"
    passages: int = Field(5, ge=1, le=50)
    """Hits that are read to find that out; its calibration holds for as many as `knowledge-base` read:
    `answer.passages`."""


class Near(Config):
    """Leave out hits that are too far from the query in meaning."""

    kind: Literal["near"] = "near"
    below: float = Field(ge=-1, le=1)
    """Cosine of query and passage below which a passage is no hit. Larger: fewer hits, more queries without any."""


Cutoff = Annotated[Answered | Near, Field(discriminator="kind"), Tabs]
