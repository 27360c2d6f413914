"""How a topic is put into words."""

from typing import Literal

from pydantic import Field

from configs.base import Config
from configs.generators import LanguageModel, LocalModel

Way = Literal["keybert", "mmr", "part-of-speech"]


class CTfIdf(Config):
    """Words frequent in a topic and rare in the others (class-based TF-IDF), and other ways beside them."""

    kind: Literal["c-tf-idf"] = "c-tf-idf"
    words: int = Field(10, ge=3, le=50)
    """Words kept a topic."""
    min_documents: int = Field(2, ge=1)
    """Documents a word must stand in to count."""
    language: str = Field("auto", pattern=r"^(auto|none|[a-z]{2})$")
    """Whose stop words are left out, and whose stems tell words apart: auto, each document's own language and stems of
    the commonest; none: no stop words; else an ISO 639-1 code, as en or de."""
    beside: tuple[Way, ...] = ("keybert", "mmr")
    """Other ways to choose words, shown side by side. part-of-speech needs the extra `pos`."""
    diversity: float = Field(0.5, ge=0, le=1)
    """Of mmr: 0 keeps the closest words, 1 looks only at novelty after the first."""
    tagger: str = "en_core_web_sm"
    """Of part-of-speech: the spaCy pipeline that tags words."""


class Written(Config):
    """Names by a language model; where the held-out members do not bear one out, the topic's own words stand."""

    generator: LanguageModel = LocalModel()
    """What writes them."""
    prompt: str = "topic-label"
    """Name of the prompt file in `configs/prompts`, or a path, with the places {keywords} and {documents}."""
    members: int = Field(4, ge=1, le=50)
    """Members the model is shown, those nearest the centre; none of them judges."""
    words: int = Field(5, ge=1, le=12)
    """Words a name has at most; a longer one is not taken."""
    wording: Literal["constrained", "free"] | None = None
    """constrained: the model chooses among twelve words and phrases that enough of the members which do not judge bear
    out. free: it writes as it likes, which a weak one cannot. Null: constrained for a model that runs here, free for a
    server."""
    prompt_tokens: int = Field(2_048, ge=128, le=1_000_000)
    """Tokens of a prompt at most; members are cut to fit, all alike."""
    max_tokens: int = Field(32, ge=4, le=1_024)
    """Tokens of a reply at most; one that is cut there is not taken."""


class Labels(Config):
    """Short names made of a topic's own words and phrases."""

    words: int = Field(3, ge=1, le=6)
    """Words a phrase has at most."""
    candidate_documents: int = Field(100, ge=5, le=10_000)
    """Members nearest the centre that phrases are taken from."""
    min_support: float = Field(0.7, ge=0, le=1)
    """Share of the held-out members that must bear a label out; else the next candidate is tried."""
    holdout: int = Field(20, ge=1, le=1_000)
    """Members held out: they judge labels and make none."""
    seed: int = Field(0, ge=0)
    """Same seed, same members held out."""
    written: Written | None = None
    """Lets a language model propose names, judged by the same members; null for the topic's own words alone."""


Represent = CTfIdf
