"""Text recognised in pictures by PP-OCR, run by RapidOCR on ONNX Runtime.

Its networks, one that finds lines and one that reads them, come with the package `rapidocr`; nothing is downloaded. A
page that lies on its side or on its head is turned. A third network of the package tells which way up a single line
is; it turned one of ten upright lines over, so which way up a page is, is decided by what can be read better.
Source: Du et al. 2020, "PP-OCR: A Practical Ultra Lightweight OCR System", arXiv:2009.09941.
"""

import functools
import threading
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.recognised import ReadLine, ReadPage
from tasks.errors import MissingExtra

LONGEST = 4_096  # pixels of the longer side; larger pages are shrunk to it
TALL = 1.5  # times as high as wide: a line that runs up or down
SURE = 0.9  # mean score of a page, by letters, below which it is also read the other way up
_reading = threading.Lock()


def reader() -> str:
    """Return what recognises text, and its versions.

    Raises:
        MissingExtra: It is not installed.
    """
    if missing := [name for name in ("rapidocr", "onnxruntime") if find_spec(name) is None]:
        raise MissingExtra(
            f"source.ocr reads text in pictures by {missing[0]}, which is not here; pip install 'llm-flows[ocr]', or "
            "leave source.ocr out"
        )
    return f"rapidocr {metadata.version('rapidocr')}, onnxruntime {metadata.version('onnxruntime')}"


def read_page(rgb: NDArray[np.uint8], points: float = 1.0) -> ReadPage:
    """Return the lines of text of a picture.

    Args:
        rgb: Pixels of shape (rows, columns, 3).
        points: Of a pixel, 72 an inch.
    """
    with _reading:  # one page at a time has all the threads
        page, turned = np.ascontiguousarray(rgb[:, :, ::-1]), 0  # RapidOCR takes blue first
        lines = _lines(page)
        if _on_its_side(lines):
            page, turned = np.ascontiguousarray(np.rot90(page)), 90
            lines = _lines(page)
        if lines and _sureness(lines) < SURE:
            flipped = np.ascontiguousarray(np.rot90(page, 2))
            others = _lines(flipped)
            if others and _sureness(others) > _sureness(lines):
                lines, turned = others, turned + 180
    return ReadPage(tuple(lines), page.shape[0], turned, points)


@functools.cache
def _engine() -> Any:
    from rapidocr import RapidOCR

    return RapidOCR(params={"Global.log_level": "critical", "Global.max_side_len": LONGEST, "Global.text_score": 0.0})


def _lines(page: NDArray[np.uint8]) -> list[ReadLine]:
    found = _engine()(page, use_det=True, use_cls=False, use_rec=True)
    if found.boxes is None or found.txts is None:
        return []
    corners = np.asarray(found.boxes, np.float64)
    low, high = corners.min(axis=1), corners.max(axis=1)
    return [
        ReadLine(text, float(score), *map(float, (*first, *last)))
        for text, score, first, last in zip(found.txts, found.scores, low, high, strict=True)
    ]


def _on_its_side(lines: list[ReadLine]) -> bool:
    """Return whether most text, by letters, stands in lines that run up or down."""
    tall = sum(len(line.text) for line in lines if line.y1 - line.y0 > TALL * (line.x1 - line.x0))
    return tall * 2 > sum(len(line.text) for line in lines)


def _sureness(lines: list[ReadLine]) -> float:
    """Return the mean score of lines, by letters."""
    letters = sum(len(line.text) for line in lines)
    return sum(line.score * len(line.text) for line in lines) / max(1, letters)
