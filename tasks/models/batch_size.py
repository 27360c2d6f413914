"""How many tokens a batch holds: so many a core on a processor, tried out on a GPU, halved where memory runs out.

    batch-tokens/<host>-<engine>-<precision>-<encoder>.json    what was found on this machine

On a processor one size serves all models, and one that hangs on the machine alone keeps vectors the same bit for bit
from workspace to workspace. A GPU is faster the more it is given, up to its memory.

Shapes: B rows of a batch, L padded tokens.
Source: ours; the same search is `auto_find_batch_size` of Hugging Face's accelerate.
"""

import platform
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tasks.data.models import Fingerprint
from tasks.errors import StoreError
from tasks.store import durable, workspace

SIZES = (8_192, 16_384, 32_768, 65_536, 131_072, 262_144)  # tokens
WORTH = 1.05  # a size twice as large must be this much faster
WIDTH = 128  # tokens a text of a trial batch, where the model reads as many
NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
Run = Callable[[npt.NDArray[np.int64], npt.NDArray[np.int64]], object]


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether a library says that memory, of the machine or its GPU, did not suffice."""
    return isinstance(error, MemoryError) or any(said in str(error).lower() for said in NO_MEMORY)


def remembered(ran: Fingerprint) -> int | None:
    """Return the size found before on this machine, None if there is none."""
    try:
        return int(durable.read_json(_path(ran))["tokens"])
    except (StoreError, KeyError, TypeError, ValueError):
        return None


def remember(ran: Fingerprint, tokens: int) -> int:
    """Keep a size for the next process of this machine; return it."""
    durable.write_json(_path(ran), {"tokens": tokens})
    return tokens


def pick(seconds_of: Callable[[int], float], sizes: Iterable[int]) -> int:
    """Return the smallest size past which a larger one is not worth it, or does not fit.

    Args:
        seconds_of: Runs a batch of so many tokens, and returns how long it took.
        sizes: Tokens, ascending; the first must fit.
    """
    best, speed = 0, 0.0
    for size in sizes:
        try:
            reached = size / seconds_of(size)
        except (RuntimeError, MemoryError) as error:
            if not best or not is_out_of_memory(error):
                raise
            break
        if reached < WORTH * speed:
            break
        best, speed = size, reached
    return best


def seconds_of(run: Run, width: int) -> Callable[[int], float]:
    """Return a function that times a batch of so many tokens, the second time it runs, in texts of `width` tokens."""

    def timed(size: int) -> float:
        tokens = np.ones((size // width, width), dtype=np.int64)
        run(tokens, tokens)
        started = time.perf_counter()
        run(tokens, tokens)
        return time.perf_counter() - started

    return timed


def _path(ran: Fingerprint) -> Path:
    name = f"{platform.node()}-{ran.numerics.engine}-{ran.numerics.stored_precision}-{ran.encoder.identity[:16]}"
    return workspace.folder("batch-tokens") / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.json"
