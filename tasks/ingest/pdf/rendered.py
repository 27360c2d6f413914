"""Pages of a PDF as pixels: a few at a time, in a process of its own, whose answers are not believed unseen."""

import json
import math
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.errors import MissingExtra
from tasks.ingest import sandbox
from tasks.ingest.pdf import render

MEMORY = 1 << 30  # bytes the process may take
MAX_PAGES = 1_000_000  # more are not believed
RENDERER = sandbox.program(render)


@dataclass(frozen=True, slots=True)
class RenderLimits:
    """How pages are rendered, and what it may cost.

    Attributes:
        dpi: Dots per inch.
        seconds: Of processor time that one call may take.
        max_pixels: Of a page; a poster is rendered smaller.
        colour: Whether in colour; else in grey.
    """

    dpi: int
    seconds: float
    max_pixels: int = 30_000_000
    colour: bool = False


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """A page as pixels.

    Attributes:
        number: From 1.
        points: Of a pixel.
        pixels: (rows, columns), or (rows, columns, 3) in colour.
    """

    number: int
    points: float
    pixels: NDArray[np.uint8]


def renderer() -> str:
    """Return what renders, and its version.

    Raises:
        MissingExtra: It is not installed.
    """
    from importlib import metadata

    try:
        return f"pypdfium2 {metadata.version('pypdfium2')}"
    except metadata.PackageNotFoundError as error:
        raise MissingExtra(
            "PDF pages are rendered by pypdfium2, which is not here; pip install 'llm-flows[pictures]'"
        ) from error


def count_pages(content: bytes, limits: RenderLimits) -> int | str:
    """Return how many pages a PDF has, or the reason why it cannot be opened: a name of `render.REFUSED`."""
    said = _asked(content, [], limits)
    try:
        header: dict[str, Any] = json.loads(said.partition(b"\n")[0])
        if header.get("reason") in render.REFUSED:
            return str(header["reason"])
        count = int(header["pages"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "unreadable"
    if count == 0:
        return "empty"
    return count if 0 < count <= MAX_PAGES else "unreadable"


def render_pages(content: bytes, pages: Sequence[int], limits: RenderLimits) -> Iterator[RenderedPage]:
    """Yield pages that could be rendered, until the process fails or its time is up.

    Args:
        content: The file.
        pages: Numbers from 1.
        limits: How, and what it may cost.
    """
    said = _asked(content, pages, limits)
    yield from pages_of(said[said.find(b"\n") + 1 :], set(pages), 3 if limits.colour else 1)


def _asked(content: bytes, pages: Sequence[int], limits: RenderLimits) -> bytes:
    command = sandbox.command(RENDERER, math.ceil(limits.seconds), MEMORY)
    request = {"pages": list(pages), "dpi": limits.dpi, "max_pixels": limits.max_pixels, "colour": limits.colour}
    try:
        return subprocess.run(  # noqa: S603 - our own interpreter and code; the file comes in as data
            command, input=json.dumps(request).encode() + b"\n" + content, capture_output=True, check=False,
            env=sandbox.environment(), timeout=limits.seconds * sandbox.WAITING + sandbox.WAITING,
        ).stdout  # fmt: skip
    except subprocess.TimeoutExpired as late:
        return late.stdout or b""


def pages_of(said: bytes, asked: set[int], bands: int) -> Iterator[RenderedPage]:
    """Take apart what a process says that a file may have taken over; stop where it does not keep to the form.

    Args:
        said: Its answer, after the first line.
        asked: Numbers of pages; each is taken once.
        bands: Bytes of a pixel.
    """
    at = 0
    while (end := said.find(b"\n", at)) >= 0:
        try:
            header = json.loads(said[at:end])
            number, points, (rows, columns, depth) = int(header["page"]), float(header["points"]), header["shape"]
            sound = all(isinstance(side, int) and side > 0 for side in (rows, columns)) and depth == bands
        except (ValueError, KeyError, TypeError):
            return
        at, size = end + 1, rows * columns * bands if sound else 0
        if not sound or number not in asked or not 0 < points < render.POINTS or len(said) - at < size:
            return
        asked.remove(number)
        shape = (rows, columns) if bands == 1 else (rows, columns, bands)
        yield RenderedPage(number, points, np.frombuffer(said, np.uint8, size, at).reshape(shape))
        at += size
