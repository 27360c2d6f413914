"""When a generation becomes the live one of its collection, and how many are kept."""

from pydantic import Field

from configs.base import Config


class Verify(Config):
    """How a generation is tried before anyone reads it: passages drawn at random must be found again."""

    probes: int = Field(32, ge=1, le=10_000)
    """Passages looked for, by their own vector and by their own words."""
    found_by_vector: float = Field(1.0, ge=0, le=1)
    """Share of them whose own vector must find them, or an equal one, first. An approximate index may need less."""
    found_by_words: float = Field(0.5, ge=0, le=1)
    """Share of them whose own words must find them among the first few; those without an indexed word do not count.
    Texts made of the same words stand in each other's way; rows that have slipped leave hardly any."""
    seed: int = Field(0, ge=0)
    """Same seed, same passages."""


class Gate(Config):
    """Refuse a generation whose retrieval is worse than the live one's, by questions whose answers both hold.

    Compared is nDCG, question by question, the way `retrieve` finds passages; a generation is refused when the whole
    95 % interval of the mean difference lies below `-tolerance`. Asked are the questions of the development split and
    those without a split, never the test split, which is kept to report on.
    """

    tolerance: float = Field(0.0, ge=0, le=1)
    """How much nDCG may fall, from 0 to 1. Larger: more is let through."""
    min_questions: int = Field(10, ge=2, le=100_000)
    """With fewer questions in common nothing is compared, and the result says so."""


class Publish(Config):
    """What a generation must pass to become live, and what is kept to go back to."""

    verify: Verify = Verify()
    """How it is tried by itself."""
    gate: Gate | None = Gate()
    """How it is compared with the live one; null to publish whatever is whole."""
    keep: int = Field(5, ge=1, le=10_000)
    """Generations kept, the newest ones; `store prune` frees what older ones alone needed."""
