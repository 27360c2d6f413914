"""Rows of pages whose text was recognised."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line of text and where it stands.

    Attributes:
        text: What was recognised.
        score: How sure the recogniser is, 0 to 1.
        x0: Left edge, in pixels of the page when upright.
        y0: Upper edge, downwards.
        x1: Right edge.
        y1: Lower edge.
    """

    text: str
    score: float
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class ReadPage:
    """The lines of a page.

    Attributes:
        lines: In no order.
        height: Of the page when upright, in pixels.
        turned: Degrees it had to be turned, counterclockwise: 0, 90, 180, 270.
        points: Of a pixel, 72 an inch.
    """

    lines: tuple[ReadLine, ...]
    height: int
    turned: int
    points: float = 1.0
