"""How documents are cut into passages."""

from typing import Annotated

from pydantic import Field

from configs.base import Common, Config
from configs.ingest import PythonDocs, Source
from configs.models import EMBEDDED


class Chunk(Config):
    """Cut documents into passages of whole sentences within a token budget."""

    max_tokens: Annotated[int, Common] = Field(200, ge=16, le=8_192)
    """Encoder tokens of a passage at most, its heading included. Larger: fewer passages, vaguer vectors."""
    overlap_sentences: int = Field(0, ge=0, le=10)
    """Sentences repeated from the end of the passage before."""
    heading: bool = True
    """Put the document's title before each passage when it is encoded and indexed."""


class Trained(Config):
    """A byte-level BPE that is trained in the run, as one more tokenizer to compare."""

    source: Source = PythonDocs(packages=("numpy",), max_tokens=100_000)
    """Text it is trained on."""
    tokens: int = Field(4_096, ge=256, le=1_000_000)
    """Tokens of its vocabulary, the 256 bytes included; 256: every byte is a token."""


class Counted(Config):
    """How tokenizers are compared."""

    tokenizers: Annotated[tuple[str, ...], Common] = Field((EMBEDDED,), min_length=1, max_length=20)
    """Each an id on the hub, a folder, or a vocabulary: tokenizer.json, vocab.txt, vocab.json beside merges.txt, a
    SentencePiece .model, or CLIP's .txt.gz."""
    trained: Trained | None = None
    """One more tokenizer, trained in this run; null for none."""
    group: Annotated[str | None, Common] = None
    """Column that texts are grouped by, as their language, kept by source.keep; none if left out."""
    price_per_million: float | None = Field(None, ge=0, le=1_000_000)
    """Price of a million tokens, in any currency: the page then says what 1,000 of these texts cost. Null for none."""
    published: tuple[int, ...] = ()
    """Tokens that others state for all texts together, special ones included, in the order of the tokenizers; shown
    beside ours."""
    shown: int = Field(12, ge=1, le=200)
    """Texts whose pieces are shown, the first ones."""
    shown_characters: int = Field(600, ge=10, le=20_000)
    """Characters of such a text that are shown."""


class Fits(Config):
    """When a tokenizer is said to fit a model."""

    refuse: bool = True
    """End the run as failed, after its page is written, where a tokenizer does not fit."""
    least_pairs: int = Field(30, ge=10, le=100_000)
    """Pairs of tokens that differ only in case or place in a word, with fewer of which the weights prove nothing."""
    least_score: float = Field(4.0, ge=1, le=100)
    """Standard errors by which such pairs must be closer in the model's table than their neighbours are; below it the
    vocabulary is refused where no tokenizer stands with the weights to compare it with."""
