"""Pictures from files to features: against the plain way, as a share of the network alone, and in how much memory.

The plain way is what one writes by hand: Pillow decodes the file, and transformers' processor of EfficientNet shrinks
it. Files are JPEGs of 1600 by 1200 pixels, parts of three photographs. Both are counted in seconds of a
processor, those of our decoding processes included. Memory is the peak of the process that reads a folder.
"""

import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.bench.pairs import ROOT, at_least, at_most, plain, why_not

FILES, WARM, FEW, MANY, BITS = 384, 4, 2_000, 20_000, 15
SIDES, SMALL = (1_600, 1_200), (320, 240)
TIMES, ALIKE, GROWTH = 2.5, 0.995, 60.0
Floats = npt.NDArray[np.float32]


def measure() -> list[dict[str, Any]]:
    """Return how many times as fast pictures are decoded, that features are the same, and how memory grows."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        return [why_not("photographs", "LLM_FLOWS_DATA names no folder of data")]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        paths = photographs(Path(data), folder / "large", FILES, SIDES)
        return [*_speed(paths), *_memory(Path(data), folder)]


def photographs(data: Path, folder: Path, count: int, sides: tuple[int, int]) -> list[Path]:
    """Return paths of JPEGs, each another part of one of three photographs."""
    from PIL import Image

    folder.mkdir(parents=True)
    whole = [Image.open(path).convert("RGB") for path in sorted((data / "book_images").glob("*.png"))]
    draw, made = np.random.default_rng(0), []
    for n in range(count):
        image = whole[n % len(whole)]
        share = draw.uniform(0.5, 0.95)
        wide, high = int(image.width * share), int(image.height * share)
        left, top = (int(draw.integers(0, most + 1)) for most in (image.width - wide, image.height - high))
        made.append(folder / f"{n:05}.jpg")
        part = image.crop((left, top, left + wide, top + high)).resize(sides, Image.Resampling.BICUBIC)
        part.save(made[-1], "JPEG", quality=90)
    return made


def _speed(paths: Sequence[Path]) -> list[dict[str, Any]]:
    from tasks.models.vision import encode, weights

    network = weights.network()
    for work in (_copies, _plain):
        work(paths[:WARM])
    _, start = _timed(lambda: _copies(paths[:1]))
    ours, of_us = _timed(lambda: _copies(paths))
    theirs, of_them = _timed(lambda: _plain(paths))
    started = time.perf_counter()
    features = encode.features(network, ours)
    encoding = time.perf_counter() - started
    cosines = (_unit(features) * _unit(_forward(network, theirs))).sum(1)
    started = time.perf_counter()
    _forward(network, theirs)
    floor = time.perf_counter() - started
    return [
        plain("decoding one picture, the start of its process included", start, "processor seconds"),
        plain("decoded and shrunk by us", len(paths) / of_us, "pictures a processor second"),
        plain("decoded and shrunk by Pillow and transformers", len(paths) / of_them, "pictures a processor second"),
        at_least("times as fast", of_them / of_us, "", TIMES),
        at_least("mean cosine of features, ours and the plain way's", float(cosines.mean()), "", ALIKE),
        plain("least cosine of features, ours and the plain way's", float(cosines.min()), ""),
        plain("working copies to features", len(paths) / encoding, "pictures a second"),
        plain("share of the network alone", floor / encoding, ""),
    ]


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what some work makes, and the processor seconds it took, those of processes it ended included."""
    before = _processor()
    made = work()
    return made, _processor() - before


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _copies(paths: Sequence[Path]) -> list[bytes]:
    from tasks.ingest.pictures.copies import picture_of
    from tasks.ingest.pictures.limits import PictureLimits
    from tasks.ingest.pictures.read import Decoded, decode

    return [picture_of(one).copy for one in decode(paths, PictureLimits()) if isinstance(one, Decoded)]


def _plain(paths: Sequence[Path]) -> npt.NDArray[np.uint8]:
    from PIL import Image
    from transformers import EfficientNetImageProcessorPil

    processor = EfficientNetImageProcessorPil(
        size={"height": 224, "width": 224}, resample=Image.Resampling.BICUBIC, do_rescale=False, do_normalize=False,
        include_top=False,
    )  # fmt: skip
    made = []
    for path in paths:
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            made.append(np.asarray(processor(image.convert("RGB"), return_tensors="np")["pixel_values"][0]))
    return np.stack(made).astype(np.uint8).transpose(0, 2, 3, 1)


def _forward(network: Any, squares: npt.NDArray[np.uint8]) -> Floats:
    import torch

    from tasks.models.vision import encode, lite0

    found = []
    with torch.inference_mode():
        for start in range(0, len(squares), encode.TOGETHER):
            part = torch.from_numpy(squares[start : start + encode.TOGETHER])
            found.append(network(lite0.pixels(part).contiguous(memory_format=torch.channels_last)).numpy())
    return np.concatenate(found)


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def _memory(data: Path, folder: Path) -> list[dict[str, Any]]:
    from PIL import Image

    small = [np.asarray(Image.open(path)) for path in photographs(data, folder / "small", 50, SMALL)]
    peaks = {}
    for count in (FEW, MANY):
        place = folder / f"of-{count}"
        place.mkdir()
        for n in range(count):
            pixels = small[n % len(small)].copy()
            for bit in range(BITS):  # its number, in blocks: no two show the same
                pixels[:16, 16 * bit : 16 * bit + 16] = 255 * (n >> bit & 1)
            Image.fromarray(pixels).save(place / f"{n:05}.jpg", "JPEG", quality=85)
        environment = {**os.environ, "LLM_FLOWS_HOME": str(folder / f"home-{count}")}
        command = [sys.executable, "-m", "tests.bench.bench_decode", str(place)]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
        peaks[count] = json.loads(done.stdout.splitlines()[-1])
    few, many = peaks[FEW], peaks[MANY]
    return [
        plain(f"{FEW:,} pictures read: peak of the process", few["peak"], "MB"),
        plain(f"{MANY:,} pictures read: peak of the process", many["peak"], "MB"),
        at_most(f"more memory for {MANY - FEW:,} more pictures", many["peak"] - few["peak"], "MB", GROWTH),
        plain(f"{MANY:,} pictures read", many["seconds"], "s"),
    ]


def read_folder(folder: str) -> None:
    """Read a folder of pictures as the flow does; print peak and seconds."""
    from configs.pictures import PictureFiles
    from tasks.ingest import ingest_pictures, list_pictures
    from tests.bench.pairs import peak

    source = PictureFiles(path=folder, max_rejected_share=1.0)
    started = time.perf_counter()
    ingest_pictures.fn(list_pictures(source), None, source)
    print(json.dumps({"peak": peak(), "seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    read_folder(sys.argv[1])
