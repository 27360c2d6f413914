"""How retrieval and answers are judged."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Config, Unkeyed


class Evaluate(Config):
    """Judge a collection with questions whose answers are known."""

    questions: Annotated[str | None, Unkeyed] = None
    """A jsonl file: id, question, answers (ids of documents, or none), split. python-docs has its own."""
    split: Literal["development", "test", "all"] = "test"
    """Which questions count; lines without a split belong to all."""
    k: int = Field(10, ge=1, le=100)
    """Documents a ranking is judged on."""
    resamples: int = Field(2_000, ge=100, le=100_000)
    """Bootstrap samples an interval is made of."""
    seed: int = Field(0, ge=0)
    """Same seed, same intervals."""
