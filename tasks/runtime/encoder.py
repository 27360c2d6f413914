"""The one forward engine: tokenise, group by length, run, pool, restore the order.

Shapes: N texts, B rows of a batch, L padded tokens, D width.
Source: pooling as in Sentence-BERT (Reimers & Gurevych 2019, arXiv:1908.10084); batches of fixed shape are ours.
"""

import functools
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.data import Encoder, Fingerprint
from tasks.errors import ContractError, ModelError
from tasks.runtime import batching, device, models

BATCH_TOKENS = {"torch-cpu": 512, "torch-cuda": 32_768}
_loading = threading.Lock()
# Read when torch is loaded. By default idle threads spin: two runs on two cores then take seven times as long each.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@dataclass(slots=True)
class Meter:
    """Counts what went through an engine.

    Attributes:
        tokens: Tokens, special ones included, padding not.
        padded: The same with padding.
        truncated: Texts longer than the model reads.
    """

    tokens: int = 0
    padded: int = 0
    truncated: int = 0


def fingerprint(model: str, precision: Any, where: Any) -> Fingerprint:
    """Describe an encoder as it would run here, without loading it."""
    return Fingerprint(encoder=models.describe(model), numerics=device.choose(precision, where))


def tokenizer(encoder: Encoder) -> Any:
    """Return the encoder's tokenizer; text that looks like a special token stays text."""
    from tokenizers import Tokenizer

    made = Tokenizer.from_file(str(models.locate(encoder.model).folder / "tokenizer.json"))
    made.no_padding()
    made.no_truncation()
    made.encode_special_tokens = True
    return made


def count_tokens(encoder: Encoder, texts: Sequence[str]) -> list[int]:
    """Return the tokens of each text, special ones included, before any truncation."""
    return [len(e.ids) for e in tokenizer(encoder).encode_batch(list(texts))]


def engine(wanted: Fingerprint) -> "Engine":
    """Return the loaded engine of a fingerprint; a process loads it once."""
    with _loading:
        return _engine(wanted)


@functools.cache
def _engine(wanted: Fingerprint) -> "Engine":
    return Engine(wanted)


@dataclass
class Engine:
    """A loaded encoder."""

    wanted: Fingerprint
    model: Any = field(init=False)
    tokenizer: Any = field(init=False)
    filler: int = field(init=False)

    def __post_init__(self) -> None:
        """Load the model; refuse weights that are not the ones described."""
        import torch
        from transformers import AutoModel
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        found = models.describe(self.wanted.encoder.model)
        if found.identity != self.wanted.encoder.identity:
            raise ModelError(f"{found.model} has changed since it was described; build the collection again")
        numerics = self.wanted.numerics
        self.tokenizer = tokenizer(found)
        self.tokenizer.enable_truncation(found.max_tokens)
        self.filler = next(iter(self.tokenizer.encode("").ids), 0)
        self.model = AutoModel.from_pretrained(
            models.locate(found.model).folder,
            dtype=torch.bfloat16 if numerics.precision == "bf16" else torch.float32,
            attn_implementation="sdpa",
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
        self.model.eval().to(self.device)

    @property
    def device(self) -> str:
        """Where the model runs, in torch's words."""
        return self.wanted.numerics.engine.removeprefix("torch-")

    def encode(self, texts: Sequence[str], meter: Meter | None = None) -> npt.NDArray[np.float32]:
        """Encode texts as they are; prompts are put before them by the caller.

        Args:
            texts: N texts.
            meter: Told what it took.

        Returns:
            (N, D) unit-length rows in the order given, NaN where the model gave nothing that has a direction. No row
            depends on the others.
        """
        meter = meter or Meter()
        encodings = self.tokenizer.encode_batch(list(texts))
        ids = [e.ids for e in encodings]
        lengths = np.array([len(i) for i in ids], dtype=np.int64)
        vectors = np.full((len(ids), self.wanted.encoder.width), np.nan, dtype=np.float32)
        for batch in batching.cut(lengths, tokens=BATCH_TOKENS[self.wanted.numerics.engine]):
            width = min(batch.width, self.wanted.encoder.max_tokens)  # a model has no positions past these
            vectors[batch.rows] = self._run([ids[row] for row in batch.rows], width, batch.height)
            meter.padded += width * batch.height
        meter.tokens += int(lengths.sum())
        meter.truncated += sum(bool(e.overflowing) for e in encodings)
        return vectors

    def _run(self, ids: Sequence[Sequence[int]], width: int, height: int) -> npt.NDArray[np.float32]:
        """Run one batch of fixed shape; rows past the texts hold one filler token."""
        import torch

        tokens = np.zeros((height, width), dtype=np.int64)
        mask = np.zeros((height, width), dtype=np.int64)
        tokens[:, 0], mask[:, 0] = self.filler, 1
        for row, text in enumerate(ids):
            tokens[row, : len(text)], mask[row, : len(text)] = text, 1
        with torch.inference_mode():
            attention = torch.from_numpy(mask).to(self.device)
            states = self.model(input_ids=torch.from_numpy(tokens).to(self.device), attention_mask=attention)
            pooled = pool(states.last_hidden_state.float(), attention, self.wanted.encoder.pooling)
            unit = pooled / torch.linalg.vector_norm(pooled, dim=1, keepdim=True)
        return np.asarray(unit[: len(ids)].cpu().numpy(), dtype=np.float32)


def pool(states: Any, mask: Any, how: str) -> Any:
    """Make one vector of the token vectors of each text.

    Args:
        states: (B, L, D) token vectors.
        mask: (B, L), 1 where there is a token; padding is on the right.
        how: One of `tasks.runtime.models.POOLINGS`.

    Returns:
        (B, D).

    Raises:
        ContractError: No such pooling.
    """
    weights = mask[..., None].to(states.dtype)
    match how:
        case "mean":
            return (states * weights).sum(1) / weights.sum(1)
        case "mean_sqrt_len":
            return (states * weights).sum(1) / weights.sum(1).sqrt()
        case "cls":
            return states[:, 0]
        case "max":
            return states.masked_fill(weights == 0, float("-inf")).amax(1)
        case "lasttoken":
            last = (mask.sum(1) - 1)[:, None, None].expand(-1, 1, states.shape[-1])
            return states.gather(1, last).squeeze(1)
    raise ContractError(f"pooling is {how!r} but one of {sorted(models.POOLINGS.values())} was needed")
