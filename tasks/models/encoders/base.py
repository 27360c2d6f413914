"""The one forward engine: tokenise, group by length, run, restore the order.

Shapes: N texts, B rows of a batch, L padded tokens, D width.
Source: batches of fixed shape are ours.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from configs.models import EMBEDDED
from tasks.data.models import Encoder, Fingerprint
from tasks.models import batch_size, batching, fixed_shapes
from tasks.models import files as model_files
from tasks.models.fixed_shapes import PaddingProbe
from tasks.models.tokenizers import read_tokenizer

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Meter:
    """Counts what went through an engine.

    Attributes:
        tokens: Tokens, special ones included, padding not.
        padded: The same with padding.
        truncated: Texts longer than the model reads.
        moved: Told the tokens of each batch that is done.
        done: Given which texts a batch held, and their vectors, as soon as they are there.
    """

    tokens: int = 0
    padded: int = 0
    truncated: int = 0
    moved: Callable[[int], None] = lambda tokens: None
    done: Callable[[Ints, Floats], None] = lambda rows, vectors: None


def tokenizer(encoder: Encoder) -> Any:
    """Return the encoder's tokenizer, the embedded one for a server's; what looks like a special token stays text."""
    if encoder.architecture == "dual":
        from tasks.models.vision.dual_tokens import DualTokenizer

        return DualTokenizer(encoder)
    local = EMBEDDED if encoder.architecture == "remote" else encoder.model
    made = read_tokenizer(model_files.tokenizer_file(local))
    made.no_padding()
    made.no_truncation()
    made.encode_special_tokens = True
    return made


def count_tokens(encoder: Encoder, texts: Sequence[str]) -> list[int]:
    """Return the tokens of each text, special ones included, before any truncation."""
    special = encoder.architecture != "static"
    return [len(e.ids) for e in tokenizer(encoder).encode_batch(list(texts), add_special_tokens=special)]


def padded(ids: Sequence[Sequence[int]], height: int, width: int, filler: int, pad: int = 0) -> tuple[Ints, Ints]:
    """Return tokens and mask (height, width) of fixed shape.

    Args:
        ids: Tokens of each text.
        height: Rows; those past the texts, and those of texts without tokens, hold one filler token.
        width: Tokens a row.
        filler: Token of those rows.
        pad: Stands where there is no token.
    """
    tokens = np.full((height, width), pad, dtype=np.int64)
    mask = np.zeros((height, width), dtype=np.int64)
    tokens[:, 0], mask[:, 0] = filler, 1
    for row, text in enumerate(ids):
        tokens[row, : len(text)], mask[row, : len(text)] = text, 1
    return tokens, mask


class Forward(Protocol):
    """Runs a padded batch through a loaded model.

    Attributes:
        batch_tokens: Tokens a batch holds, padding included.
    """

    batch_tokens: int

    def __call__(self, tokens: Ints, mask: Ints) -> Floats:
        """Return (B, D) unit-length rows for (B, L) tokens; NaN where there is no direction."""


class Encodes(Protocol):
    """Turns texts into vectors: `EncodingEngine` here, or a server."""

    def encode(self, texts: Sequence[str], meter: Meter | None = None) -> Floats:
        """Return (N, D) unit-length rows in the order of the texts, NaN where there is no direction."""


class EncodingEngine:
    """A loaded encoder."""

    def __init__(self, ran: Fingerprint, forward: Forward) -> None:
        encoder = ran.encoder
        self.ran, self.encoder = ran, encoder
        self.forward = forward
        self.fixed_shapes = PaddingProbe(fixed_shapes.path_for(encoder.identity, ran.numerics))
        self.forward.batch_tokens = batch_size.remembered(ran) or forward.batch_tokens
        self.tokenizer = tokenizer(encoder)
        self.tokenizer.enable_truncation(encoder.max_tokens)
        self.filler = next(iter(self.tokenizer.encode("").ids), 0)

    def encode(self, texts: Sequence[str], meter: Meter | None = None) -> Floats:
        """Encode texts as they are; prompts are put before them by the caller.

        Args:
            texts: N texts.
            meter: Told what it took.

        Returns:
            (N, D) unit-length rows in the order given, NaN where the model gave nothing that has a direction. No row
            depends on the others.
        """
        encodings = self.tokenised(texts)
        vectors = np.full((len(encodings), self.encoder.width), np.nan, dtype=np.float32)
        meter = meter or Meter()
        for rows, part in self._parts(encodings, meter):
            vectors[rows] = part
            meter.done(np.asarray(rows), part)
        vectors[[not e.ids for e in encodings]] = np.nan
        return vectors

    def tokenised(self, texts: Sequence[str]) -> list[Any]:
        """Return the encodings of texts, cut where the model ends, special tokens included where it has any."""
        special = self.encoder.architecture == "transformer"
        return list(self.tokenizer.encode_batch(list(texts), add_special_tokens=special))

    def _parts(self, encodings: Sequence[Any], meter: Meter) -> Iterator[tuple[Ints, Floats]]:
        """Yield which texts went through the model together, and their vectors."""
        for rows, tokens, mask in self.batches(encodings, meter):
            found, read = self.fixed_shapes.run(self._within_memory, len(rows), tokens, mask)
            meter.padded += read
            yield rows, found

    def batches(self, encodings: Sequence[Any], meter: Meter) -> Iterator[tuple[Ints, Ints, Ints]]:
        """Yield which texts are in each batch of fixed shape, its tokens and its mask."""
        lengths = np.array([len(e.ids) for e in encodings], dtype=np.int64)
        for batch in batching.cut(np.maximum(lengths, 1), tokens=self.forward.batch_tokens):
            width = min(batch.width, self.encoder.max_tokens)  # a model has no positions past these
            tokens, mask = padded([encodings[row].ids for row in batch.rows], batch.height, width, self.filler)
            yield batch.rows, tokens, mask
            meter.moved(int(lengths[batch.rows].sum()))
        meter.tokens += int(lengths.sum())
        meter.truncated += sum(bool(e.overflowing) for e in encodings)

    def _within_memory(self, tokens: Ints, mask: Ints) -> Floats:
        """Run a batch, in halves where memory runs out; the size that fits is kept for this machine."""
        parts: list[Floats] = []
        row = 0
        while row < len(tokens):
            height = min(len(tokens), max(1, self.forward.batch_tokens // tokens.shape[1]))
            try:
                parts.append(self.forward(tokens[row : row + height], mask[row : row + height]))
            except (RuntimeError, MemoryError) as error:
                if height == 1 or not batch_size.is_out_of_memory(error):
                    raise
                log.warning("out of memory with %d texts of %d tokens; the batch is halved", height, tokens.shape[1])
                self.forward.batch_tokens = batch_size.remember(self.ran, tokens.shape[1] * (height // 2))
            else:
                row += height
        return np.concatenate(parts)
