"""Pixels come out as the picture looks: upright, in sRGB, of all modes, shrunk."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageCms

from tasks.ingest.pictures import pixels
from tests.tasks.ingest.pictures.picture_files import (
    LIMITS,
    Array,
    apart,
    averaged,
    chunk,
    decoded,
    oriented,
    png,
    saved,
    tiles,
    waves,
)

STORED: dict[int, Callable[[Array], Array]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: np.rot90(upright, 2).swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG"])
def test_a_picture_is_turned_upright(kind: str, orientation: int) -> None:
    stored = np.ascontiguousarray(STORED[orientation](tiles()))
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}.get(kind, {})
    found, header = decoded(saved(stored, kind, exif=oriented(orientation), **options))
    assert apart(found, tiles()) <= (4 if kind == "JPEG" else 0)
    assert (header["width"], header["height"], header["notes"]) == (60, 40, ())


def test_an_orientation_that_does_not_exist_leaves_the_pixels_as_stored() -> None:
    found, header = decoded(saved(tiles(), "PNG", exif=oriented(12)))
    assert apart(found, tiles()) == 0
    assert header["notes"] == ("its EXIF orientation is none of 1 to 8; pixels are as stored",)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("block", [b"Exif\0\0no TIFF at all", b"Exif\0\0II*\0\xff\xff\xff\xff"])
def test_a_broken_exif_block_leaves_the_pixels_as_stored(block: bytes) -> None:
    found, _ = decoded(saved(tiles(), "JPEG", quality=100, subsampling=0, exif=block))
    assert apart(found, tiles()) <= 4


def test_a_broken_exif_block_is_noted() -> None:
    _, header = decoded(saved(tiles(), "JPEG", exif=b"Exif\0\0no TIFF at all"))
    assert header["notes"] == ("its EXIF block is broken; pixels are as stored",)


def test_nothing_of_exif_comes_out() -> None:
    block = Image.Exif()
    block[0x010E] = "the secret garden"
    block.get_ifd(0x8825)[2] = (48.0, 51.0, 30.0)
    _, header = decoded(saved(tiles(), "JPEG", exif=block.tobytes(), comment=b"the secret garden"))
    assert set(header) == {"width", "height", "shape", "frames", "notes", "kind"}
    assert header["notes"] == ()


def layered(alpha: Array) -> Array:
    """Return what is seen of the tiles on white through alpha."""
    share = alpha[..., None] / 255
    return tiles() * share + 255.0 * (1 - share)


RAMP = np.tile(np.linspace(0, 255, 60).astype(np.uint8), (40, 1))
ON_WHITE = ("transparent parts were laid on white",)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparent_parts_lie_on_white(kind: str) -> None:
    picture = np.dstack([tiles(), RAMP])
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    found, header = decoded(saved(picture, kind, **options))
    assert apart(found, layered(RAMP)) <= 1
    assert header["notes"] == ON_WHITE


def test_the_ground_can_be_another_colour() -> None:
    clear = np.dstack([tiles(), np.zeros((40, 60), np.uint8)])
    found, header = decoded(saved(clear, "PNG"), replace(LIMITS, ground=(7, 80, 9)))
    assert set(map(tuple, found.reshape(-1, 3).tolist())) == {(7, 80, 9)}
    assert header["notes"] == (
        "transparent parts were laid on the colour (7, 80, 9)", "is blank: all its pixels have one colour",
    )  # fmt: skip


def test_a_picture_whose_alpha_hides_nothing_is_not_noted() -> None:
    found, header = decoded(saved(np.dstack([tiles(), np.full((40, 60), 255, np.uint8)]), "PNG"))
    assert apart(found, tiles()) == 0
    assert header["notes"] == ()


def test_grey_with_alpha_lies_on_white() -> None:
    grey = Image.merge("LA", (Image.new("L", (8, 8), 100), Image.fromarray(RAMP[:8, ::8].copy())))
    found, _ = decoded(saved(grey, "PNG"))
    seen = 100 * (RAMP[:8, ::8] / 255) + 255 * (1 - RAMP[:8, ::8] / 255)
    assert apart(found, np.dstack([seen] * 3)) <= 1


@pytest.mark.parametrize("transparency", [0, bytes([0, 128])])
def test_a_palette_with_transparent_entries_lies_on_white(transparency: int | bytes) -> None:
    picture = Image.new("P", (4, 2), 1)
    picture.putpalette([200, 0, 0, 0, 100, 200])
    picture.paste(0, (0, 0, 2, 2))
    found, header = decoded(saved(picture, "PNG", transparency=transparency))
    assert found[0, 0].tolist() == [255, 255, 255]
    half = [127, 177, 227] if isinstance(transparency, bytes) else [0, 100, 200]
    assert apart(found[:1, 3:], np.array([[half]])) <= 1
    assert header["notes"] == ON_WHITE


@pytest.mark.parametrize(("colour", "bands"), [(0, 1), (2, 3)])
def test_a_transparent_colour_of_16_bits_is_ignored_and_noted(colour: int, bands: int) -> None:
    values = np.full((2, 3 * bands), 0x8080, ">u2")
    key = chunk(b"tRNS", struct.pack(">H", 0x8080) * bands)
    found, header = decoded(png((3, 2), 16, colour, [row.tobytes() for row in values], key))
    assert set(found.ravel().tolist()) == {128}
    assert "a transparent colour of 16 bits was ignored" in header["notes"]


def test_inks_are_read_with_the_marker_of_adobe_and_without() -> None:
    inks = np.dstack([255 - tiles(), np.zeros((40, 60), np.uint8)])
    marked = saved(Image.frombytes("CMYK", (60, 40), inks.tobytes()), "JPEG", quality=100)
    plain = saved(Image.frombytes("CMYK", (60, 40), (255 - inks).tobytes()), "JPEG", quality=100)
    at = plain.index(b"\xff\xee")
    unmarked = plain[:at] + plain[at + 2 + int.from_bytes(plain[at + 2 : at + 4]) :]
    for content in (marked, unmarked):
        assert apart(decoded(content)[0], tiles()) <= 6


def test_inks_of_a_tiff_are_read() -> None:
    inks = np.dstack([255 - tiles(), np.zeros((40, 60), np.uint8)])
    found, _ = decoded(saved(Image.frombytes("CMYK", (60, 40), inks.tobytes()), "TIFF"))
    assert apart(found, tiles()) == 0


WIDE = np.linspace(0, 65_535, 2_400).reshape(40, 60).astype(np.uint16)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG2000", "PPM"])
def test_grey_of_16_bits_is_scaled_not_clipped(kind: str) -> None:
    found, header = decoded(saved(WIDE, kind))
    assert apart(found[..., 0], WIDE / 257) <= 1
    assert np.array_equal(found[..., 0], found[..., 2])
    assert header["notes"] == ()


def test_colours_of_16_bits_are_scaled() -> None:
    colours = np.dstack([WIDE, WIDE[::-1], WIDE[:, ::-1]])
    rows = [row.tobytes() for row in colours.astype(">u2")]
    assert apart(decoded(png((60, 40), 16, 2, rows))[0], colours / 257) <= 1


def tiff(values: Array, photometric: int, sample: int) -> bytes:
    """Return an uncompressed little-endian TIFF, written by hand: TIFF 6.0, section 2."""
    height, width = values.shape
    entries = (
        (256, width), (257, height), (258, values.itemsize * 8), (259, 1), (262, photometric), (273, 8),
        (277, 1), (278, height), (279, values.nbytes), (339, sample),
    )  # fmt: skip
    fields = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    pixels = values.tobytes()
    return (
        struct.pack("<2sHI", b"II", 42, 8 + len(pixels)) + pixels + struct.pack("<H", len(entries)) + fields + bytes(4)
    )


def test_16_bits_in_which_white_is_zero_are_inverted() -> None:
    found, _ = decoded(tiff(WIDE, photometric=0, sample=1))
    assert apart(found[..., 0], 255 - WIDE / 257) <= 1


def test_a_picture_that_uses_few_of_its_16_bits_is_noted() -> None:
    _, header = decoded(saved((WIDE // 17).astype(np.uint16), "PNG"))
    assert header["notes"] == ("is dark: its greatest value is 3,855 of 65,535",)


FLOATS = np.linspace(0, 1, 2_400, dtype=np.float32).reshape(40, 60)


@pytest.mark.parametrize(
    ("values", "seen", "stated"),
    [
        (FLOATS, FLOATS * 255, "0 to 1"),
        (FLOATS / 2, FLOATS * 127.5, "0 to 1"),
        (FLOATS * 900 - 300, FLOATS * 255, "-300 to 600"),
        ((FLOATS * 5_000 - 1_000).astype(np.int32), FLOATS * 255, "-1000 to 4000"),
    ],
    ids=["to 1", "to a half", "any", "whole numbers"],
)
def test_numbers_are_scaled_and_noted(values: Array, seen: Array, stated: str) -> None:
    found, header = decoded(saved(values, "TIFF"))
    assert apart(found[..., 1], seen) <= 1
    assert header["notes"] == (f"numbers from {stated} were scaled to black and white",)


def test_pixels_that_are_no_numbers_are_black_and_spoil_no_others() -> None:
    values = FLOATS.copy()
    values[0, :2] = np.nan, np.inf
    found, header = decoded(saved(values, "TIFF"))
    assert found[0, :2].max() == 0
    assert apart(found[1:, :, 0], FLOATS[1:] * 255) <= 1
    assert "pixels that are no numbers were drawn black" in header["notes"]


def test_numbers_that_are_all_one_or_none_make_a_blank_picture() -> None:
    for value in (5.0, np.nan):
        found, header = decoded(saved(np.full((4, 4), value, np.float32), "TIFF"))
        assert found.max() == 0
        assert "is blank: all its pixels have one colour" in header["notes"]


def test_one_bit_palette_and_lab_are_read() -> None:
    black_and_white = Image.fromarray(tiles()[..., 0] > 128)
    assert apart(decoded(saved(black_and_white, "PNG"))[0][..., 0], (tiles()[..., 0] > 128) * 255) == 0
    few = Image.fromarray(tiles()).quantize(4)
    assert apart(decoded(saved(few, "GIF"))[0], tiles()) <= 2
    soft = tiles() // 2 + 90  # near black and at the edge of sRGB, 8 bits of Lab are coarse
    lab = ImageCms.applyTransform(
        Image.fromarray(soft),
        ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"),
    )
    assert lab is not None
    assert apart(decoded(saved(lab, "TIFF"))[0], soft) <= 4


def profile(space: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes()  # type: ignore[arg-type]


def swapped() -> bytes:
    """Return a profile like sRGB in which red and blue have changed places."""
    content = bytearray(profile("sRGB"))
    table = {bytes(content[at : at + 4]): at for at in range(132, 132 + 12 * content[131], 12)}
    red, blue = table[b"rXYZ"] + 4, table[b"bXYZ"] + 4
    content[red : red + 4], content[blue : blue + 4] = content[blue : blue + 4], content[red : red + 4]
    return bytes(content)


def test_colours_are_converted_by_the_profile_of_the_file() -> None:
    found, header = decoded(saved(tiles(), "PNG", icc_profile=swapped()))
    assert apart(found, tiles()[..., ::-1]) <= 3
    assert header["notes"] == ()
    assert apart(decoded(saved(tiles(), "PNG", icc_profile=profile("sRGB")))[0], tiles()) <= 1


@pytest.mark.parametrize("wrong", [profile("LAB"), b"these bytes are no profile" * 9], ids=["LAB", "broken"])
def test_a_profile_that_does_not_fit_is_ignored_and_noted(wrong: bytes) -> None:
    found, header = decoded(saved(tiles(), "PNG", icc_profile=wrong))
    assert apart(found, tiles()) == 0
    assert header["notes"] == ("its colour profile is broken or of another mode, and was ignored",)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_first_frame_is_read_and_the_others_are_counted(kind: str) -> None:
    frames = [Image.fromarray(np.roll(tiles(), 9 * k, axis=1)).quantize(8).convert("RGB") for k in range(4)]
    options = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}}.get(kind, {})
    found, header = decoded(saved(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    assert apart(found, np.asarray(frames[0])) <= 4
    assert header["frames"] == 4
    assert header["notes"] == ("has 4 frames; the first one was read",)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_file_whose_later_frames_are_broken_gives_its_first() -> None:
    frames = [Image.fromarray(np.roll(tiles(), 9 * k, axis=1)) for k in range(2)]
    content = bytearray(saved(frames[0], "TIFF", save_all=True, append_images=frames[1:]))
    first = int.from_bytes(content[4:8], "little")
    entries = int.from_bytes(content[first : first + 2], "little")
    content[first + 2 + 12 * entries : first + 6 + 12 * entries] = struct.pack("<I", len(content) - 3)
    found, header = decoded(bytes(content))
    assert apart(found, tiles()) == 0
    assert header["notes"] == ("has more frames, which are broken; the first one was read",)


def test_text_that_unpacks_to_megabytes_is_not_read() -> None:
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(9_000_000)))
    content = saved(tiles(), "PNG")
    found, header = decoded(content[:33] + bomb + content[33:])
    assert apart(found, tiles()) == 0
    assert header["notes"] == ("holds too much text, which was not read",)


@pytest.mark.parametrize("by", [2, 3, 4, 7])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_large_picture_is_shrunk_as_averaging_does(kind: str, by: int) -> None:
    large = waves(256 * by, 320 * by)
    found, header = decoded(saved(large, kind, **({"quality": 97} if kind == "JPEG" else {})))
    assert (header["width"], header["height"]) == (320 * by, 256 * by)
    by = 2 if (kind, by) == ("JPEG", 3) else 4 if (kind, by) == ("JPEG", 7) else by  # by halves, and no further
    assert found.shape == (large.shape[0] // by, large.shape[1] // by, 3)
    assert apart(found, averaged(large, by)) <= 5


def test_a_picture_its_decoder_made_small_enough_is_not_interpolated_again() -> None:
    content = saved(waves(1_203, 1_606), "JPEG", quality=95)
    with Image.open(io.BytesIO(content)) as image:
        image.draft("RGB", (401, 300))
        plain = np.asarray(image)[:300, :401]  # the last row and column are of less than four pixels
    found, header = decoded(content)
    assert (header["width"], header["height"]) == (1_606, 1_203)
    assert np.array_equal(found, plain)
    assert decoded(content, replace(LIMITS, exact=True))[0].shape == (256, 342, 3)


def resized(small: Array, like: Array) -> Array:
    size = (like.shape[1], like.shape[0])
    return np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BICUBIC))


def test_a_jpeg_is_decoded_small_and_equals_the_whole_one(monkeypatch: pytest.MonkeyPatch) -> None:
    content = saved(waves(1_203, 1_606), "JPEG", quality=95)
    sizes: list[tuple[int, int]] = []
    load = pixels._load
    monkeypatch.setattr(pixels, "_load", lambda image: (load(image), sizes.append(image.size)))
    small, _ = decoded(content)
    monkeypatch.setattr("PIL.JpegImagePlugin.JpegImageFile.draft", lambda *_: None)
    whole, _ = decoded(content)
    assert sizes == [(402, 301), (1_606, 1_203)]
    assert apart(resized(small, whole), whole) <= 5


@pytest.mark.parametrize(("height", "width", "decoded_at"), [(1_203, 1_607, (402, 301)), (1_201, 1_599, (800, 601))])
def test_a_jpeg_2000_is_decoded_small_where_the_sides_can_be_halved(
    height: int, width: int, decoded_at: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = saved(waves(height, width), "JPEG2000")
    sizes: list[tuple[int, int]] = []
    load = pixels._load
    monkeypatch.setattr(pixels, "_load", lambda image: (load(image), sizes.append(image.size)))
    small, _ = decoded(content)
    monkeypatch.setattr("tasks.ingest.pictures.kinds.levels_of_jpeg2000", lambda content: 0)
    whole, _ = decoded(content)
    assert sizes == [decoded_at, (width, height)]
    assert apart(resized(small, whole), whole) <= 5


@pytest.mark.parametrize("mode", ["alpha", "16 bits"])
def test_a_picture_changed_in_strips_has_no_seams(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "STRIP", 20_000)
    large = waves(1_024, 1_280)
    if mode == "alpha":
        alpha = np.tile(np.linspace(0, 255, 1_280).astype(np.uint8), (1_024, 1))
        share = alpha[..., None] / 255
        picture, seen = np.dstack([large, alpha]), large * share + 255 * (1 - share)
    else:
        picture = large[..., 0].astype(np.uint16) * 257
        seen = np.dstack([large[..., 0]] * 3).astype(float)
    assert apart(decoded(saved(picture, "PNG"))[0], averaged(seen, 4)) <= 3


def test_a_small_picture_is_not_enlarged_and_a_sliver_is_bounded() -> None:
    assert pixels.fitted(100, 50, LIMITS) == (100, 50)
    assert pixels.fitted(1_600, 1_200, LIMITS) == (341, 256)
    assert pixels.fitted(40_000, 10, LIMITS) == (2_048, 1)
    found, header = decoded(saved(np.full((6, 9_000, 3), 40, np.uint8), "PNG"))
    assert (found.shape, header["width"], header["height"]) == ((1, 2_048, 3), 9_000, 6)
