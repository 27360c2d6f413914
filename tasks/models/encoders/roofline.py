"""The least time encoding can take on a machine: what a token needs, over what the machine multiplies a second.

A token needs two operations a parameter that is multiplied; embeddings are looked up. Attention comes on top, so the
share of the floor is a little understated for long texts. What the machine does is measured on the spot.
Source: Kaplan et al. 2020, arXiv:2001.08361, section 2.1.
"""

import functools
import math
import re
import time

from tasks.data.models import Encoder, Fingerprint
from tasks.models import files as model_files

APART = re.compile("embed|pooler")  # looked up, or run for one token of a text
SIDE = 1_024  # of the square matrices that are multiplied
ROUNDS = 8


def share(ran: Fingerprint, tokens_per_second: float) -> float | None:
    """Return the share of the machine's floor that a speed reaches; None where no floor is known."""
    if ran.encoder.architecture != "transformer" or not ran.numerics.engine.startswith("torch-"):
        return None
    device, half = ran.numerics.engine.removeprefix("torch-"), ran.numerics.precision == "bf16"
    return tokens_per_second * flops_per_token(ran.encoder) / flops_per_second(device, half=half)


def flops_per_token(encoder: Encoder) -> int:
    """Return twice the parameters of a transformer that every token is multiplied with."""
    from safetensors import safe_open

    total = 0
    for path in sorted(model_files.locate(encoder.model).folder.glob("*.safetensors")):
        with safe_open(path, framework="numpy") as weights:
            shapes = {name: weights.get_slice(name).get_shape() for name in weights.keys()}  # noqa: SIM118
        total += sum(math.prod(s) for name, s in shapes.items() if len(s) > 1 and not APART.search(name))
    return 2 * total


@functools.cache
def flops_per_second(device: str, *, half: bool) -> float:
    """Return what this machine multiplies a second on a device, in bf16 or in fp32; a process measures it once."""
    import torch

    square = torch.ones((SIDE, SIDE), dtype=torch.bfloat16 if half else torch.float32, device=device)
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        (square @ square)[0, 0].item()  # a GPU is waited for
        seconds.append(time.perf_counter() - started)
    return float(2 * SIDE**3 / min(seconds))
