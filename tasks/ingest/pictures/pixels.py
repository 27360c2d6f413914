"""Decode a picture to a small one in sRGB, where Pillow alone is silently wrong too.

What a decoder gives is shrunk strip by strip, so that nothing but the decoder's own copy is ever as large as the
original: changes of mode (transparency, inks, 16 bits, float) are made on a strip.
"""

import functools
import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, ImageChops, ImageCms, ImageFile, Jpeg2KImagePlugin, UnidentifiedImageError

from tasks.ingest.pictures import kinds
from tasks.ingest.pictures.limits import PictureLimits, PictureRefused

GAP = 3  # averaging whole pixels stops this far above the wanted size; Pillow: from 3 on the difference is not seen
STRIP = 1 << 20  # pixels
NUMBERS = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
PLAIN = ("L", "RGB", "CMYK")
SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
BLANK = 4  # levels by which the pixels of a blank picture may differ: JPEG rounds
DARK = 16  # times that the greatest of 16 bits may fall short before it is noted
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = (5, 6, 7, 8)
LARGE_TEXT = "holds too much text, which was not read"  # Pillow unpacks at most 1 MB a chunk and 64 MB in all
BITS, PHOTOMETRIC = 258, 262  # tags of TIFF 6.0
TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
Notes = dict[str, None]  # in the order they were made, each once
Change = Callable[[Image.Image], Image.Image]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Pixels:
    """A decoded picture.

    Attributes:
        width: Of the original, upright.
        height: Of the original, upright.
        shape: Rows and columns that came out.
        rgb: Their bytes, three each.
        frames: Frames or pages the file has; the first one was decoded.
        notes: What a person should know.
    """

    width: int
    height: int
    shape: tuple[int, int]
    rgb: bytes
    frames: int
    notes: tuple[str, ...]


def read(kind: str, content: bytes, limits: PictureLimits) -> Pixels:
    """Return the first frame of a picture, upright, in sRGB and shrunk.

    Args:
        kind: What it is.
        content: The file.
        limits: Pixels it may have, and the size it gets.

    Raises:
        PictureRefused: It has too many or too few pixels, or is not whole.
        MemoryError: The decoder needs more than it may take.
    """
    notes: Notes = {}
    if kind == "webp":
        _check_size(*kinds.canvas_of_webp(content), limits)
    image = _opened(kind, content, limits, notes)
    width, height = image.size
    _check_size(width, height, limits)
    wanted = fitted(width, height, limits)
    box = _decode_small(image, content, wanted)
    _load(image)
    to_plain = _to_plain(kind, image, limits, notes)
    if image.size != (width, height) and _near(image, wanted, limits):
        small = to_plain(image.crop((0, 0, int(box[2]), int(box[3]))))
    else:
        small = _shrunk(image, wanted, box, to_plain)
    small = _in_srgb(small, image.info.get("icc_profile"), notes)
    orientation = _orientation(kind, image, notes)
    if orientation in TURNS:
        small = small.transpose(TURNS[orientation])
    if orientation in SIDEWAYS:
        width, height = height, width
    if all(high - low <= BLANK for low, high in _ranges(small)):
        notes["is blank: all its pixels have one colour"] = None
    frames = _frames(image, notes)
    return Pixels(width, height, (small.height, small.width), small.tobytes(), frames, tuple(notes))


def fitted(width: int, height: int, limits: PictureLimits) -> tuple[int, int]:
    """Return the size to shrink to: the shorter side as wanted unless the longer one would pass its bound."""
    scale = min(1.0, limits.side / min(width, height), limits.longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _check_size(width: int, height: int, limits: PictureLimits) -> None:
    if width * height > limits.max_pixels:
        detail = f"has {width:,} x {height:,} pixels, over {limits.max_pixels:,}; save it smaller"
        raise PictureRefused("too-large", detail)
    if min(width, height) < limits.min_side:
        detail = f"has {width:,} x {height:,} pixels; a side must have {limits.min_side}: use a larger original"
        raise PictureRefused("too-small", detail)


def _opened(kind: str, content: bytes, limits: PictureLimits, notes: Notes) -> ImageFile.ImageFile:
    try:
        return Image.open(io.BytesIO(content), formats=[kinds.PILLOW[kind]])
    except Image.DecompressionBombError as error:
        detail = f"has over {limits.max_pixels:,} pixels; save it smaller"
        raise PictureRefused("too-large", detail) from error
    except UnidentifiedImageError as error:
        detail = f"begins as {kind.upper()} files do but holds no whole picture; copy or download it again"
        raise PictureRefused("not-a-picture", detail) from error
    except ValueError:
        if kind != "png" or LARGE_TEXT in notes:
            raise
        notes[LARGE_TEXT] = None
        return _opened(kind, kinds.without_text(content), limits, notes)


def _decode_small(image: ImageFile.ImageFile, content: bytes, wanted: tuple[int, int]) -> Box:
    """Let a decoder that can leave out detail do so, not below the wanted size; return where the picture will lie."""
    width, height = image.size
    if isinstance(image, Jpeg2KImagePlugin.Jpeg2KImageFile):
        most = min(kinds.levels_of_jpeg2000(content), min(width // wanted[0], height // wanted[1]).bit_length() - 1)
        fits = (n for n in range(most, 0, -1) if _halves(width, n) and _halves(height, n))
        image.reduce = halvings = next(fits, 0)
        return 0, 0, width / 2**halvings, height / 2**halvings
    draft = image.draft(None, wanted)
    return draft[1] if draft else (0, 0, width, height)


def _halves(side: int, times: int) -> bool:
    """Return whether Pillow, which rounds a halved side, agrees with OpenJPEG, which rounds it up; else both fail."""
    by = 1 << times
    return (side + by // 2) // by == -(-side // by)


def _load(image: ImageFile.ImageFile) -> None:
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # each decoder has errors of its own; all tell of the file
        said = str(error).lower()
        if "memory" in said:
            raise MemoryError from error
        short = "truncated" in said or isinstance(error, EOFError)
        bad = kinds.cut_short("its pixels end early") if short else kinds.damaged("its pixels cannot be decoded")
        raise PictureRefused(*bad) from error


def _near(image: Image.Image, wanted: tuple[int, int], limits: PictureLimits) -> bool:
    """Return whether a decoder left out so much that no more is taken: interpolating twice blurs what a model sees."""
    near = not limits.exact and max(image.size) <= limits.longest
    return near and image.width < 2 * wanted[0] and image.height < 2 * wanted[1]


def _shrunk(image: Image.Image, wanted: tuple[int, int], box: Box, to_plain: Change) -> Image.Image:
    """Return the picture in a plain mode and the wanted size; `box` is the part of it that holds the picture."""
    width, height = image.size
    by_x, by_y = max(1, width // (wanted[0] * GAP)), max(1, height // (wanted[1] * GAP))
    if by_x == by_y == 1:
        return to_plain(image).resize(wanted, Image.Resampling.BICUBIC, box)
    rows = by_y * max(1, STRIP // (width * by_y))
    parts = (image.crop((0, top, width, min(top + rows, height))) for top in range(0, height, rows))
    whole, top = None, 0
    for part in parts:
        reduced = to_plain(part).reduce((by_x, by_y))
        if whole is None:
            whole = Image.new(reduced.mode, (reduced.width, math.ceil(height / by_y)))
        whole.paste(reduced, (0, top))
        top += reduced.height
    assert whole is not None  # noqa: S101 - a picture has rows
    inside = (box[0] / by_x, box[1] / by_y, box[2] / by_x, box[3] / by_y)
    return whole.resize(wanted, Image.Resampling.BICUBIC, inside)


def _to_plain(kind: str, image: Image.Image, limits: PictureLimits, notes: Notes) -> Change:
    """Return what makes L, RGB or CMYK of a strip of the picture."""
    key = image.info.get("transparency")
    of_16_bits = image.mode in NUMBERS or (isinstance(key, tuple) and max(key) > 255)
    if key is not None and of_16_bits:  # Pillow keeps 8 bits of a colour but 16 of its key
        del image.info["transparency"]
        notes["a transparent colour of 16 bits was ignored"] = None
    if image.mode in NUMBERS:
        return _from_numbers(kind, image, notes)
    if image.has_transparency_data:
        return functools.partial(_on_ground, limits.ground, notes)
    if image.mode == "CMYK" and kind == "jpeg" and "adobe" not in image.info:
        return ImageChops.invert  # Pillow takes inks for inverted, as Adobe writes them; only its marker says so
    if image.mode in PLAIN:
        return lambda part: part
    return lambda part: part.convert("L" if part.mode == "1" else "RGB")


def _on_ground(ground: tuple[int, int, int], notes: Notes, part: Image.Image) -> Image.Image:
    layer = part.convert("RGBA")
    if _ranges(layer)[3][0] < 255:
        colour = "white" if ground == (255, 255, 255) else f"the colour {ground}"
        notes[f"transparent parts were laid on {colour}"] = None
    return Image.alpha_composite(Image.new("RGBA", layer.size, (*ground, 255)), layer).convert("RGB")


def _from_numbers(kind: str, image: Image.Image, notes: Notes) -> Change:
    """Return what makes 8 bits of a strip of 16 bits, 32 bits or float, which Pillow would clip."""
    tags = dict(getattr(image, "tag_v2", {}))
    low, high = 0.0, 65_535.0
    if image.mode.startswith("I;16"):
        bits = min(16, *tags.get(BITS, (16,)))
        high = float((1 << bits) - 1)
        if (greatest := _least_and_greatest(image, notes)[1]) * DARK <= high:
            notes[f"is dark: its greatest value is {greatest:,.0f} of {high:,.0f}"] = None
    elif image.mode == "F" or kind != "ppm":  # Pillow scales PPM to 16 bits
        low, high = _least_and_greatest(image, notes)
        if image.mode == "F" and low >= 0 and high <= 1:
            low, high = 0.0, 1.0
        notes[f"numbers from {low:g} to {high:g} were scaled to black and white"] = None
    if tags.get(PHOTOMETRIC) == 0:  # white is zero, which Pillow heeds up to 8 bits
        low, high = high, low
    return functools.partial(_scaled, low, high)


def _least_and_greatest(image: Image.Image, notes: Notes) -> tuple[float, float]:
    """Return the range of the finite values."""
    low, high = math.inf, -math.inf
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):
        values = np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))
        finite = values[np.isfinite(values)]
        if finite.size < values.size:
            notes["pixels that are no numbers were drawn black"] = None
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (low, high) if low <= high else (0.0, 0.0)


def _scaled(low: float, high: float, part: Image.Image) -> Image.Image:
    values = np.asarray(part).astype(np.float64)
    share = (values - low) / (high - low) if high != low else np.zeros_like(values)
    finite = np.where(np.isfinite(values), share, 0.0)
    return Image.fromarray((finite.clip(0, 1) * 255 + 0.5).astype(np.uint8))


def _in_srgb(image: Image.Image, profile: bytes | None, notes: Notes) -> Image.Image:
    """Return a plain picture in sRGB; a profile that does not fit is ignored."""
    if profile:
        try:
            change = _transform(profile, image.mode)
        except (ImageCms.PyCMSError, OSError, ValueError):
            change = None
        if change is not None:
            return ImageCms.applyTransform(image, change) or image
        notes["its colour profile is broken or of another mode, and was ignored"] = None
    return image.convert("RGB")


@functools.lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the way from a profile to sRGB, or None where the profile is not one for the mode."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if source.profile.xcolor_space.strip() != SPACES[mode]:
        return None
    return ImageCms.buildTransform(
        source, ImageCms.createProfile("sRGB"), mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )  # fmt: skip


def _orientation(kind: str, image: Image.Image, notes: Notes) -> int:
    """Return which way up the stored pixels are, 1 to 8, of EXIF 2.3."""
    if kind == "tiff":
        return 1  # turned by Pillow while loading
    block = image.info.get("exif", b"").removeprefix(b"Exif\0\0")
    try:
        if block and block[:4] not in TIFF_HEADS:
            raise ValueError("it is no TIFF")  # Pillow takes it for one without entries
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a broken block fails in every way
        notes["its EXIF block is broken; pixels are as stored"] = None
        return 1
    if found == 1 or found in TURNS:
        return int(found)
    notes["its EXIF orientation is none of 1 to 8; pixels are as stored"] = None
    return 1


def _frames(image: Image.Image, notes: Notes) -> int:
    try:
        frames = int(getattr(image, "n_frames", 1))
    except Exception:  # a later frame is broken; the first one is there
        notes["has more frames, which are broken; the first one was read"] = None
        return 1
    if frames > 1:
        notes[f"has {frames:,} frames; the first one was read"] = None
    return frames


def _ranges(image: Image.Image) -> list[tuple[float, float]]:
    """Return the least and the greatest value of each band."""
    found = image.getextrema()
    return list(found) if isinstance(found[0], tuple) else [found]
