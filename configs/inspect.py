"""What is looked at inside a causal model."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Common, Config

MaskKind = Literal["full", "sliding", "sparse", "alternating"]


class Reading(Config):
    """The forward pass that is looked at."""

    top: Annotated[int, Common] = Field(10, ge=1, le=1_000)
    """Next tokens shown, the likeliest."""
    steps: int = Field(8, ge=1, le=200)
    """Steps of generation that are shown, each with its likeliest tokens."""
    control: bool = False
    """Whether special tokens spelt out in the prompt count as such, as <|assistant|> does; else they are text."""
    shown_tokens: int = Field(16, ge=2, le=64)
    """Tokens of the prompt that maps of attention are drawn of, the first ones."""
    position_offset: int = Field(7, ge=1, le=10_000)
    """Places that all positions are moved by, to show that only distances count."""
    window: int = Field(4, ge=1, le=100_000)
    """Tokens that a sliding mask lets a token look back, itself included; and the stride of the sparse one."""


class Replying(Config):
    """Greedy generation, its limit, and what is timed."""

    max_new_tokens: Annotated[int, Common] = Field(40, ge=1, le=10_000)
    """Tokens after which a reply is cut; a cut reply is flagged."""
    continue_tokens: int = Field(40, ge=1, le=10_000)
    """Tokens a cut reply is continued by; the whole must equal a reply that was never cut."""
    timed_tokens: int = Field(100, ge=2, le=10_000)
    """Tokens generated with and without cache to be timed; fewer where the model's positions end."""
    repeats: int = Field(5, ge=2, le=100)
    """Times each is timed."""
    lengths: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    """Tokens of the passes that time and memory are measured of; those past the model's positions are left out."""


class Small(Config):
    """A small model trained on bytes of text: dissected where no model is named, and trained once for each mask."""

    width: int = Field(64, ge=8, le=1_024)
    """Hidden size."""
    layers: int = Field(4, ge=2, le=24)
    """Layers: blocks of attention and feed-forward."""
    heads: int = Field(4, ge=1, le=32)
    """Heads of attention; a divisor of `width`."""
    length: int = Field(64, ge=16, le=2_048)
    """Context length in bytes."""
    batch: int = Field(16, ge=1, le=512)
    """Windows a step."""
    steps: int = Field(200, ge=1, le=100_000)
    """Steps of training; each run takes as long."""
    rate: float = Field(3e-3, gt=0, le=1)
    """Learning rate, the largest of its schedule."""
    masks: Annotated[tuple[MaskKind, ...], Common] = ("full", "sliding", "alternating")
    """Masks compared by held-out perplexity: full looks everywhere back, sliding `window` bytes, alternating both in
    turn, sparse the last bytes and every `window`-th; none compares nothing."""
    window: int = Field(16, ge=1, le=2_048)
    """Bytes a sliding mask lets a byte look back, itself included."""
    seeds: int = Field(3, ge=2, le=50)
    """Runs a mask, each from other weights and other windows."""
    holdout: float = Field(0.1, gt=0, le=0.5)
    """Share of the text, its end, that is held out."""
    seed: int = Field(0, ge=0)
    """Same seed, same model."""


class Printed(Config):
    """What others have printed of the same, to be shown beside ours."""

    next_token: str = ""
    """The likeliest next token; empty for none."""
    cut: bool | None = None
    """Whether the reply is cut; null where nobody says."""
    cache_gain: float | None = Field(None, gt=0, le=10_000)
    """How many times faster generation is with cache; null where nobody says."""
