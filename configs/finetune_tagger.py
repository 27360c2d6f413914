"""How a tagger is trained: where marked texts come from, what is kept apart, what must be gained."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Common, Config, NotInCacheKey, Tabs


class Conll(Config):
    """A file of columns, a word a line, an empty line between sentences, labels as B-type, I-type and O."""

    kind: Literal["conll"] = "conll"
    path: Annotated[str, NotInCacheKey] = Field(min_length=1)
    """The file."""
    word_column: int = Field(0, ge=0, le=100)
    """Number of the column that holds the word, from 0."""
    label_column: int = Field(-1, ge=-100, le=100)
    """Number of the column that holds the label; -1 is the last."""
    encoding: str = "utf-8"
    """How the file is written."""


class MarkedRows(Config):
    """Rows of jsonl or parquet: a text, and the places in it that are marked."""

    kind: Literal["rows"] = "rows"
    path: Annotated[str, NotInCacheKey] = Field(min_length=1)
    """A file (.jsonl, .jsonl.gz, .parquet)."""
    text: str = "text"
    """Name of the column that holds the text."""
    entities: str = "entities"
    """Name of the column with a list of marks, each with `start` and `end` in characters, and `label`."""
    encoding: str = "utf-8"
    """How jsonl is written."""


class MarkedDocs(Config):
    """Names of classes, functions and methods in the documentation of installed packages, as its authors marked them.

    The marks (`:class:`, `:func:`, `:meth:`) are taken out of the text; a tagger learns to find what they marked.
    """

    kind: Literal["python-docs"] = "python-docs"
    packages: tuple[str, ...] = ("sklearn", "pandas", "werkzeug", "networkx")
    """Import names of the packages; they are read, never imported."""
    max_tokens: int = Field(400_000, ge=1_000, le=100_000_000)
    """Encoder tokens to read at most."""


MarkedSource = Annotated[MarkedDocs | Conll | MarkedRows, Field(discriminator="kind"), Tabs]


class TaggerTuning(Config):
    """What training reads, and what is kept apart from it."""

    test_share: float = Field(0.2, gt=0, lt=0.9)
    """Share of the sentences held out for evaluation, where no `test` source is given."""
    validation: MarkedSource | None = None
    """Sentences that no weight learns from: the best step and the best method are chosen by them; null for a share of
    the source."""
    validation_share: float = Field(0.1, gt=0, lt=0.9)
    """That share, of the training sentences."""
    best_by: Literal["entity-f1", "loss"] = "entity-f1"
    """What the best step is chosen by, of the validation sentences."""
    stride: int = Field(32, ge=0, le=512)
    """Tokens that two windows of a long text share; each word is decided where it has more text around it."""
    max_bad_share: float = Field(0.1, ge=0, le=1)
    """Share of sentences that may be rejected when they are read; above it the run fails."""


class TaggerGate(Config):
    """When a trained tagger is released."""

    least_gain: Annotated[float, Common] = Field(0.0, ge=-1, le=1)
    """The lower end of the 95 % interval of the paired difference in entity F1 to a list of the training entities must
    lie above it."""
    least_f1: float = Field(0.0, ge=0, le=1)
    """Entity F1 on the held-out sentences that must be reached too."""
    resamples: int = Field(1_000, ge=100, le=100_000)
    """Bootstrap samples of sentences an interval is made of."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Same seed, same intervals."""
