"""Leave the filler rows of a batch out where that changes no bit: found out on the work itself, kept for a machine.

    batch-heights/<host>-<processor>-<threads>-<library>-<model>.json    {"3 of 32 x 16": true}

Batches have fixed shapes, so that the arithmetic done for a text does not depend on who shares its batch. Most kernels
do the same for a row whatever stands below it, and then filler is work for nothing; whether they do hangs on library,
processor, threads and shape, and is said nowhere. So the first batch of a shape that is not full runs both ways, and
where all bits agree, later ones of that shape run without filler.

Shapes: H rows of a batch, R of them texts, L padded tokens.
"""

import platform
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks import hardware
from tasks.data.models import Numerics
from tasks.errors import StoreError
from tasks.store import durable, workspace

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def path_for(model: str, numerics: Numerics) -> Path | None:
    """Return where is kept what was found for a model; None where batches always run whole: on GPUs, in int8."""
    if numerics.engine != "torch-cpu":
        return None
    import torch

    runs = (platform.node(), hardware.processor(), torch.get_num_threads(), torch.__version__)
    name = re.sub(r"[^a-z0-9]+", "-", "-".join(map(str, (*runs, numerics.stored_precision, model[:16]))).lower())
    return workspace.folder("batch-heights") / f"{name}.json"


class PaddingProbe:
    """What is known of one model on this machine.

    Attributes:
        same: Shape to whether its texts come out the same, bit for bit, without filler.
    """

    def __init__(self, path: Path | None) -> None:
        self.path, self.same = path, _read(path)

    def run(self, forward: Callable[..., Floats], rows: int, *arrays: Ints) -> tuple[Floats, int]:
        """Run a batch, without its filler where that is known to change nothing.

        Args:
            forward: Gives (H, ...) for (H, L) arrays.
            rows: R, those that are texts; they come first.
            arrays: (H, L) each.

        Returns:
            (R, ...), and the tokens the model read, padding included.
        """
        height, width = arrays[0].shape
        if rows == height or self.path is None:
            return forward(*arrays)[:rows], height * width
        shape = f"{rows} of {height} x {width}"
        if self.same.get(shape):
            return forward(*(array[:rows] for array in arrays)), rows * width
        found = forward(*arrays)[:rows]
        if shape not in self.same:
            alone = forward(*(array[:rows] for array in arrays))
            self.same[shape] = bool(np.array_equal(found, alone, equal_nan=True))
            durable.write_json(self.path, {**_read(self.path), **self.same})
        return found, height * width


def _read(path: Path | None) -> dict[str, bool]:
    """Return what was found before; what cannot be read is found out again."""
    try:
        stored: Any = {} if path is None else durable.read_json(path)
        return {shape: same for shape, same in stored.items() if isinstance(same, bool)}
    except (StoreError, AttributeError):
        return {}
