"""How text becomes vectors."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from configs.addresses import plain_address
from configs.base import Common, Config, NotInCacheKey
from configs.models import EMBEDDED


class Shards(Config):
    """How encoding is cut into tasks; nothing here changes a vector."""

    tokens: Annotated[int, NotInCacheKey] = Field(50_000, ge=1_000, le=10_000_000)
    """Tokens a task encodes at a time; what is finished survives a kill."""
    max_rejected_share: Annotated[float, NotInCacheKey] = Field(0.01, ge=0, le=1)
    """Share of passages that may fail to encode; above it the run fails."""


class Server(Config):
    """A server that speaks OpenAI's embeddings protocol: texts, and the questions put to them, leave this machine.

    What a server changes behind the name of a model cannot be seen here; give what has changed another name. A key is
    taken from the environment variable LLM_FLOWS_EMBED_KEY alone, and sent to `base_url` and nowhere else.
    """

    base_url: str
    """Address without `/embeddings`, as http://localhost:11434/v1."""
    max_tokens: int = Field(512, ge=16, le=32_768)
    """Longer texts are cut before they are sent; tokens as the embedded model counts them, special ones included."""
    requests: Annotated[int, NotInCacheKey] = Field(4, ge=1, le=64)
    """Requests at a time, of each process. Larger: faster until the server is busy."""
    texts: Annotated[int, NotInCacheKey] = Field(64, ge=1, le=2_048)
    """Texts a request. Larger: fewer requests; servers refuse too many."""
    timeout_s: Annotated[float, NotInCacheKey] = Field(60.0, gt=0, le=3_600)
    """Seconds a request may take, to the end of its reply, after which it is tried again, five times in all."""

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, given: str) -> str:
        """Keep to addresses that hold no secret and lead where they seem to."""
        return plain_address(given, example="http://localhost:11434/v1", key="LLM_FLOWS_EMBED_KEY")


class Readable(Config):
    """When an encoder is said not to read a text."""

    most_unread: float = Field(0.5, ge=0, le=1)
    """Share of a text's tokens that may say nothing to the encoder: unknown ones, and single letters of a language it
    does not state. Above it the run warns, and a question or what is found for it gets no answer."""


class Embed(Config):
    """Encode text with a sentence encoder."""

    model: Annotated[str, Common] = EMBEDDED
    """Id on the hub, or the path of a folder that holds a sentence-transformers or model2vec model; with a server,
    the name the server has for it."""
    precision: Annotated[Literal["auto", "fp32", "bf16", "int8"], Common] = "auto"
    """What the encoder computes in; auto: the better of fp32 and bf16. fp32: 32-bit floats. bf16: 1.5 to 1.9 times as
    fast (16 cores with AMX), refused where the hardware does not multiply it. int8: needs a processor with VNNI to be
    faster, which was not timed; with AVX2 alone (two cores) 0.8 to 1.0 times as fast as fp32. It takes a minute of
    calibration, which is kept, and the extra `int8`; for processors, and refused where the vectors move too far."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the encoder runs; auto takes a GPU that is there."""
    server: Server | None = None
    """Server that encodes in place of this machine; null for none. Texts leave the machine; precision and device stay
    on auto."""
    shards: Shards = Shards()
    """How the work is cut, and how much of it may fail."""
    readable: Readable = Readable()
    """When the encoder is said not to read a text."""
