"""How documents are cut into passages."""

from pydantic import Field

from configs.base import Config


class Chunk(Config):
    """Cut documents into passages of whole sentences within a token budget."""

    max_tokens: int = Field(200, ge=16, le=8_192)
    """Encoder tokens of a passage at most, its heading included. Larger: fewer passages, vaguer vectors."""
    overlap_sentences: int = Field(0, ge=0, le=10)
    """Sentences repeated from the end of the passage before."""
    heading: bool = True
    """Put the document's title before each passage when it is encoded and indexed."""
