"""How passages are indexed."""

from typing import Literal

from pydantic import Field

from configs.base import Config


class Flat(Config):
    """Compare with every vector: exact."""

    kind: Literal["flat"] = "flat"


class Bm25(Config):
    """Score words that query and passage share (BM25, Lucene's formula)."""

    kind: Literal["bm25"] = "bm25"
    k1: float = Field(1.2, ge=0, le=10)
    """How much repeating a word adds. 0: only presence counts."""
    b: float = Field(0.75, ge=0, le=1)
    """How much long passages are marked down."""
    language: Literal["english", "none"] = "english"
    """english: stop words are left out and words cut to their stem; none: words as they are."""


class Index(Config):
    """The two indexes of a collection."""

    dense: Flat = Flat()
    """Index over the vectors."""
    sparse: Bm25 = Bm25()
    """Index over the words."""
