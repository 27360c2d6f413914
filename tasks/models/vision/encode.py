"""Working copies of pictures to features; a copy is squashed to a square, so that nothing at its edges is cut off.

Shapes: N pictures, F features.
"""

import io
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from tasks.models.vision import lite0

Floats = npt.NDArray[np.float32]
TOGETHER = 16  # pictures a batch; two cores are no faster with more


def squares(copies: Sequence[bytes]) -> npt.NDArray[np.uint8]:
    """Return (N, 224, 224, 3) bytes of working copies, squashed by bicubic interpolation."""
    from PIL import Image

    made = []
    for copy in copies:
        with Image.open(io.BytesIO(copy), formats=("PNG", "JPEG")) as image:
            square = image.convert("RGB").resize((lite0.SIDE, lite0.SIDE), Image.Resampling.BICUBIC)
            made.append(np.asarray(square))
    return np.stack(made)


def features(network: lite0.Lite0, copies: Sequence[bytes], advance: Callable[[int], None] | None = None) -> Floats:
    """Return (N, F) features of working copies.

    Args:
        network: With its weights.
        copies: N working copies.
        advance: Told after each batch how many it had.
    """
    found = []
    for start in range(0, len(copies), TOGETHER):
        part = copies[start : start + TOGETHER]
        with torch.inference_mode():
            given = lite0.pixels(torch.from_numpy(squares(part))).contiguous(memory_format=torch.channels_last)
            found.append(network(given).numpy())
        if advance is not None:
            advance(len(part))
    return np.concatenate(found) if found else np.empty((0, lite0.FEATURES), np.float32)
