"""How a question is answered from passages."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Common, Config, Tabs
from configs.generators import LanguageModel, LocalModel, Sampling


class Extractive(Config):
    """Quote the sentences of the found passages that answer best; nothing is invented."""

    kind: Literal["extractive"] = "extractive"
    passages: Annotated[int, Common] = Field(5, ge=1, le=50)
    """Passages whose sentences are considered."""
    sentences: int = Field(3, ge=1, le=10)
    """Sentences quoted at most."""
    words: float = Field(0.5, ge=0, le=10)
    """What the words a sentence shares with the question count for, against its cosine; 0: cosine alone."""
    within: float = Field(0.75, ge=0, le=1)
    """A further sentence of the best one's document is quoted if its score is at least this share of the best."""
    elsewhere: float = Field(0.95, ge=0, le=1)
    """The same for a sentence of another document. Larger: fewer documents are cited that do not answer."""
    no_answer_below: float | None = Field(None, ge=-1, le=1)
    """Cosine of question and closest passage below which nothing is answered; left out, what the collection was
    calibrated to, else the encoder's own."""


class Generated(Config):
    """Let a language model answer from the found passages; what it says is checked against what it cites."""

    kind: Literal["generated"] = "generated"
    generator: LanguageModel = LocalModel()
    """What writes the answers."""
    sampling: Sampling = Sampling()
    """How they are drawn."""
    citations: Literal["constrained", "free"] | None = None
    """constrained: a grammar lets each sentence end with the number of a passage, or the whole reply refuse. A weak
    model then says where it points, not that it points right: figures and names are checked as ever. free: the model
    writes as it likes. Left out: constrained for a model that runs here, free for a server, few of which take a
    grammar."""
    unsupported: Literal["withhold", "show"] = "withhold"
    """A reply of which no sentence is supported by what it cites, or that cites nothing. withhold: the sentences that
    answer best are quoted in its place, and are labelled so. show: it is shown, marked as unsupported, as a table of
    questions always measures it. Of a reply that is supported in part the other sentences are marked."""
    prompt: str = "grounded"
    """Name of the prompt file in `configs/prompts`."""
    closed_prompt: str = "closed-book"
    """Name of the prompt file of answers without passages, where both are compared."""
    prompt_tokens: int = Field(2_048, ge=128, le=1_000_000)
    """Tokens of the prompt at most; passages that do not fit are left out, the best ones last."""
    quote: Extractive = Extractive()
    """How many passages are read, and when the model is not even asked."""


Generate = Annotated[Extractive | Generated, Field(discriminator="kind"), Tabs]
