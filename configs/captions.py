"""How pictures are captioned, and what the captions are judged by."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Common, Config, Tabs
from configs.finetune import Training
from configs.generators import ModelServer
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


class PictureQuestion(Config):
    """What a model is asked of each picture."""

    prompt: Annotated[str, Common] = Field("Describe the picture in one sentence.", max_length=4_000)
    """What it is asked of each picture: for a description, or a question. BLIP-2 continues it as it is, and describes
    where it is empty; others are asked by their chat template."""
    follow_ups: tuple[Annotated[str, Field(min_length=1, max_length=4_000)], ...] = Field((), max_length=16)
    """Questions asked after `prompt`, in turn; the model reads each with the earlier ones and its replies."""
    json_schema: str = Field("", max_length=100_000)
    """JSON Schema, as JSON, of an object that the last reply must be; its properties become columns. A model here can
    write nothing else, a server is asked for it; what does not follow it is asked for once more, then rejected."""
    max_new_tokens: Annotated[int, Common] = Field(64, ge=1, le=4_096)
    """Tokens of a reply at most; one that is cut there is marked."""
    side: int = Field(448, ge=32, le=2_048)
    """Pixels of the shorter side of what the model is shown; larger pictures are shrunk to it before. Larger: finer
    things are seen, and most models read more tokens."""


class VisionLanguageModel(PictureQuestion):
    """A model that was trained on pictures and texts, run as it is: BLIP-2, LLaVA, Qwen2-VL, Qwen2.5-VL, SmolVLM.

    Nothing is learned here, so no picture must be described; those that are judge it. Replies are greedy.
    """

    kind: Literal["vision-language"] = "vision-language"
    model: Annotated[str, Common] = Field(min_length=1)
    """Id on the hub, or the path of a folder with safetensors, tokenizer and preprocessor_config.json."""
    batch_size: int = Field(4, ge=1, le=1_024)
    """Pictures at a time. Larger: faster, more memory."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """What the model computes in; auto: bf16 where the hardware multiplies it, else fp32."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs; auto takes a GPU that is there."""


class PictureServer(PictureQuestion, ModelServer):
    """A server that sees pictures, by OpenAI's chat protocol: each leaves this machine, shrunk and encoded anew.

    Nothing of a file but its pixels is sent: no name, place or date. Else as for `generator.kind=server`.
    """

    kind: Literal["server"] = "server"
    picture_tokens: int = Field(4_096, ge=1, le=1_048_576)
    """Tokens that a picture may cost at most; so many are reserved of a budget before it is sent."""


Asked = VisionLanguageModel | PictureServer
Captioner = Annotated[EmbeddedCaptioner | VisionLanguageModel | PictureServer, Field(discriminator="kind"), Tabs]
