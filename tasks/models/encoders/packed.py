"""Run texts one behind the other, without padding: attention keeps each text to itself by its bounds.

Every batch has the same number of tokens, the last one filled up, so that the arithmetic of a text is the same whoever
stands beside it. A GPU wants batches so large that padding them would cost more than it does on a processor.

Shapes: R texts of a batch, T tokens of them all, H heads, W width of a head, D width of a vector.
Source: variable-length attention as in FlashAttention-2 (Dao 2023, arXiv:2307.08691).
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tasks.data.models import Fingerprint
from tasks.models import batch_size
from tasks.models import files as model_files
from tasks.models.encoders.base import EncodingEngine, Floats, Ints, Meter
from tasks.models.encoders.padded import TorchForward

ATTENTION = "packed"  # its name in transformers' register
FAMILIES = ("bert", *model_files.COUNT_FROM_PADDING)  # attention is looked up by name, and positions can be given


def packs(wanted: Fingerprint) -> bool:
    """Return whether an encoder is run packed: in 16 bits on a GPU, where its layers allow it."""
    if wanted.numerics.engine != "torch-cuda" or wanted.numerics.precision != "bf16":
        return False
    config = model_files.optional(model_files.locate(wanted.encoder.model).folder / "config.json")
    return config.get("model_type") in FAMILIES


class PackedForward(TorchForward):
    """A model loaded by transformers that reads one long row of texts."""

    def __init__(self, wanted: Fingerprint) -> None:
        from transformers import AttentionInterface

        AttentionInterface.register(ATTENTION, _attend)
        config = model_files.read_config(model_files.locate(wanted.encoder.model).folder)
        counts = config["model_type"] in model_files.COUNT_FROM_PADDING
        self.first = config["pad_token_id"] + 1 if counts else 0  # before the batch size is tried out on a GPU
        super().__init__(wanted, attention=ATTENTION)

    def packed(self, ids: Ints, lengths: Ints) -> Floats:
        """Return (R, D) unit-length rows.

        Args:
            ids: (T,) tokens of all texts, one behind the other.
            lengths: (R,) tokens of each, summing to T.
        """
        import torch

        with torch.inference_mode():
            pooled = _pool(self._states(ids, lengths), lengths, self.pooling)
            unit = pooled / torch.linalg.vector_norm(pooled, dim=1, keepdim=True)
        return np.asarray(unit.cpu().numpy(), dtype=np.float32)

    def _last(self, tokens: Ints, mask: Ints) -> tuple[Any, Any]:
        """Return the last hidden states (B, L, D) and the mask (B, L) of padded texts, run without their padding."""
        import torch

        there = torch.from_numpy(mask).to(self.device)
        states = self._states(tokens[mask.astype(bool)], mask.sum(axis=1))
        full = torch.zeros(*there.shape, states.shape[-1], device=states.device)
        full[there.bool()] = states
        return full, there

    def _states(self, ids: Ints, lengths: Ints) -> Any:
        """Return the last hidden states (T, D)."""
        import torch

        bounds = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        positions = np.arange(len(ids)) - np.repeat(bounds[:-1], lengths) + self.first
        found = self.model(
            input_ids=torch.from_numpy(ids)[None].to(self.device),
            position_ids=torch.from_numpy(positions)[None].to(self.device),
            bounds=torch.from_numpy(bounds).to(self.device),
            longest=int(lengths.max()),
        )
        return found.last_hidden_state[0].float()


class PackedEngine(EncodingEngine):
    """A loaded encoder that packs texts."""

    forward: PackedForward

    def _parts(self, encodings: Sequence[Any], meter: Meter) -> Iterator[tuple[Ints, Floats]]:
        """Yield which texts went through the model together, and their vectors (R, D)."""
        meter.truncated += sum(bool(e.overflowing) for e in encodings)
        lengths = np.array([len(e.ids) for e in encodings], dtype=np.int64)
        meter.tokens += int(lengths.sum())
        waiting = np.argsort(lengths, kind="stable")[np.count_nonzero(lengths == 0) :]
        while len(waiting):
            size = max(self.forward.batch_tokens, self.encoder.max_tokens)
            rows = waiting[: np.searchsorted(np.cumsum(lengths[waiting]), size, side="right")]
            try:
                yield rows, self._packed([encodings[row].ids for row in rows], size)
            except (RuntimeError, MemoryError) as error:
                if size == self.encoder.max_tokens or not batch_size.is_out_of_memory(error):
                    raise
                self.forward.batch_tokens = batch_size.remember(self.ran, size // 2)
            else:
                meter.padded += size
                waiting = waiting[len(rows) :]

    def _packed(self, texts: Sequence[Sequence[int]], size: int) -> Floats:
        """Return the vectors (R, D) of texts in a batch that is filled up to its size."""
        lengths = [len(text) for text in texts]
        empty = size - sum(lengths)
        most = self.encoder.max_tokens
        fillers = [most] * (empty // most) + [empty % most] * bool(empty % most)
        ids = np.concatenate([*texts, np.full(empty, self.filler)])
        return self.forward.packed(ids.astype(np.int64), np.array(lengths + fillers))[: len(texts)]


def _pool(states: Any, lengths: Ints, how: str) -> Any:
    """Make one vector (R, D) of the token vectors (T, D) of each text."""
    import torch

    count = torch.from_numpy(lengths).to(states.device)
    match how:
        case "cls":
            return states[count.cumsum(0) - count]
        case "lasttoken":
            return states[count.cumsum(0) - 1]
        case "mean" | "max":
            return torch.segment_reduce(states, how, lengths=count)
    return torch.segment_reduce(states, "sum", lengths=count) / count[:, None].sqrt()


def _attend(module: Any, query: Any, key: Any, value: Any, mask: Any, **given: Any) -> tuple[Any, None]:
    """Return (1, T, H, W) of queries, keys and values (1, H, T, W), each text for itself; transformers' interface."""
    import torch
    from torch.nn.attention.varlen import varlen_attn
    from torch.nn.functional import scaled_dot_product_attention as attention

    bounds, longest, scale = given["bounds"], given["longest"], given["scaling"]
    if query.is_cuda:
        q, k, v = (x[0].transpose(0, 1).contiguous() for x in (query, key, value))
        return torch.as_tensor(varlen_attn(q, k, v, bounds, bounds, longest, longest, scale=scale))[None], None
    at = [slice(start, end) for start, end in itertools.pairwise(bounds.tolist())]
    parts = [attention(query[:, :, s], key[:, :, s], value[:, :, s], scale=scale) for s in at]
    return torch.cat(parts, dim=2).transpose(1, 2), None
