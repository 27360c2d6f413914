"""How a cross-encoder labels pairs that nobody has, for an encoder to learn from beside those that people labelled."""

from typing import Annotated

from pydantic import Field

from configs.base import Config, NotInCacheKey

SILVER_FORMATS = ("scored", "relations")  # in which a score from 0 to 1, or whether two texts belong together, is all
SILVER_LOSSES = ("cosine", "cosent", "contrastive")  # that read pairs of both kinds, and no name of a relation


class SilverPairs(Config):
    """Pairs of the training texts that a cross-encoder labels."""

    reranker: Annotated[str, NotInCacheKey] = Field(min_length=1)
    """Cross-encoder that labels: `tuned:NAME` of tune-reranker, an id on the hub, or a folder. What it was trained on
    must hold nothing that is judged by: give it the same source and `holdout`."""
    per_anchor: int = Field(3, ge=1, le=100)
    """Pairs of each first text: with the second texts of the training rows that are most alike to it by the encoder to
    start from, pairs that are labelled already left out."""
    max_pairs: int = Field(10_000, ge=1, le=1_000_000)
    """Pairs at most, drawn by seed; each costs a pass through the cross-encoder."""
    same_above: float = Field(0.5, gt=0, lt=1)
    """Score of the cross-encoder from which two texts belong together, for relations; scored pairs take the score."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Same seed, same pairs."""
