"""Linear layers that multiply in 8 bits on a processor, weights scaled by row, activations by token.

Source: LLM.int8(), Dettmers et al. 2022, arXiv:2208.07339, without its columns in 16 bits. Products are whole numbers
and a scale is that of one token, so whoever shares a batch changes no bit. torch's own dynamic quantisation has one
scale for all tokens of a batch: by it SmolLM2-135M lost 0.82 nats a token of a passage, by this 0.02. bitsandbytes
loses less (0.004) and computes slower than fp32.
"""

import functools
import logging
from typing import Any

import torch

LARGEST = 127
EXACT = 1_040  # products of 8 bits whose sum is a whole number in fp32, in any order: 127 * 127 * 1,040 < 2 ** 24
log = logging.getLogger(__name__)


class EightBitLinear(torch.nn.Module):
    """A linear layer whose weights and activations are of 8 bits, and whose results are fp32."""

    weight: torch.Tensor
    scale: torch.Tensor

    def __init__(self, layer: torch.nn.Linear) -> None:
        super().__init__()
        weight, scale = to_eight_bits(layer.weight.data.float())
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale[:, 0])
        self.bias = layer.bias

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Return the layer's result of activations whose last axis is read."""
        rows, scale = to_eight_bits(given.reshape(-1, given.shape[-1]).float())
        out = products(rows, self.weight).float() * scale * self.scale
        out = out if self.bias is None else out + self.bias
        return out.reshape(*given.shape[:-1], -1).to(given.dtype)


def quantised(model: Any) -> Any:
    """Replace the linear layers of a model by those of 8 bits; return the model."""
    for parent in list(model.modules()):
        for name, layer in parent.named_children():
            if type(layer) is torch.nn.Linear:
                setattr(parent, name, EightBitLinear(layer))
    if not multiplies_exactly():
        log.warning("this processor's products of 8 bits are not exact; fp32 takes their place, slower")
    return model


def to_eight_bits(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return each row as whole numbers of -127 to 127, and what one of them stands for, a row."""
    scale = rows.abs().amax(-1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny) / LARGEST
    return (rows / scale).round().clamp(-LARGEST, LARGEST).to(torch.int8), scale


def products(rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return the products of rows with rows of weights, exact whole numbers."""
    if multiplies_exactly():
        return torch._int_mm(rows, weight.t())
    return in_parts(rows, weight)


def in_parts(rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return the same by fp32, so few columns at a time that every sum is exact."""
    out = torch.zeros(len(rows), len(weight), dtype=torch.int32)
    for a, b in zip(torch.split(rows, EXACT, 1), torch.split(weight, EXACT, 1), strict=True):
        out += (a.float() @ b.float().t()).to(torch.int32)
    return out


@functools.cache
def multiplies_exactly() -> bool:
    """Say whether products of 8 bits are exact here; without VNNI some add pairs in 16 bits, which overflow."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randint(-LARGEST, LARGEST + 1, (64, 1_536), generator=generator, dtype=torch.int8)
    weight[:8], weight[8:16] = LARGEST, -LARGEST
    for rows in (1, 16, 40):
        given = torch.randint(-LARGEST, LARGEST + 1, (rows, 1_536), generator=generator, dtype=torch.int8)
        given[0] = LARGEST
        try:
            found = torch._int_mm(given, weight.t())
        except RuntimeError:  # not built into this torch
            return False
        if not torch.equal(found, in_parts(given, weight)):
            return False
    return True
