"""Files that are not decoded: each says why and what to do."""

import struct
from dataclasses import replace

import numpy as np
import pytest

from tasks.ingest.pictures import kinds, pixels, process
from tests.tasks.ingest.pictures.picture_files import LIMITS, chunk, decoded, png, refused, saved, tiles

NOISE = np.random.default_rng(3).integers(0, 256, (90, 120, 3), dtype=np.uint8)
AGAIN = "; copy or download it again"
OTHERS: dict[str, tuple[bytes, str, str]] = {
    "no bytes": (b"", "empty", "has no bytes" + AGAIN),
    "text": (b"." + "Gänse ziehen nach Süden.\n".encode() * 90, "not-a-picture", kinds.OTHERS["text"]),
    "letters across the end": ("ä".encode() * 511 + "€€€".encode(), "not-a-picture", kinds.OTHERS["text"]),
    "other letters": ("Gänse ".encode("latin-1") * 9, "not-a-picture", "is not a picture of a known format"),
    "page": (b"\n<!DOCTYPE html><p>Gone</p>", "not-a-picture", kinds.OTHERS["html"]),
    "pdf": (b"%PDF-1.7\n%%EOF", "not-a-picture", kinds.OTHERS["pdf"]),
    "gzip": (b"\x1f\x8b\x08\0" + bytes(40), "not-a-picture", kinds.OTHERS["gzip"]),
    "zip": (b"PK\x03\x04" + bytes(40), "not-a-picture", kinds.OTHERS["zip"]),
    "video": (b"\0\0\0\x18ftypisom" + bytes(40), "not-a-picture", kinds.OTHERS["video"]),
    "unknown": (b"\0\x01\x02\x03" * 9, "not-a-picture", "is not a picture of a known format"),
    "heic": (b"\0\0\0\x18ftypheix" + bytes(40), "no-decoder", kinds.ADVICE["heic"]),
    "svg": (b'<?xml version="1.0"?>\n<svg width="9"/>', "no-decoder", kinds.ADVICE["svg"]),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%true) (w) file\n", "no-decoder", kinds.ADVICE["eps"]),
    "psd": (b"8BPS\0\x01" + bytes(40), "no-decoder", kinds.ADVICE["photoshop"]),
    "only a start": (
        b"\xff\xd8\xff\xe0", "not-a-picture", "begins as JPEG files do but holds no whole picture" + AGAIN,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "reason", "detail"), OTHERS.values(), ids=OTHERS.keys())
def test_a_file_that_is_no_picture_we_decode_says_what_it_is(content: bytes, reason: str, detail: str) -> None:
    assert refused(content) == (reason, detail)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "PPM"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_picture_that_is_cut_short_is_refused(kind: str, share: float) -> None:
    content = saved(NOISE, kind)
    reason, detail = refused(content[: int(len(content) * share)])
    assert reason == "truncated"
    assert detail.startswith("is cut short: ")
    assert detail.endswith(AGAIN)


def test_an_avif_that_is_cut_short_is_refused() -> None:
    content = saved(NOISE, "AVIF")
    assert refused(content[: len(content) // 2])[0] == "not-a-picture"


def test_a_png_with_one_changed_byte_is_refused() -> None:
    content = bytearray(saved(NOISE, "PNG"))
    content[len(content) // 2] ^= 1
    assert refused(bytes(content)) == (
        "damaged",
        f"is damaged: the checksum of a PNG chunk (IDAT) does not match{AGAIN}",
    )


def test_a_decoder_that_meets_nonsense_says_so() -> None:
    content = bytearray(saved(NOISE, "TIFF", compression="tiff_adobe_deflate"))
    content[200:240] = bytes(40)
    assert refused(bytes(content)) == ("damaged", f"is damaged: its pixels cannot be decoded{AGAIN}")


def webp(form: bytes, body: bytes) -> bytes:
    content = b"WEBP" + form + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(content)) + content


TOO_MANY: dict[str, bytes] = {
    "png": png((40_000, 30_000), 8, 2, [bytes(99)]),
    "gif": b"GIF89a" + struct.pack("<HHBBB", 60_000, 50_000, 0, 0, 0)
    + b"," + struct.pack("<HHHHB", 0, 0, 60_000, 50_000, 0) + b"\x08\x01\0\0;",
    "bmp": b"BM" + struct.pack("<IHHI", 70, 0, 0, 54)
    + struct.pack("<IiiHHIIiiII", 40, 20_000, -20_000, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(16),
    "ppm": b"P6 20000 20000 255\n" + bytes(9),
    "webp": webp(b"VP8X", bytes(4) + (16_000).to_bytes(3, "little") * 2),
    "lossless webp": webp(b"VP8L", b"\x2f" + (9_999 | 9_999 << 14).to_bytes(4, "little") + bytes(8)),
    "lossy webp": webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 9_000, 9_000) + bytes(8)),
}  # fmt: skip


@pytest.mark.parametrize("content", TOO_MANY.values(), ids=TOO_MANY.keys())
def test_a_header_that_states_too_many_pixels_is_believed(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "_load", lambda image: pytest.fail("was decoded"))
    reason, detail = refused(content)
    assert reason == "too-large"
    assert detail.endswith("50,000,000 pixels; save it smaller") or detail.endswith("50,000,000; save it smaller")


def test_the_least_and_the_greatest_size_are_allowed() -> None:
    content = saved(tiles(40, 60), "PNG")
    assert decoded(content, replace(LIMITS, min_side=40, max_pixels=2_400))[0].shape == (40, 60, 3)
    small = ("too-small", "has 60 x 40 pixels; a side must have 41: use a larger original")
    assert refused(content, replace(LIMITS, min_side=41)) == small
    large = ("too-large", "has 60 x 40 pixels, over 2,399; save it smaller")
    assert refused(content, replace(LIMITS, max_pixels=2_399)) == large


@pytest.mark.parametrize("error", [MemoryError, OSError("out of memory when reading image file")])
def test_a_decoder_without_memory_says_how_much_it_may_take(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(image: object) -> None:
        raise error

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", failing)
    assert refused(saved(tiles(), "PNG")) == ("too-large", "needs more than 1,024 MB to be decoded; save it smaller")


def test_an_error_nobody_thought_of_refuses_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise KeyError("a place no one may know")

    monkeypatch.setattr(kinds, "damage", failing)
    said = ("unreadable", "cannot be decoded: KeyError; open it in a viewer, save it again")
    assert refused(saved(tiles(), "PNG")) == said


def test_a_png_that_is_nothing_but_chunks_of_text_is_refused() -> None:
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + chunk(b"IEND", b"")
    assert refused(content)[0] in ("not-a-picture", "unreadable", "too-small")


def test_a_file_of_the_heif_family_is_avif_where_it_says_so() -> None:
    for brand in (b"mif1", b"msf1"):
        assert kinds.kind_of(b"\0\0\0\x20ftyp" + brand + b"\0\0\0\0mif1avif" + bytes(9)) == "avif"
        assert kinds.kind_of(b"\0\0\0\x20ftyp" + brand + b"\0\0\0\0mif1heic" + bytes(9)) == "heic"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "AVIF", "PPM"])
def test_a_kind_is_told_from_the_content_and_a_name_that_lies_is_noted(kind: str) -> None:
    content = saved(tiles(), kind)
    assert kinds.kind_of(content) == kind.lower()
    suffix = "png" if kind != "PNG" else "jpg"
    assert decoded(content, name=f"a.b/c.{suffix}")[1]["notes"] == (
        f"is {kind} by its content although its name ends with .{suffix}",
    )
    for name in ("plain", "with.dots", next(s for s, k in kinds.SUFFIXES.items() if k == kind.lower())):
        assert decoded(content, name=name)[1]["notes"] == ()


def test_the_limit_of_time_counts_from_now(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to: list[tuple[int, int]] = []
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 1)
    monkeypatch.setattr(process.resource, "setrlimit", lambda which, limits: set_to.append(limits))
    used = sum(process.resource.getrusage(process.resource.RUSAGE_SELF)[:2])
    process.bound(replace(LIMITS, timeout_s=7))
    assert used + 7 <= set_to[0][0] <= used + 10
