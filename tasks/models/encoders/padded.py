"""Run batches with torch, in 32-bit floats or bfloat16, on a processor or a GPU.

Shapes: B rows of a batch, L padded tokens, D width.
Source: pooling as in Sentence-BERT (Reimers & Gurevych 2019, arXiv:1908.10084).
"""

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.data.models import Fingerprint
from tasks.errors import ContractError
from tasks.models import batch_size
from tasks.models import files as model_files
from tasks.models.whole import POOLER, load_whole

CPU_BATCH_TOKENS = 256 * max(2, os.cpu_count() or 2)  # the cores there are, not those a run may use: same bits


class TorchForward:
    """A model loaded by transformers."""

    def __init__(self, wanted: Fingerprint, attention: str = "sdpa") -> None:
        import torch

        self.device = wanted.numerics.engine.removeprefix("torch-")
        self.pooling = wanted.encoder.pooling
        dtype = torch.bfloat16 if wanted.numerics.precision == "bf16" else torch.float32
        self.model = load(wanted.encoder.model, dtype, attention).to(self.device)
        self.batch_tokens = CPU_BATCH_TOKENS if self.device == "cpu" else self._largest(wanted)

    def _largest(self, wanted: Fingerprint) -> int:
        """Return what a GPU runs best with: found before, or tried now."""
        if (known := batch_size.remembered(wanted)) is not None:
            return known
        timed = batch_size.seconds_of(self, min(batch_size.WIDTH, wanted.encoder.max_tokens))
        return batch_size.remember(wanted, batch_size.pick(timed, batch_size.SIZES))

    def __call__(self, tokens: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return (B, D) unit-length rows for (B, L) tokens; NaN where there is no direction."""
        import torch

        with torch.inference_mode():
            states, attention = self._last(tokens, mask)
            pooled = pool(states, attention, self.pooling)
            unit = pooled / torch.linalg.vector_norm(pooled, dim=1, keepdim=True)
        return np.asarray(unit.cpu().numpy(), dtype=np.float32)

    def states(self, tokens: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return (B, L, D) unit-length vectors of the tokens; NaN where there is no direction."""
        import torch

        with torch.inference_mode():
            states, _ = self._last(tokens, mask)
            unit = states / torch.linalg.vector_norm(states, dim=2, keepdim=True)
        return np.asarray(unit.cpu().numpy(), dtype=np.float32)

    def _last(self, tokens: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]) -> tuple[Any, Any]:
        """Return the last hidden states (B, L, D) and the mask (B, L), on the device."""
        import torch

        attention = torch.from_numpy(mask).to(self.device)
        found = self.model(input_ids=torch.from_numpy(tokens).to(self.device), attention_mask=attention)
        return found.last_hidden_state.float(), attention


def load(model: str, dtype: Any, attention: str = "sdpa") -> Any:
    """Load a transformers encoder from its files, for inference; no code of the model's own is run.

    Args:
        model: Id or folder.
        dtype: Of torch.
        attention: Name that transformers has for how its layers attend.

    Raises:
        ModelError: Its weights are not those that its config asks for.
    """
    from transformers import AutoModel

    folder = model_files.locate(model).folder
    loaded = load_whole(AutoModel, folder, new=(POOLER,), dtype=dtype, attn_implementation=attention)
    return loaded.eval()


def pool(states: Any, mask: Any, how: str) -> Any:
    """Make one vector of the token vectors of each text.

    Args:
        states: (B, L, D) token vectors.
        mask: (B, L), 1 where there is a token; padding is on the right.
        how: One of `tasks.models.files.POOLINGS`.

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
    raise ContractError(f"pooling is {how!r} but one of {sorted(model_files.POOLINGS.values())} was needed")
