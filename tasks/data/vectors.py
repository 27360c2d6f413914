"""Vectors of texts: references, and small values made of them."""

from typing import Literal

from tasks.data.base import Ref, Value
from tasks.data.documents import DocumentsRef, PassagesRef, RejectedRef
from tasks.data.models import Fingerprint


class VectorsRef(Ref):
    """A (N, D) float32 array of unit-length rows."""

    kind: Literal["vectors"] = "vectors"


class VectorTableRef(Ref):
    """A Parquet file of ids and their (N, D) vectors, for readers outside this project."""

    kind: Literal["vector-table"] = "vector-table"


class Shard(Value):
    """What encoding one shard took, and the rows of it that could not be encoded, with the reason."""

    texts: int
    tokens: int
    padded: int
    truncated: int
    poison: tuple[tuple[int, str], ...] = ()


class Embedded(Value):
    """Passages and their vectors, row by row, and what could not be encoded."""

    passages: PassagesRef
    vectors: VectorsRef
    rejected: RejectedRef
    fingerprint: Fingerprint


class Pooled(Value):
    """Documents that have a vector, and their vectors, row by row."""

    documents: DocumentsRef
    vectors: VectorsRef


class Closeness(Value):
    """How close vectors of the same passages are, when the same encoder is run in two ways.

    Attributes:
        passages: Passages compared.
        least: Smallest cosine.
        mean: Mean cosine.
    """

    passages: int
    least: float
    mean: float
