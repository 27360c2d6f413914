"""Run a static encoder: the vector of a text is the mean of the vectors its tokens have in a table.

Shapes: B rows of a batch, L padded tokens, D width, V rows of the table.
Source: model2vec (github.com/MinishLab/model2vec) and `StaticEmbedding` of sentence-transformers.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.data.models import Encoder
from tasks.errors import ModelError
from tasks.models import files as model_files
from tasks.models.tokenizers import read_tokenizer

BATCH_TOKENS = 65_536
BLOCK = 4_096  # token vectors in memory at a time

Floats = npt.NDArray[np.float32]


class StaticForward:
    """A table of token vectors."""

    def __init__(self, encoder: Encoder) -> None:
        folder = model_files.tokenizer_file(encoder.model).parent
        self.batch_tokens = BATCH_TOKENS
        self.table = load(folder)
        self.left_out = unknown_token(folder) if encoder.pooling == "mean_known" else None

    def __call__(self, tokens: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]) -> Floats:
        """Return (B, D) unit-length rows for (B, L) tokens; NaN where there is no direction."""
        kept = (mask == 1) & (tokens != -1 if self.left_out is None else tokens != self.left_out)
        sums = np.stack([self._sum(row[keep]) for row, keep in zip(tokens, kept, strict=True)])
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        unit = np.divide(sums, lengths, out=np.full_like(sums, np.nan), where=lengths > 0)
        return np.asarray(unit, dtype=np.float32)

    def _sum(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Sum the vectors of tokens, some at a time; at unit length the sum is the mean."""
        total = np.zeros(self.table.shape[1])
        for start in range(0, len(ids), BLOCK):
            total += self.table[ids[start : start + BLOCK]].sum(axis=0, dtype=np.float64)
        return total


def load(folder: Path) -> Floats:
    """Return the (V, D) vector of every token; where tokens share rows or have weights, those are worked in.

    Raises:
        ModelError: The weights cannot be read, or a token of the tokenizer has no row.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / "model.safetensors"
    try:
        with safe_open(path, framework="numpy") as weights:
            tensors: dict[str, Any] = {name: weights.get_tensor(name) for name in weights.keys()}  # noqa: SIM118
    except (SafetensorError, TypeError) as error:
        raise ModelError(f"{path} cannot be read ({error}); download the model again, in 32 or 16 bits") from error
    table = np.asarray(tensors[model_files.static_table(folder)[0]], dtype=np.float32)
    if "mapping" in tensors:
        table = table[tensors["mapping"]]
    if "weights" in tensors:
        table = table * np.asarray(tensors["weights"], dtype=np.float32)[:, None]
    needed = 1 + max(_vocabulary(folder).get_vocab().values(), default=-1)
    if needed > len(table):
        raise ModelError(f"{path} has {len(table)} token vectors but the tokenizer {needed} tokens; download it again")
    return table


def unknown_token(folder: Path) -> int | None:
    """Return the id that stands for whatever the vocabulary does not know; None where there is none."""
    tokenizer = _vocabulary(folder)
    model = json.loads(tokenizer.to_str())["model"]
    if model.get("unk_id") is not None:  # of a unigram model
        return int(model["unk_id"])
    found = tokenizer.token_to_id(model["unk_token"]) if model.get("unk_token") else None
    return None if found is None else int(found)


def _vocabulary(folder: Path) -> Any:
    return read_tokenizer(folder / "tokenizer.json")
