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


class Encoded(Value):
    """What encoding the texts of a source took in one run.

    Attributes:
        texts: Texts asked for.
        encoded: Of them, those that no earlier run had encoded, equal ones counted once.
        tokens: Tokens that went through the encoder.
        padded: The same with padding.
        truncated: Texts longer than the encoder reads.
        seconds: Time it took.
        roofline_share: Speed over what this machine multiplies; None where that is not known.
    """

    texts: int
    encoded: int
    tokens: int
    padded: int
    truncated: int
    seconds: float
    roofline_share: float | None = None


class VectorTable(Value):
    """A file of vectors for others, and how many of its texts were longer than the encoder reads."""

    table: VectorTableRef
    truncated: int


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
