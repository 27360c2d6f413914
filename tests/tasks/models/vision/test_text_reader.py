"""Which way up a page is, told by a recogniser that reads lines only when they stand upright."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from tasks.errors import MissingExtra
from tasks.models.vision import text_reader

TALL, WIDE = 400, 300
MARK = (40, 50)  # row and column of a dark spot on the upright page


def page(turns: int) -> np.ndarray:
    upright = np.full((TALL, WIDE, 3), 255, np.uint8)
    upright[MARK] = 0
    return np.rot90(upright, turns)


class Engine:
    """Reads well where the dark spot is at its upright place; sees tall lines on a page that lies on its side."""

    def __call__(self, pixels: np.ndarray, *, use_det: bool, use_cls: bool, use_rec: bool) -> SimpleNamespace:
        assert (use_det, use_cls, use_rec) == (True, False, True)
        if pixels.shape[0] < pixels.shape[1]:
            return answer("sideways line", 0.6, [10, 10, 30, 210])
        good = int(pixels[MARK].sum()) == 0
        return answer("an upright line" if good else "r n f l", 0.98 if good else 0.6, [10, 10, 210, 30])


def answer(text: str, score: float, box: list[int]) -> SimpleNamespace:
    left, upper, right, lower = box
    corners = np.array([[[left, upper], [right, upper], [right, lower], [left, lower]]], np.float32)
    return SimpleNamespace(boxes=corners, txts=(text,), scores=(score,))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    return lambda made: monkeypatch.setattr(text_reader, "_engine", lambda: made)


@pytest.mark.parametrize(("turns", "turned"), [(0, 0), (1, 270), (2, 180), (3, 90)])
def test_a_page_is_turned_until_it_can_be_read(engine: Callable[[object], None], turns: int, turned: int) -> None:
    engine(Engine())
    found = text_reader.read_page(page(turns), 0.36)
    assert (found.turned, found.height, found.points) == (turned, TALL, 0.36)
    (line,) = found.lines
    assert (line.text, line.x0, line.y0, line.x1, line.y1) == ("an upright line", 10, 10, 210, 30)


def test_a_page_that_reads_no_better_the_other_way_up_stays(engine: Callable[[object], None]) -> None:
    engine(lambda pixels, **asked: answer("faint words", 0.7, [10, 10, 210, 30]))
    assert text_reader.read_page(page(0)).turned == 0


def test_a_page_without_text_has_no_lines(engine: Callable[[object], None]) -> None:
    engine(lambda pixels, **asked: SimpleNamespace(boxes=None, txts=None, scores=None))
    assert text_reader.read_page(page(0)).lines == ()


def test_without_the_recogniser_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_reader, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"by rapidocr, which is not here; pip install 'llm-flows\[ocr\]'"):
        text_reader.reader()
