"""Which device and precision a model runs with, and why; decided without loading torch where that can be."""

import functools
from pathlib import Path
from typing import Literal

from tasks.data import Numerics
from tasks.errors import ContractError

BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # x86 and Arm names of native bfloat16 arithmetic


@functools.cache
def processor_has_bf16() -> bool:
    """Return whether the processor multiplies bfloat16 natively; without that it is slower than 32 bits."""
    try:
        return bool(BF16_FLAGS & set(Path("/proc/cpuinfo").read_text("utf-8").split()))
    except OSError:  # not Linux: nothing is known, so nothing is claimed
        return False


@functools.cache
def has_gpu() -> bool:
    """Return whether torch sees a CUDA device; without a driver torch is not even loaded."""
    if not Path("/dev/nvidiactl").exists():
        return False
    import torch

    return bool(torch.cuda.is_available())


def choose(precision: Literal["auto", "exact", "bf16"], device: Literal["auto", "cpu", "cuda"]) -> Numerics:
    """Choose how an encoder runs, and say why.

    Raises:
        ContractError: What was asked for is not there.
    """
    if device == "cuda" and not has_gpu():
        raise ContractError("embed.device is cuda but torch sees no GPU here; use auto or cpu, or run on the gpu pool")
    engine = "torch-cuda" if device != "cpu" and has_gpu() else "torch-cpu"
    native = engine == "torch-cuda" or processor_has_bf16()
    if precision == "bf16" and not native:
        raise ContractError("embed.precision is bf16 but this processor has no bfloat16 arithmetic; use auto or exact")
    if precision != "auto":
        return Numerics(precision=precision, engine=engine, reason="as configured")
    where = "the GPU" if engine == "torch-cuda" else "the processor"
    if native:
        return Numerics(precision="bf16", engine=engine, reason=f"{where} multiplies bfloat16 natively")
    return Numerics(precision="exact", engine=engine, reason=f"{where} has no native bfloat16")
