"""How a topic is put into words."""

from typing import Literal

from pydantic import Field

from configs.base import Config


class CTfIdf(Config):
    """Words frequent in a topic and rare in the others (class-based TF-IDF)."""

    kind: Literal["c-tf-idf"] = "c-tf-idf"
    words: int = Field(10, ge=3, le=50)
    """Words kept a topic."""
    label_words: int = Field(3, ge=1, le=6)
    """Words in a topic's label."""
    min_documents: int = Field(2, ge=1)
    """Documents a word must stand in to count."""


Represent = CTfIdf
