"""What is asked of topics beyond finding them: known ones, slices, suspicions, identity."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Common, Config, Tabs


class Free(Config):
    """Let the documents alone say what the topics are."""

    kind: Literal["free"] = "free"


class Guided(Config):
    """Draw documents towards seeds: words or sentences that topics are expected to be about."""

    kind: Literal["guided"] = "guided"
    seeds: tuple[str, ...] = Field(min_length=1)
    """A seed a topic: words with spaces between, or a sentence."""
    weight: float = Field(0.25, ge=0, le=1)
    """0 moves nothing; 1 puts a document onto its seed."""


class ZeroShotTopics(Config):
    """Give documents to topics whose names are known; among the others topics are found."""

    kind: Literal["zero-shot"] = "zero-shot"
    topics: tuple[str, ...] = Field(min_length=1)
    """Names of the topics, as a person would say them."""
    threshold: float = Field(0.4, ge=-1, le=1)
    """Least cosine of a document and a name; below it the document is free."""


class Supervised(Config):
    """Draw documents of one known class together; those without a class follow their neighbours."""

    kind: Literal["supervised"] = "supervised"
    column: str = Field(min_length=1)
    """Column that holds the class, kept by source.keep; empty where it is not known."""


Guide = Annotated[Free | Guided | ZeroShotTopics | Supervised, Field(discriminator="kind"), Tabs]


class Slices(Config):
    """Follow topics over a column of the documents."""

    column: str = Field(min_length=1)
    """Name of the column, kept by source.keep."""
    bins: int = Field(0, ge=0, le=200)
    """Slices of equal length that a time, an ISO date or a number, is cut into; 0 where the column is a class."""


class LastRun(Config):
    """What the last run of the same name decides."""

    least_match: float = Field(0.3, gt=0, le=1)
    """Least overlap of a topic with one of the last run to bear its number."""
    stay: bool = False
    """Leave a document in the topic that it had in the last run, where that topic lives on, the document is as close
    as its members, and no other topic is closer. Off: the same documents and settings give the same topics, whatever
    ran before; the past decides numbers alone."""


class Suspicions(Config):
    """When a document is listed to be checked."""

    duplicate: float = Field(0.95, ge=0, le=1)
    """Least cosine of two documents that say almost the same."""
    classes: Annotated[str | None, Common] = None
    """Column that holds a class, kept by source.keep; documents whose neighbours agree on another are listed."""
    agreement: float = Field(0.8, ge=0, le=1)
    """Least share of the neighbours that agree on another class."""


class Judged(Config):
    """How topics are measured."""

    resamples: int = Field(1_000, ge=100, le=100_000)
    """Bootstrap samples an interval is made of; those of NMI and ARI are made of 200 at most."""
    runs: Annotated[int, Common] = Field(0, ge=0, le=50)
    """Runs with other seeds, in another order of documents, that stability is measured by; 0 for none."""
    documents: int = Field(3_000, ge=100, le=1_000_000)
    """Documents that coherence is counted in, drawn from all; more take longer."""
    classes: str | None = None
    """Column that holds a known class, kept by source.keep; clusters are compared with it."""
    seed: int = Field(0, ge=0)
    """Same seed, same intervals."""


class Covered(Config):
    """From when on the encoder is said not to know the language of the documents."""

    pieces_per_word: float = Field(2.0, ge=1, le=20)
    """Tokens a word is cut into in the mean; above it the page warns."""
    unknown_share: float = Field(0.01, ge=0, le=1)
    """Share of words with a piece that is not in the vocabulary; above it the page warns."""
