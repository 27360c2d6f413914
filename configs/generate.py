"""How a question is answered from passages."""

from typing import Literal

from pydantic import Field

from configs.base import Config


class Extractive(Config):
    """Quote the sentences of the found passages that answer best; nothing is invented."""

    kind: Literal["extractive"] = "extractive"
    passages: int = Field(5, ge=1, le=50)
    """Passages whose sentences are considered."""
    sentences: int = Field(3, ge=1, le=10)
    """Sentences quoted at most."""
    within: float = Field(0.85, ge=0, le=1)
    """A further sentence is quoted if its cosine with the question is at least this share of the best one's."""
    no_answer_below: float | None = Field(None, ge=-1, le=1)
    """Cosine of question and closest passage below which nothing is answered; left out, the encoder's own."""


Generate = Extractive
