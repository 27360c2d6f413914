"""How retrieval and answers are judged."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Common, Config, NotInCacheKey


class Calibrate(Config):
    """Find out when a collection answers nothing, from the development half of the questions, or without any."""

    false_abstentions: float = Field(0.05, ge=0, lt=1)
    """Share of the questions it answers that may get no answer. Larger: more of those it cannot answer get none."""
    separation: float = Field(0.7, ge=0.5, le=1)
    """What the lower end of the 95 % interval of AUROC must reach; else the encoder's own threshold stays."""
    enough: int = Field(20, ge=0, le=10_000)
    """Questions with an answer from which on none are made from the collection's own sentences."""
    foreign: float = Field(0.97, ge=0, le=1)
    """Share of the shipped questions about other subjects that get no answer where questions had to be made, unless
    more of these than `false_abstentions` would get none either."""
    untrained: float = Field(0.9, ge=0, le=1)
    """The same where most passages are in languages the encoder was not trained on: it tells questions apart less
    well, and many that are answered would get none."""
    seed: int = Field(0, ge=0)
    """Same seed, same questions made."""


class Evaluate(Config):
    """Judge a collection with questions whose answers are known."""

    questions: Annotated[str | None, NotInCacheKey, Common] = None
    """A jsonl file: id, question, answers (ids of documents, or none), split, spans. python-docs has its own."""
    split: Literal["development", "test", "all"] = "test"
    """Which questions count; lines without a split belong to all."""
    k: int = Field(10, ge=1, le=100)
    """Documents a ranking is judged on."""
    resamples: int = Field(2_000, ge=100, le=100_000)
    """Bootstrap samples an interval is made of; a share of questions has Wilson's interval, AUROC Newcombe's: none."""
    seed: int = Field(0, ge=0)
    """Same seed, same intervals."""
    calibrate: Calibrate | None = Calibrate()
    """When nothing is answered; null for the encoder's own threshold."""
