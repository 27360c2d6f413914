"""How pictures are captioned, and what the captions are judged by."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Common, Config
from configs.finetune import Training
from configs.models import SMOLLM2


class PictureParts(Config):
    """Which described pictures are learned from, and which are kept apart."""

    near_duplicate: float = Field(0.95, gt=0, le=1)
    """Pictures whose features have this cosine are near copies, which stay in one part: else they leak."""
    parts: int = Field(10, ge=3, le=50)
    """Parts of the described pictures: one is held out, one chooses the best step, the others are learned from."""
    least: int = Field(60, ge=20)
    """Described pictures that are needed; with fewer the run is refused."""
    seed: int = Field(0, ge=0)
    """Divides the groups of near copies into parts."""


class CaptionTraining(Training):
    """How the network before the language model is trained; it begins with weights that were drawn."""

    num_train_epochs: Annotated[float, Common] = Field(2.0, gt=0, le=1_000)
    """Passes over the described pictures. With bf16 a pass over 2,000 takes some two minutes of a core."""
    per_device_train_batch_size: int = Field(16, ge=1, le=4_096)
    """Pictures that go through the language model at a time."""
    learning_rate: Annotated[float, Common] = Field(3e-3, gt=0, le=10)
    """How far a step goes at most; far more than where weights were trained before."""


class EmbeddedCaptioner(Config):
    """A small network before a small language model that stays as it is; trained here on the described pictures."""

    kind: Literal["embedded"] = "embedded"
    model: Annotated[str, Common] = SMOLLM2
    """The language model: a name that `python -m flows models` lists, an id on the hub, or a folder; it must continue
    texts. Larger: better sentences, slower training."""
    prompt: str = Field("Picture", min_length=1, max_length=200)
    """Words between picture and caption. Longer: slower, each token a tenth or so."""
    prefix_tokens: int = Field(3, ge=1, le=64)
    """Token embeddings a picture becomes. Larger: more of the picture, more to learn from the same pictures."""
    hidden_size: int = Field(256, ge=8, le=8_192)
    """Numbers between the two layers of the network; 256 and 3 tokens are 0.77 million weights."""
    max_new_tokens: int = Field(24, ge=2, le=256)
    """Tokens of a caption at most; descriptions are cut there too."""
    training: Annotated[CaptionTraining, Common] = CaptionTraining()
    """How the network is trained; `max_seq_length` is not read, for `max_new_tokens` says it."""


Captioner = EmbeddedCaptioner  # told apart by `kind`; another kind makes this a union
