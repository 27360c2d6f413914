"""Make pictures on the spot: pixels by numpy, files by Pillow's writers or byte by byte."""

import io
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.ingest.pictures.limits import PictureLimits
from tasks.ingest.pictures.process import answer

Array = NDArray[Any]
ORANGE, TEAL, NAVY, CREAM = (240, 120, 10), (0, 140, 130), (10, 20, 110), (250, 245, 220)
LIMITS = PictureLimits()


def tiles(height: int = 40, width: int = 60) -> Array:
    """Return orange, teal / navy, cream: no turn and no mirror image of it looks the same."""
    made = np.empty((height, width, 3), np.uint8)
    made[: height // 2, : width // 2], made[: height // 2, width // 2 :] = ORANGE, TEAL
    made[height // 2 :, : width // 2], made[height // 2 :, width // 2 :] = NAVY, CREAM
    return made


def waves(height: int, width: int) -> Array:
    """Return smooth colours without an edge, of which every way of shrinking makes nearly the same."""
    y, x = np.mgrid[0:height, 0:width]
    bands = [np.sin(x / width * 9 + k) + np.cos(y / height * 7 - k) for k in range(3)]
    return np.stack([(band + 2) * 63 for band in bands], axis=2).astype(np.uint8)


def saved(picture: Array | Image.Image, kind: str, **options: Any) -> bytes:
    """Return a file of a kind that Pillow writes."""
    buffer = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(size: tuple[int, int], depth: int, colour: int, rows: Iterable[bytes], more: bytes = b"") -> bytes:
    """Return a PNG of unfiltered rows; `more` are chunks before the pixels."""
    packer = zlib.compressobj(1)
    pixels = b"".join(packer.compress(b"\0" + row) for row in rows) + packer.flush()
    head = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + more + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def oriented(orientation: int) -> bytes:
    """Return an EXIF block that says which way up the picture is."""
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


def decoded(content: bytes, limits: PictureLimits = LIMITS, name: str = "picture") -> tuple[Array, dict[str, Any]]:
    """Decode a good picture in this process; return its pixels and what is said of it."""
    header, rgb = answer(name, content, limits)
    assert "reason" not in header, header
    return np.frombuffer(rgb, np.uint8).reshape(*header["shape"], 3), header


def refused(content: bytes, limits: PictureLimits = LIMITS) -> tuple[str, str]:
    """Decode a bad picture in this process; return the reason and the sentence."""
    header, rgb = answer("picture", content, limits)
    assert not rgb
    return header["reason"], header["detail"]


def apart(one: Array, other: Array) -> float:
    """Return the greatest difference of two pictures in levels."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(float) - other.astype(float)).max())


def averaged(picture: Array, by: int) -> Array:
    """Return a picture shrunk by averaging squares."""
    height, width = picture.shape[0] // by, picture.shape[1] // by
    return picture.reshape(height, by, width, by, -1).mean(axis=(1, 3))
