"""Decoded pictures as working copies, and symbols of a font as pictures.

Source: Unicode names of characters, unicodedata; DejaVu Sans, which matplotlib brings.
"""

import io
import unicodedata
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tasks.data.pictures import Picture
from tasks.ingest.pictures.read import Decoded, digest_of

LOSSLESS = 128  # pixels of the longer side up to which PNG is small enough
QUALITY = 95  # of JPEG, with full colours
# Arrows, technical, shapes, symbols and dingbats, tiles and cards, emoticons.
BLOCKS = ((0x2190, 0x21FF), (0x2300, 0x23FF), (0x25A0, 0x25FF), (0x2600, 0x27BF), (0x2B00, 0x2BFF), (0x1F030, 0x1F0FF),
          (0x1F300, 0x1F64F))  # fmt: skip
FILLED = 0.8  # of a side, by the larger side of a symbol


def copy_of(rgb: npt.NDArray[np.uint8]) -> bytes:
    """Return a working copy of (rows, columns, 3) pixels: PNG of small pictures, JPEG of others."""
    from PIL import Image

    made, image = io.BytesIO(), Image.fromarray(rgb)
    if max(image.size) <= LOSSLESS:
        image.save(made, "PNG")
    else:
        image.save(made, "JPEG", quality=QUALITY, subsampling=0)
    return made.getvalue()


def picture_of(decoded: Decoded) -> Picture:
    """Return a decoded picture as it is stored."""
    notes = "; ".join(decoded.notes)
    return Picture(decoded.digest, decoded.width, decoded.height, decoded.kind, decoded.frames, notes,
                   copy_of(decoded.rgb))  # fmt: skip


def symbols(side: int, limit: int | None) -> list[tuple[str, str, Picture]]:
    """Return symbols of the font, drawn black on white: name of a file, description, picture; equal ones once.

    Args:
        side: Pixels of a side.
        limit: How many at most; None for all.
    """
    import matplotlib
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
    from PIL import Image, ImageDraw, ImageFont

    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    has = TTFont(file).getBestCmap()
    font = ImageFont.truetype(str(file), side)
    found: dict[str, tuple[str, str, Picture]] = {}
    for code in (code for first, last in BLOCKS for code in range(first, last + 1) if code in has):
        if limit is not None and len(found) >= limit:
            break
        name = unicodedata.name(chr(code), "").lower()
        left, top, right, bottom = font.getbbox(chr(code))
        if not name or right <= left or bottom <= top:
            continue
        wide = Image.new("L", (int(right - left) + 2, int(bottom - top) + 2), 255)
        ImageDraw.Draw(wide).text((1 - left, 1 - top), chr(code), fill=0, font=font)
        scale = FILLED * side / max(wide.size)
        small = wide.resize((max(1, round(wide.width * scale)), max(1, round(wide.height * scale))))
        square = Image.new("L", (side, side), 255)
        square.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
        rgb = np.asarray(square.convert("RGB"))
        digest = digest_of(rgb)
        picture = Picture(digest, side, side, "symbol", 1, "", copy_of(rgb))
        found.setdefault(digest, (f"u{code:04x}.png", name, picture))
    return list(found.values())
