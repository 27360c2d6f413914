"""How passages are indexed."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from configs.addresses import plain_address
from configs.base import Common, Config, Tabs

Device = Literal["auto", "cpu", "cuda"]


class Auto(Config):
    """Choose by the number of vectors: compare with every one while that is quick, above that a graph (HNSW)."""

    kind: Literal["auto"] = "auto"
    flat_up_to: int = Field(200_000, ge=0, le=1_000_000_000)
    """Most vectors that are all compared: exact; 100,000 take 14 ms a query on one core with AVX2. A GPU takes many
    more in that time, which was not timed: raise it where device is cuda."""
    device: Device = "cpu"
    """Where all vectors are compared: cuda needs a GPU, auto takes one that is there. A graph is on the processor."""


class Flat(Config):
    """Compare with every vector: exact."""

    kind: Literal["flat"] = "flat"
    device: Device = "cpu"
    """Where vectors are compared: cuda needs a GPU, auto takes one that is there; many queries at a time gain most."""


class Hnsw(Config):
    """Walk a graph of near vectors (HNSW), rounded to bytes; the best are compared again with the vectors on disk.

    100,000 vectors, AVX2: built in 62 s, 53 MB, 6 ms a query on one core at a recall of 0.97.
    """

    kind: Literal["hnsw"] = "hnsw"
    m: int | None = Field(None, ge=4, le=128)
    """Links of a vector to near ones. Larger: better paths, more memory. Left out: 16 up to a million vectors, else
    32."""
    ef_construction: int | None = Field(None, ge=8, le=2_000)
    """Candidates looked at to link a vector. Larger: better graph, slower build. Left out: 4 times `m`, and 100
    at least."""
    ef_search: int | None = Field(None, ge=1, le=100_000)
    """Candidates looked at for a query. Larger: better recall, slower. Left out: the fewest that reach `recall`."""
    recall: float = Field(0.97, ge=0.5, le=1)
    """Recall at ten hits that a left-out search setting must reach on a sample of the vectors."""


class Ivf(Config):
    """Look into the nearest lists of vectors only (IVF): quicker to build than a graph, and larger.

    100,000 vectors, AVX2: built in 20 s, 156 MB, 13 ms a query on one core at a recall of 0.98.
    """

    kind: Literal["ivf"] = "ivf"
    nlist: int | None = Field(None, ge=1, le=1_000_000)
    """Lists the vectors are dealt into; 39 vectors a list are needed. Left out: 4 times the root of their number."""
    nprobe: int | None = Field(None, ge=1, le=1_000_000)
    """Lists looked into for a query. Larger: better recall, slower. Left out: the fewest that reach `recall`."""
    recall: float = Field(0.97, ge=0.5, le=1)
    """Recall at ten hits that a left-out search setting must reach on a sample of the vectors."""
    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Same seed and vectors, same index."""


class IvfPq(Config):
    """Lists of vectors kept as short codes (IVF-PQ); the best are compared again with the vectors on disk.

    100,000 vectors, AVX2: built in 32 s, 8 MB, 8 ms a query on one core at a recall of 0.98.
    """

    kind: Literal["ivf-pq"] = "ivf-pq"
    nlist: int | None = Field(None, ge=1, le=1_000_000)
    """Lists the vectors are dealt into; 39 vectors a list are needed. Left out: 4 times the root of their number."""
    pq_m: int | None = Field(None, ge=1, le=4_096)
    """Bytes of a code; must divide the width. Larger: finer codes, more memory. Left out: an eighth of the width."""
    nprobe: int | None = Field(None, ge=1, le=1_000_000)
    """Lists looked into for a query. Larger: better recall, slower. Left out: the fewest that reach `recall`."""
    refine: int | None = Field(None, ge=1, le=1_000)
    """Candidates a hit that are compared again. Larger: better recall, slower. Left out: the fewest that reach
    `recall`."""
    recall: float = Field(0.97, ge=0.5, le=1)
    """Recall at ten hits that left-out search settings must reach on a sample of the vectors."""
    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Same seed and vectors, same index."""


class Qdrant(Config):
    """Let Qdrant search. A key is taken from the environment variable LLM_FLOWS_QDRANT_KEY alone."""

    kind: Literal["qdrant"] = "qdrant"
    url: str | None = None
    """Server, as http://localhost:6333, that vectors and queries are sent to; left out, Qdrant's local mode in the
    memory of the run, up to 20,000 vectors."""

    @field_validator("url")
    @classmethod
    def _plain_address(cls, given: str | None) -> str | None:
        """Keep to addresses that hold no secret."""
        if given is None:
            return None
        return plain_address(given, example="http://localhost:6333", key="LLM_FLOWS_QDRANT_KEY")


DenseIndex = Annotated[Auto | Flat | Hnsw | Ivf | IvfPq | Qdrant, Field(discriminator="kind"), Tabs]


class Bm25(Config):
    """Score words that query and passage share (BM25, Lucene's formula)."""

    kind: Literal["bm25"] = "bm25"
    k1: float = Field(1.2, ge=0, le=10)
    """How much repeating a word adds. 0: only presence counts."""
    b: float = Field(0.75, ge=0, le=1)
    """How much long passages are marked down."""
    language: str = Field("auto", pattern=r"^(auto|none|[a-z]{2})$")
    """Whose stop words are left out and stems taken: auto, each passage's own language; none: words as they are; else
    an ISO 639-1 code, as en or de."""


class Index(Config):
    """The two indexes of a collection."""

    dense: Annotated[DenseIndex, Common] = Auto()
    """Index over the vectors."""
    sparse: Bm25 = Bm25()
    """Index over the words."""
