"""Vectors of the tokens of a text, for what compares texts token by token.

Shapes: N texts, T tokens of a text, B rows of a batch, L padded tokens, D width.
Source: ours; token vectors of an encoder are its last hidden states, before they are pooled.
"""

from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from tasks.data.models import Fingerprint, Numerics
from tasks.errors import ModelError
from tasks.models.encoders import load as encoders
from tasks.models.encoders.base import EncodingEngine, Meter
from tasks.models.encoders.padded import TorchForward

Floats = npt.NDArray[np.float32]


def fingerprint(own: Fingerprint, model: str | None) -> Fingerprint:
    """Describe the encoder of token vectors as it would run here, without loading it.

    Args:
        own: The collection's encoder; precision and device are taken from it, and int8 becomes 32-bit floats.
        model: Another encoder, None for the collection's own.

    Raises:
        ModelError: There is no such model, it cannot be trusted, or it has no token vectors.
    """
    like = own.numerics
    precision: Literal["fp32", "bf16"] = "bf16" if like.precision == "bf16" else "fp32"
    device = "cuda" if like.engine == "torch-cuda" else "cpu"
    wanted = own if model is None else encoders.fingerprint(model, precision, device)
    if wanted.encoder.architecture != "transformer":
        raise ModelError(
            f"{wanted.encoder.model} is a {wanted.encoder.architecture} encoder but one that gives tokens a vector "
            "was needed; set rerank.model to one, or rerank.kind to cross-encoder or mmr"
        )
    if model is None:
        wanted = encoders.runnable(own)
    if wanted.numerics.precision == "int8":
        floats = Numerics(precision="fp32", engine="torch-cpu", reason="tokens have no vectors in int8")
        wanted = wanted.model_copy(update={"numerics": floats})
    return wanted


class TokenEngine:
    """A loaded encoder that gives a vector to every token.

    Raises:
        ModelError: The model is no longer the one that was described.
    """

    def __init__(self, wanted: Fingerprint) -> None:
        self.engine = cast("EncodingEngine", encoders.engine(wanted))
        self.forward = cast("TorchForward", self.engine.forward)

    def queries(self, texts: Sequence[str], meter: Meter | None = None) -> list[Floats]:
        """Return the token vectors of queries; see `vectors`."""
        return self.vectors(texts, self.engine.encoder.query_prompt, meter)

    def passages(self, texts: Sequence[str], meter: Meter | None = None) -> list[Floats]:
        """Return the token vectors of passages; see `vectors`."""
        return self.vectors(texts, self.engine.encoder.passage_prompt, meter)

    def vectors(self, texts: Sequence[str], prompt: str, meter: Meter | None = None) -> list[Floats]:
        """Encode texts below a prompt; return the vectors of their own tokens.

        Args:
            texts: N texts.
            prompt: Put before each; its tokens and special ones are read, but not returned.
            meter: Told what it took.

        Returns:
            For each text (T, D) unit-length rows in the order of its tokens, NaN where there is no direction; T may
            be 0. No row depends on the other texts.
        """
        encodings = self.engine.tokenised([prompt + text for text in texts])
        found: list[Floats] = [np.empty((0, self.engine.encoder.width), dtype=np.float32)] * len(texts)
        meter = meter or Meter()
        for rows, tokens, mask in self.engine.batches(encodings, meter):
            states, read = self.engine.fixed_shapes.run(self.forward.states, len(rows), tokens, mask)
            meter.padded += read
            for row, state in zip(rows, states, strict=True):
                found[row] = state[_own_tokens(encodings[row], len(prompt))]
        return found


def _own_tokens(encoding: Any, prompt: int) -> list[int]:
    """Return the positions of tokens that are neither special nor within the first `prompt` characters."""
    spans = zip(encoding.special_tokens_mask, encoding.offsets, strict=True)
    return [place for place, (special, (_, end)) in enumerate(spans) if not special and (end > prompt or not prompt)]
