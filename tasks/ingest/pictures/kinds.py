"""What a file is, told from its first bytes; what keeps it from being decoded, told before a decoder sees it."""

import re
import zlib
from collections.abc import Iterator

PILLOW = {
    "png": "PNG",
    "jpeg": "JPEG",
    "webp": "WEBP",
    "gif": "GIF",
    "bmp": "BMP",
    "tiff": "TIFF",
    "jpeg2000": "JPEG2000",
    "avif": "AVIF",
    "ppm": "PPM",
}
"""Kinds that are decoded, and what Pillow calls them. EPS is not among them: Pillow starts Ghostscript for it."""

STARTS: tuple[tuple[str, str], ...] = (
    ("png", r"\x89PNG\r\n\x1a\n"),
    ("jpeg", r"\xff\xd8\xff"),
    ("gif", r"GIF8[79]a"),
    ("webp", r"RIFF....WEBP"),
    ("tiff", r"II\*\x00|MM\x00\*|II\+\x00|MM\x00\+"),
    ("jpeg2000", r"\xff\x4f\xff\x51|\x00\x00\x00\x0cjP  \r\n\x87\n"),
    ("avif", r"....ftypavi[fs]|....ftyp(?:mif1|msf1).{0,64}avif"),
    ("heic", r"....ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)"),
    ("ppm", r"P[1-6fFy][ \t\r\n]"),
    ("bmp", r"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00"),
    ("video", r"....ftyp"),
    ("jpeg-xl", r"\xff\x0a|\x00\x00\x00\x0cJXL "),
    ("photoshop", r"8BPS"),
    ("eps", r"%!PS|\xc5\xd0\xd3\xc6"),
    ("pdf", r"%PDF-"),
    ("gzip", r"\x1f\x8b"),
    ("zip", r"PK\x03\x04"),
    ("svg", r"(?i:(?:\xef\xbb\xbf)?\s*(?:<\?xml.{0,900})?<svg[\s>])"),
    ("html", r"(?i:(?:\xef\xbb\xbf)?\s*(?:<!--.{0,900})?<(?:!doctype html|html|head|body)[\s>])"),
)
PATTERNS = [(kind, re.compile(start.encode(), re.DOTALL)) for kind, start in STARTS]
HEAD = 1_024  # bytes in which a kind must show
START_OF_DATA, END_OF_CODES = b"\xff\x93", b"\xff\xd9"  # of JPEG 2000; between them no such pair of bytes can stand

ADVICE = {
    "heic": "is a HEIC picture, which Pillow cannot decode without the package pillow-heif; save it as JPEG or PNG",
    "jpeg-xl": "is a JPEG XL picture, for which there is no decoder here; save it as JPEG or PNG",
    "photoshop": "is a Photoshop file; save it as PNG",
    "svg": "is a vector picture (SVG), which is not rendered; export it as PNG",
    "eps": "is PostScript, which is a program and is not run; export it as PNG",
}
"""Pictures that are not decoded, and what to do with them."""

OTHERS = {
    "pdf": "is a PDF file, not a picture; name it .pdf and read its pages by source.pages={}",
    "html": "is an HTML page, not a picture; was the download refused? Fetch it again",
    "gzip": "is packed with gzip and no picture; unpack it",
    "zip": "is a zip archive, not a picture; read it as an archive",
    "video": "is a video, not a picture; save a frame of it as JPEG or PNG",
    "text": "is text, not a picture",
}
"""What is often taken for a picture, and what to do with it."""

SUFFIXES = {
    "jpg": "jpeg", "jpeg": "jpeg", "jpe": "jpeg", "jfif": "jpeg", "png": "png", "apng": "png", "webp": "webp",
    "gif": "gif", "bmp": "bmp", "dib": "bmp", "tif": "tiff", "tiff": "tiff", "jp2": "jpeg2000", "j2k": "jpeg2000",
    "jpx": "jpeg2000", "jpf": "jpeg2000", "j2c": "jpeg2000", "jpc": "jpeg2000", "avif": "avif", "avifs": "avif",
    "ppm": "ppm", "pgm": "ppm", "pbm": "ppm", "pnm": "ppm", "pfm": "ppm", "heic": "heic", "heif": "heic",
    "svg": "svg", "eps": "eps", "pdf": "pdf", "psd": "photoshop", "jxl": "jpeg-xl",
}  # fmt: skip


def kind_of(content: bytes) -> str:
    """Return what a file is by its first bytes: a kind that is decoded, another one, `text`, or nothing if unknown."""
    head = content[:HEAD]
    for kind, pattern in PATTERNS:
        if pattern.match(head):
            return kind
    return "text" if _is_text(head) else ""


def _is_text(head: bytes) -> bool:
    try:
        words = head.decode()
    except UnicodeDecodeError as error:
        if error.start < HEAD - 3:  # a letter of up to four bytes may stand across the end
            return False
        words = head[: error.start].decode()
    return all(letter.isprintable() or letter.isspace() for letter in words)


def misnamed(name: str, kind: str) -> str:
    """Return a note where the end of a name promises another kind than the content has; else nothing."""
    suffix = name.rpartition(".")[2].lower()
    if SUFFIXES.get(suffix, kind) == kind:
        return ""
    return f"is {kind.upper()} by its content although its name ends with .{suffix}"


def damage(kind: str, content: bytes) -> tuple[str, str] | None:
    """Return the reason and a sentence if the frame of a file shows that it is cut short or was changed; else None.

    Decoders let some of it pass: Pillow never compares the checksum of a PNG's pixels, and OpenJPEG draws what it has.
    """
    if kind == "png":
        return _damage_of_png(content)
    if kind == "webp" and len(content) < int.from_bytes(content[4:8], "little") + 8:
        return cut_short(f"{len(content):,} of {int.from_bytes(content[4:8], 'little') + 8:,} bytes are there")
    if kind == "jpeg2000" and content.rfind(END_OF_CODES) < content.find(START_OF_DATA):
        return cut_short("its end is missing")
    return None


def cut_short(how: str) -> tuple[str, str]:
    """Return the reason and the sentence for a file whose end is missing."""
    return "truncated", f"is cut short: {how}; copy or download it again"


def damaged(how: str) -> tuple[str, str]:
    """Return the reason and the sentence for a file whose content was changed."""
    return "damaged", f"is damaged: {how}; copy or download it again"


def _damage_of_png(content: bytes) -> tuple[str, str] | None:
    for kind, body, checksum in _chunks(content):
        if len(checksum) < 4:
            return cut_short("a PNG must end with IEND")
        if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(checksum):
            named = kind.decode("ascii", "replace") if kind.isalpha() else "unknown"
            return damaged(f"the checksum of a PNG chunk ({named}) does not match")
        if kind == b"IEND":
            return None
    return cut_short("a PNG must end with IEND")


def without_text(content: bytes) -> bytes:
    """Return a PNG without its texts."""
    kept = (
        len(body).to_bytes(4) + kind + body + checksum
        for kind, body, checksum in _chunks(content)
        if kind not in (b"tEXt", b"zTXt", b"iTXt")
    )
    return content[:8] + b"".join(kept)


def _chunks(content: bytes) -> Iterator[tuple[bytes, memoryview, bytes]]:
    view, at = memoryview(content), 8
    while at < len(content):
        length = int.from_bytes(content[at : at + 4])
        start = at + 8
        yield content[at + 4 : start], view[start : start + length], content[start + length : start + length + 4]
        at = start + length + 4


def levels_of_jpeg2000(content: bytes) -> int:
    """Return how often the sides of a JPEG 2000 picture can be halved by leaving out detail; 0 if it is not said.

    Source: ISO/IEC 15444-1, A.6.1: a segment COD states it in its tenth byte.
    """
    at = content.find(b"\xff\x52", content.find(b"\xff\x4f\xff\x51"), content.find(START_OF_DATA))
    return content[at + 9] if at >= 0 else 0


def canvas_of_webp(content: bytes) -> tuple[int, int]:
    """Return width and height from the header of a WebP file: libwebp takes memory for them as it opens the file.

    Source: RFC 9649, sections 2.5 to 2.7.
    """
    form, body = content[12:16], content[20:30]
    if form == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if form == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
