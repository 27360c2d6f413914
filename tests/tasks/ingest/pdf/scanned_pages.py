"""Pages of text drawn with the fonts of matplotlib, as a scanner would deliver them."""

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONTS = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf")
DPI = 200
PAGE = (1_654, 900)  # as wide as A4, and as high as a few paragraphs: what is looked at costs time
A4 = (1_654, 2_339)
MARGIN = 150


def drawn(
    text: str, font: str = FONTS[0], *, points: float = 11, columns: int = 84, size: tuple[int, int] = PAGE
) -> Image.Image:
    """Return a page with paragraphs that are parted by blank lines."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / font
    letters = ImageFont.truetype(str(path), round(points * DPI / 72))
    page = Image.new("L", size, 255)
    pen, y = ImageDraw.Draw(page), MARGIN
    for paragraph in text.split("\n\n"):
        for line in textwrap.wrap(paragraph, columns):
            pen.text((MARGIN, y), line, font=letters, fill=0)
            y += round(points * DPI / 72 * 1.35)
        y += round(points * DPI / 72)
    return page


def noisy(page: Image.Image, seed: int) -> Image.Image:
    """Return a page as a scanner sees it: grey paper, some noise, a JPEG."""
    grain = np.random.default_rng(seed).normal(0, 8, (page.height, page.width))
    grey = np.clip(np.asarray(page, np.float64) * 0.85 + 20 + grain, 0, 255).astype(np.uint8)
    kept = io.BytesIO()
    Image.fromarray(grey).save(kept, "JPEG", quality=80)
    return Image.open(kept)


def scan(pages: Sequence[Image.Image]) -> bytes:
    """Return a PDF whose pages are pictures."""
    made = io.BytesIO()
    pages[0].save(made, "PDF", save_all=True, append_images=list(pages[1:]), resolution=DPI)
    return made.getvalue()


def character_errors(said: str, read: str) -> int:
    """Return the least number of characters to insert, delete and replace (Levenshtein 1966)."""
    a, b = (np.array([ord(c) for c in text], np.int64) for text in (said, read))
    steps = np.arange(len(b) + 1)
    row = steps.copy()
    for number, letter in enumerate(a, start=1):
        kept = np.minimum(row[1:] + 1, row[:-1] + (b != letter))
        row = np.minimum.accumulate(np.concatenate([[number], kept]) - steps) + steps
    return int(row[-1])
