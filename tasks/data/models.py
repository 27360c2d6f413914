"""What decides the output of an encoder or a scorer: its identity and its numerics."""

import hashlib
import json
from typing import Any, Literal

from pydantic import field_validator

from tasks.data.base import Value

STORED_FP32 = "exact"  # in digests and file names still, so that the vectors of older workspaces are found again


class Encoder(Value):
    """What decides a vector of a text, apart from rounding: the identity of an encoder.

    Attributes:
        model: Id or folder it was loaded from; a name, not part of the identity.
        revision: Commit on the hub, `embedded`, or `local`.
        weights: sha256 over the weight files; of a remote encoder over address and name, all that can be seen of it.
        tokenizer: sha256 of the tokenizer file; of a remote encoder the embedded one's, which counts and cuts.
        pooling: How token vectors become one vector: mean, cls, max, lasttoken, weightedmean, mean_sqrt_len;
            mean_known leaves out tokens that the vocabulary does not know; server is not known here.
        normalize: Whether the model itself ends in a normalisation.
        max_tokens: Longer texts are cut, special tokens included.
        width: D, dimensions.
        query_prompt: Put before every query.
        passage_prompt: Put before every passage.
        architecture: transformer; static, a table of token vectors; remote, a server; dual, which reads pictures too.
        base_url: Address of the server, empty for other architectures.
        processor: sha256 of config and picture processor, with what it runs on; empty for encoders of texts alone.
        settings: sha256 of `config.json`, as of heads and norms; empty for what this project installs and pins.
    """

    model: str
    revision: str
    weights: str
    tokenizer: str
    pooling: str
    normalize: bool
    max_tokens: int
    width: int
    query_prompt: str = ""
    passage_prompt: str = ""
    architecture: Literal["transformer", "static", "remote", "dual"] = "transformer"
    base_url: str = ""
    processor: str = ""
    settings: str = ""

    @property
    def identity(self) -> str:
        """Digest of everything but the names: two encoders with one identity share a vector space."""
        empty = {name for name in ("base_url", "processor", "settings") if not getattr(self, name)}
        return _sha256(self.model_dump_json(exclude={"model", "revision"} | empty))

    def cache_key(self) -> Any:
        """Count by identity, not by name."""
        return self.identity


class Numerics(Value):
    """How an encoder is run: it moves a vector by rounding only.

    Attributes:
        precision: fp32, bf16, int8; server, not known here. Digests are promised to be equal in fp32 alone.
        engine: Library and device, as `torch-cpu`; `openai-api` for a server.
        reason: Why this precision and device were chosen; counts for nothing.
    """

    precision: Literal["fp32", "bf16", "int8", "server"]
    engine: str
    reason: str = ""

    @field_validator("precision", mode="before")
    @classmethod
    def _read_stored(cls, given: Any) -> Any:
        """Read what older versions stored: they called fp32 exact."""
        return "fp32" if given == STORED_FP32 else given

    @property
    def stored_precision(self) -> str:
        """The precision as digests and file names have it."""
        return STORED_FP32 if self.precision == "fp32" else self.precision


class Transport(Value):
    """How a server is asked: it moves no vector.

    Attributes:
        requests: Requests at a time.
        texts: Texts a request.
        timeout_s: Seconds of silence after which a request is tried again.
    """

    requests: int
    texts: int
    timeout_s: float


class Fingerprint(Value):
    """What decides the stored vector of a text: identity and numerics.

    Attributes:
        encoder: The identity.
        numerics: How it is run.
        transport: How the server of a remote encoder is asked, None for others; counts for nothing.
    """

    encoder: Encoder
    numerics: Numerics
    transport: Transport | None = None

    @property
    def digest(self) -> str:
        """Name of the item cache that holds such vectors."""
        return _sha256(f"{self.encoder.identity} {self.numerics.engine} {self.numerics.stored_precision}")

    def cache_key(self) -> Any:
        """Count by what decides a vector, not by names and reasons."""
        return self.digest


class Scorer(Value):
    """What decides the score of a query and a passage that are read together: a cross-encoder, and how it is run.

    Attributes:
        model: Id or folder it was loaded from; a name that counts for nothing.
        revision: Commit on the hub, or `local`; counts for nothing.
        weights: sha256 over the weight files.
        tokenizer: sha256 of the tokenizer file.
        settings: sha256 of the two files that say how model and tokenizer are run.
        max_tokens: Longer pairs are cut, the longer text first, special tokens included.
        numerics: Precision and engine.
    """

    model: str
    revision: str
    weights: str
    tokenizer: str
    settings: str
    max_tokens: int
    numerics: Numerics

    def cache_key(self) -> Any:
        """Count by what decides a score, not by names and reasons."""
        counted = self.model_dump(mode="json", exclude={"model": True, "revision": True, "numerics": {"reason"}})
        counted["numerics"]["precision"] = self.numerics.stored_precision
        return _sha256(json.dumps(counted, separators=(",", ":"), ensure_ascii=False))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
