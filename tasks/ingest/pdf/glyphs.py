"""Read the glyphs of a PDF with their places, and tell those that can be seen from those that cannot.

Imported only by the process that parses: `pdfminer.six` is pure Python, so that a hostile file can hang or swell it
but not corrupt memory; it gives the place, size and colour of every glyph; and it runs no script and opens no link.
"""

import io
import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pdfminer.pdfdevice import PDFTextDevice
from pdfminer.pdfdocument import PDFDocument
from pdfminer.pdffont import PDFFont, PDFUnicodeNotDefined
from pdfminer.pdfinterp import PDFGraphicState, PDFPageInterpreter, PDFResourceManager
from pdfminer.pdfpage import PDFPage
from pdfminer.pdfparser import PDFParser
from pdfminer.pdftypes import resolve1
from pdfminer.utils import apply_matrix_pt, apply_matrix_rect

from tasks.ingest.pdf.lines import Glyph

Box = tuple[float, float, float, float]
Color = tuple[float, ...] | None  # red, green, blue in 0..1; None where it is not known

LEAST_SIZE = 2.0  # points; smaller letters cannot be read
LEAST_CONTRAST = 0.06  # in any of red, green, blue
LEAST_ALPHA = 0.05
LEAST_BOX = 4.0  # points; a smaller box is no background of a word
MAX_GLYPHS_ON_PAGE = 200_000
UNKNOWN = "\ufffd"
BULLETS = {"\uf0b7": "\u2022", "\uf0a7": "\u25aa"}  # of the private fonts that word processors draw them with
UNSEEN_MODES = {3, 7}  # neither filled nor stroked
SOFT_HYPHEN = "\u00ad"
UNUSED = {"Cc", "Cf", "Zl", "Zp"}
STROKED_MODES = {1, 5}


@dataclass(frozen=True, slots=True)
class PageGlyphs:
    """What stands on a page: glyphs by quarter turn of their direction, how many are hidden, share of pictures."""

    turns: tuple[list[Glyph], list[Glyph], list[Glyph], list[Glyph]]
    hidden: int
    slanted: int
    pictured: float


class TooManyPages(Exception):
    """A file has more pages than are read."""


def read_pages(content: bytes, max_pages: int) -> Iterator[PageGlyphs]:
    """Yield what stands on each page.

    Raises:
        TooManyPages: There are more than `max_pages`.
        PSException: The file is no whole PDF, or needs a password.
    """
    document = PDFDocument(PDFParser(io.BytesIO(content)))
    device = _Device(PDFResourceManager())
    interpreter = _Interpreter(device.rsrcmgr, device)
    interpreter.layers_off = _layers_off(document)
    for number, page in enumerate(PDFPage.create_pages(document), start=1):
        if number > max_pages:
            raise TooManyPages
        interpreter.process_page(page)
        yield PageGlyphs((device.turns[0], device.turns[1], device.turns[2], device.turns[3]),
                         device.hidden, device.slanted, device.pictured)  # fmt: skip


def _layers_off(document: PDFDocument) -> frozenset[int]:
    """Return the object numbers of the layers that are turned off when the file is opened."""
    properties = resolve1(document.catalog.get("OCProperties")) or {}
    shown = resolve1(properties.get("D")) or {}
    return frozenset(ref.objid for ref in resolve1(shown.get("OFF")) or [] if hasattr(ref, "objid"))


class _GraphicState(PDFGraphicState):
    """Adds the opacity of what is filled."""

    alpha: float = 1.0

    def copy(self) -> "_GraphicState":
        made = _GraphicState()
        made.__dict__.update(self.__dict__)
        return made


class _Interpreter(PDFPageInterpreter):
    """Adds what decides whether text is seen: opacity, layers, shadings, and the colours a form takes over."""

    layers_off: frozenset[int] = frozenset()
    above: _GraphicState | None = None

    def subinterp(self) -> "_Interpreter":
        made: _Interpreter = super().subinterp()  # type: ignore[assignment]
        made.layers_off, made.above = self.layers_off, self.graphicstate  # type: ignore[assignment]
        return made

    def init_state(self, ctm: Any) -> None:
        super().init_state(ctm)
        self.graphicstate = (self.above or _GraphicState()).copy()

    def do_gs(self, name: Any) -> None:
        states = resolve1(resolve1(self.resources).get("ExtGState")) or {}
        stated = resolve1(states.get(getattr(name, "name", ""))) or {}
        alpha = resolve1(stated.get("ca"))
        if isinstance(alpha, int | float):
            self.graphicstate.alpha = float(alpha)  # type: ignore[attr-defined]

    def do_Do(self, xobjid_arg: Any) -> None:  # noqa: N802
        super().do_Do(xobjid_arg)
        self.device.set_ctm(self.ctm)

    def do_sh(self, name: object) -> None:
        self.device.boxes.append(((-math.inf, -math.inf, math.inf, math.inf), None))  # type: ignore[attr-defined]

    def do_BMC(self, tag: Any) -> None:  # noqa: N802
        self.device.layers.append(False)  # type: ignore[attr-defined]

    def do_BDC(self, tag: Any, props: Any) -> None:  # noqa: N802
        named = resolve1(resolve1(self.resources).get("Properties")) or {}
        layer = named.get(getattr(props, "name", ""))
        self.device.layers.append(getattr(layer, "objid", None) in self.layers_off)  # type: ignore[attr-defined]

    def do_EMC(self) -> None:  # noqa: N802
        del self.device.layers[-1:]  # type: ignore[attr-defined]


class _Device(PDFTextDevice):
    """Collects glyphs and the boxes painted under them."""

    def begin_page(self, page: PDFPage, ctm: Any) -> None:
        self.turns: list[list[Glyph]] = [[], [], [], []]
        self.boxes: list[tuple[Box, Color]] = []
        self.layers: list[bool] = []
        self.hidden = self.slanted = self.count = 0
        self.page_box: Box = apply_matrix_rect(ctm, page.cropbox)
        self.pictured = 0.0

    def render_string(self, textstate: Any, seq: Any, ncs: Any, graphicstate: Any) -> None:
        stroked = textstate.render in STROKED_MODES
        self.color = _rgb(graphicstate.scs, graphicstate.scolor) if stroked else _rgb(ncs, graphicstate.ncolor)
        self.drawn = (
            textstate.render not in UNSEEN_MODES and graphicstate.alpha >= LEAST_ALPHA and not any(self.layers)
        )
        super().render_string(textstate, seq, ncs, graphicstate)

    def render_char(  # noqa: PLR0913 - as the library calls it
        self, matrix: Any, font: PDFFont, fontsize: float, scaling: float, rise: float, cid: int, ncs: Any,
        graphicstate: Any,
    ) -> float:  # fmt: skip
        advance: float = font.char_width(cid) * fontsize * scaling
        try:
            text = _plain(font.to_unichr(cid))
        except PDFUnicodeNotDefined:
            text = UNKNOWN
        self.count += 1
        if self.count > MAX_GLYPHS_ON_PAGE:
            raise MemoryError
        a, b, c, d, *_ = matrix
        along = (-c, -d) if font.is_vertical() else (a, b)
        x, y = apply_matrix_pt(matrix, (0, rise))
        size = abs(fontsize) * math.hypot(c, d)
        width = abs(advance) * math.hypot(*along)
        quarter, rest = divmod(math.degrees(math.atan2(along[1], along[0])) / 90 + 0.5, 1)
        if not text:
            return advance
        if not text.isspace() and not self._seen(x, y, size, width, int(quarter) % 4):
            self.hidden += len(text)
        elif abs(rest - 0.5) > 0.06:
            self.slanted += len(text)
        else:
            x, y = _turned(x, y, int(quarter) % 4)
            bold = "bold" in str(font.fontname).lower() or "black" in str(font.fontname).lower()
            self.turns[int(quarter) % 4].append(Glyph(text, x, x + width, y, size, bold))
        return advance

    def _seen(self, x: float, y: float, size: float, width: float, quarter: int) -> bool:
        ahead, up = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarter], ((0, 1), (-1, 0), (0, -1), (1, 0))[quarter]
        x, y = x + ahead[0] * width / 2 + up[0] * size / 4, y + ahead[1] * width / 2 + up[1] * size / 4
        if not self.drawn or size < LEAST_SIZE or not _inside(self.page_box, x, y):
            return False
        below = next((color for box, color in reversed(self.boxes) if _inside(box, x, y)), (1.0, 1.0, 1.0))
        if below is None or self.color is None:
            return True
        return max(abs(p - q) for p, q in zip(below, self.color, strict=True)) >= LEAST_CONTRAST

    def paint_path(self, graphicstate: Any, stroke: bool, fill: bool, evenodd: bool, path: Sequence[Any]) -> None:
        """Keep a filled box with its colour; of any other shape only that something is there."""
        points = [apply_matrix_pt(self.ctm, p) for step in path for p in zip(step[1::2], step[2::2], strict=False)]  # type: ignore[arg-type]
        if not fill or not points or graphicstate.alpha < LEAST_ALPHA:
            return
        xs, ys = [x for x, _ in points], [y for _, y in points]
        box = min(xs), min(ys), max(xs), max(ys)
        if min(box[2] - box[0], box[3] - box[1]) < LEAST_BOX:
            return
        steps = "".join(str(step[0]) for step in path)
        plain = steps in ("mlllh", "mllllh", "mlll", "mllll") and all(
            min(x - box[0], box[2] - x) < 0.01 and min(y - box[1], box[3] - y) < 0.01 for x, y in points
        )
        opaque = plain and graphicstate.alpha >= 1
        self.boxes.append((box, _rgb(graphicstate.ncs, graphicstate.ncolor) if opaque else None))

    def render_image(self, name: str, stream: Any) -> None:
        box: Box = apply_matrix_rect(self.ctm, (0, 0, 1, 1))  # type: ignore[arg-type]
        self.boxes.append((box, None))
        self.pictured += _area(box, self.page_box) / max(_area(self.page_box, self.page_box), 1e-6)


def _area(box: Box, within: Box) -> float:
    """Return the area that two boxes share."""
    wide, high = (min(box[k + 2], within[k + 2]) - max(box[k], within[k]) for k in (0, 1))
    return max(0.0, wide) * max(0.0, high)


def _plain(text: str) -> str:
    """Return text that can be stored and steers nothing; what has no meaning outside its font is unknown."""
    kinds = [(c, unicodedata.category(c)) for c in text]
    kept = (
        BULLETS.get(c, UNKNOWN if kind in ("Cs", "Co", "Cn") else c)
        for c, kind in kinds
        if kind not in UNUSED or c == SOFT_HYPHEN
    )
    return "".join(kept) or (" " if text.isspace() else "")


def _turned(x: float, y: float, quarter: int) -> tuple[float, float]:
    """Turn a place so that its text runs from left to right."""
    return ((x, y), (y, -x), (-x, -y), (-y, x))[quarter]


def _inside(box: Box, x: float, y: float) -> bool:
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _rgb(space: Any, color: Any) -> Color:
    """Return a colour of the plain spaces; of spot colours and patterns it is not known."""
    parts = tuple(color) if isinstance(color, list | tuple) else (color,)
    if not all(isinstance(p, int | float) for p in parts):
        return None
    match getattr(space, "name", ""), len(parts):
        case (("DeviceGray" | "CalGray" | "ICCBased"), 1):
            return (float(parts[0]),) * 3
        case (("DeviceRGB" | "CalRGB" | "ICCBased"), 3):
            return tuple(map(float, parts))
        case (("DeviceCMYK" | "ICCBased"), 4):
            return tuple((1 - float(p)) * (1 - float(parts[3])) for p in parts[:3])
    return None
