"""How what was found is put into a better order."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from configs.base import Config, NotInCacheKey, Tabs


class LateInteraction(Config):
    """Compare query and passage token by token, with the vectors of an encoder's tokens; no extra model.

    With the embedded encoder it ranked worse on three public sets (nDCG@10 0.724, not reranked 0.747): try it on your
    own questions.
    """

    kind: Literal["late-interaction"] = "late-interaction"
    model: Annotated[str | None, NotInCacheKey] = None
    """Id on the hub, or the path of a folder, of the encoder whose token vectors are compared; left out, the
    collection's own. It runs with the collection's precision and device, in 32-bit floats where that is int8."""
    candidates: int = Field(50, ge=1, le=1_000)
    """Hits a query that are compared; the search is asked for as many. Larger: slower, and finds what the search
    ranked low."""
    k: int = Field(10, ge=1, le=1_000)
    """Hits a query that are kept, at most as many as are compared."""

    @model_validator(mode="after")
    def _no_more_than_compared(self) -> "LateInteraction":
        _check(self.k, self.candidates)
        return self


class CrossEncoder(Config):
    """Read query and passage together, each pair anew: the slowest way.

    A model of the default's size reads 32 pairs a second on two cores with AVX2; how well it ranks was not measured.
    """

    kind: Literal["cross-encoder"] = "cross-encoder"
    model: Annotated[str, NotInCacheKey] = "cross-encoder/ms-marco-MiniLM-L6-v2"
    """Id on the hub, or the path of a folder, of a model that gives one score to a pair of texts."""
    precision: Annotated[Literal["auto", "fp32", "bf16"], NotInCacheKey] = "auto"
    """What the model computes in; auto: the better of the two. bf16: refused where the hardware does not multiply it;
    not timed."""
    device: Annotated[Literal["auto", "cpu", "cuda"], NotInCacheKey] = "auto"
    """Where the model runs; auto takes a GPU that is there."""
    candidates: int = Field(50, ge=1, le=1_000)
    """Hits a query that are read; the search is asked for as many. Larger: slower, and finds what the search ranked
    low."""
    k: int = Field(10, ge=1, le=1_000)
    """Hits a query that are kept, at most as many as are read."""

    @model_validator(mode="after")
    def _no_more_than_read(self) -> "CrossEncoder":
        _check(self.k, self.candidates)
        return self


class Mmr(Config):
    """Trade relevance against redundancy; no extra model."""

    kind: Literal["mmr"] = "mmr"
    candidates: int = Field(50, ge=1, le=1_000)
    """Hits a query that are chosen from; the search is asked for as many. Larger: more novelty, less relevance."""
    k: int = Field(10, ge=1, le=1_000)
    """Hits a query that are kept, at most as many as are chosen from."""
    diversity: float = Field(0.3, ge=0, le=1)
    """0 keeps the order of relevance; 1 looks only at novelty after the first pick."""

    @model_validator(mode="after")
    def _no_more_than_chosen_from(self) -> "Mmr":
        _check(self.k, self.candidates)
        return self


def _check(k: int, candidates: int) -> None:
    if k > candidates:
        raise ValueError(f"k is {k} but candidates {candidates}; lower rerank.k or raise rerank.candidates")


Rerank = Annotated[LateInteraction | CrossEncoder | Mmr, Field(discriminator="kind"), Tabs]
