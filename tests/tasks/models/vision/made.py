"""What tests of picture models share: noise as pictures, their working copies, and models that are made once."""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

SIZES = ((32, 32), (40, 64), (64, 40), (100, 33), (20, 20))  # rows and columns


def images(sizes: Sequence[tuple[int, int]] = SIZES) -> list[Image.Image]:
    """Return noise of these sizes."""
    draw = np.random.default_rng(0)
    return [Image.fromarray(draw.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in sizes]


def copy_of(image: Image.Image) -> bytes:
    """Return a picture as a working copy."""
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def once(parent: Path, makers: Mapping[str, Callable[[Path], Path]]) -> Callable[[str], Path]:
    """Return a function that makes a small model of a kind once."""

    def make(kind: str) -> Path:
        folder = parent / kind
        return folder if folder.exists() else makers[kind](folder)

    return make
