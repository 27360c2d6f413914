"""What this machine has: its processor's instructions, its GPU, the packages that are installed.

Torch is loaded only where there is a driver for a GPU.
"""

import functools
import importlib.util
import platform
from collections.abc import Sequence
from pathlib import Path

BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # x86 and Arm names of native bfloat16 arithmetic
WIDE = ("amx_bf16", "avx512_bf16", "avx512_vnni", "avx512f", "avx2")  # what makes x86 fast with matrices, best first


@functools.cache
def processor_has_bf16() -> bool:
    """Return whether the processor multiplies bfloat16 natively; without that it is slower than 32 bits."""
    try:
        return bool(BF16_FLAGS & set(Path("/proc/cpuinfo").read_text("utf-8").split()))
    except OSError:  # not Linux: nothing is known, so nothing is claimed
        return False


@functools.cache
def processor() -> str:
    """Return the name of the processor, and the best it has for matrices; as much as the system tells."""
    try:
        lines = [line.partition(":") for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()]
    except OSError:
        return platform.processor() or platform.machine()
    said = {key.strip(): value.strip() for key, _, value in lines}
    name = said.get("model name") or platform.machine()
    return next((f"{name} with {flag}" for flag in WIDE if flag in said.get("flags", "").split()), name)


@functools.cache
def has_gpu() -> bool:
    """Return whether torch sees a CUDA device; without a driver torch is not even loaded."""
    if not Path("/dev/nvidiactl").exists():
        return False
    import torch

    return bool(torch.cuda.is_available())


def missing(packages: Sequence[str]) -> list[str]:
    """Return those of some packages that are not installed."""
    return [name for name in packages if importlib.util.find_spec(name) is None]


@functools.cache
def gpu() -> str:
    """Return the name of the GPU; empty where there is none."""
    if not has_gpu():
        return ""
    import torch

    return str(torch.cuda.get_device_name())
