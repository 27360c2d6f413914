"""How words, or items, get vectors from what they stand beside."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Common, Config
from configs.models import EMBEDDED
from configs.samples import BANK


class Word2Vec(Config):
    """Learn a vector for every word, or item, from those that stand near it."""

    vector_size: Annotated[int, Common] = Field(64, ge=2, le=1_000)
    """Dimension of the vectors."""
    window: Annotated[int, Common] = Field(5, ge=1, le=100_000)
    """Context window: words to either side; larger than the longest list: the whole of it."""
    shrink_windows: bool = True
    """Draw the window anew at each place, from 1 to `window`, so that nearer ones count more."""
    negative: int = Field(5, ge=1, le=100)
    """Words drawn at random that each pair is set against."""
    ns_exponent: float = Field(0.75, ge=-2, le=2)
    """How often common words are drawn for that: 1 as often as they are said, 0 all alike, below 0 rare ones more."""
    skip_gram: bool = True
    """Predict the neighbours from a word; else the word from its neighbours."""
    epochs: Annotated[int, Common] = Field(10, ge=1, le=1_000)
    """Passes over the sentences; each takes as long."""
    learning_rate: float = Field(0.025, gt=0, le=1)
    """Learning rate at first; it falls to almost nothing."""
    min_count: int = Field(2, ge=1, le=100_000)
    """Times a word must be said to get a vector."""
    sample: float = Field(1e-3, ge=0, le=1)
    """Share of all words above which a word is left out at random, the more the commoner; 0 leaves none out."""
    seed: int = Field(0, ge=0)
    """Same seed, same vectors."""


class Recommended(Config):
    """How the next item of a list is predicted, and judged on the last item of every list."""

    k: Annotated[int, Common] = Field(10, ge=1, le=1_000)
    """Items recommended."""
    context_items: int = Field(5, ge=1, le=100_000)
    """Items of the end of a list that the next is predicted from."""
    popularity: float = Field(1.0, ge=0, le=2)
    """How much the frequency of an item counts beside how well it goes with the list: 1 as the training implies."""
    repeats: bool = False
    """Whether an item that is in the list already may be recommended."""
    least_items: int = Field(5, ge=3, le=10_000)
    """Lists with fewer items are trained on but not judged by."""
    split: Literal["test", "development"] = "test"
    """test holds back the last item of a list; development the last but one, and never sees the last."""
    resamples: int = Field(1_000, ge=100, le=100_000)
    """Bootstrap samples an interval is made of; a share of lists or sentences has Wilson's interval: none."""


class Stated(Config):
    """A neighbour that others have found, to be shown beside ours."""

    word: str
    """The word."""
    neighbour: str
    """Its neighbour."""
    score: float = Field(ge=-1, le=1)
    """Their cosine."""


class Sense(Config):
    """A sentence that says a word in one of its senses."""

    sense: str
    """Name of the sense."""
    text: str
    """The sentence; the word stands in it once."""


class Senses(Config):
    """Compare the one vector of a word with those it has in sentences."""

    word: Annotated[str, Common] = "bank"
    """The word."""
    sentences: tuple[Sense, ...] = Field(tuple(Sense(sense=s, text=t) for s, t in BANK), min_length=4)
    """Sentences, in two senses at least."""
    model: str = EMBEDDED
    """Encoder whose last layer gives the word a vector in each sentence."""


class Related(Config):
    """What is asked of the vectors."""

    neighbours: int = Field(10, ge=1, le=1_000)
    """Neighbours shown for each word."""
    said: int = Field(1, ge=1, le=1_000_000)
    """Times a neighbour must be said to be shown, where that is known: rare ones stand near anything."""
    words: Annotated[tuple[str, ...], Common] = ()
    """Words whose neighbours are shown; none: the commonest ones that are not very common."""
    analogies: Annotated[tuple[str, ...], Common] = ()
    """Sums of words, as `king - man + woman`."""
    pairs_of: str = "the quick brown fox jumps over the lazy dog"
    """Sentence, or items with blanks between, that is shown as (word, neighbour, negatives)."""
    stated: tuple[Stated, ...] = ()
    """Neighbours that others have found."""
