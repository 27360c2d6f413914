"""Read pictures: each is decoded in a process of its own that may hang, swell or crash without harm to the others.

Results come back in the order given. A few pictures are on their way at a time, whatever the number of files.
"""

import os
import queue
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.data.documents import Item, Rejected
from tasks.ingest.files import unread
from tasks.ingest.pictures.limits import PictureLimits
from tasks.ingest.pictures.worker import Answer, Worker
from tasks.ingest.readers import version_of

DOMAIN = b"llm-flows picture 1\0"  # keeps digests of pixels apart from those of texts
Source = Callable[[], bytes | Rejected]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as it is worked with: upright, in sRGB, small.

    Attributes:
        name: As it was given.
        digest: sha256 of size and pixels; a renamed picture has the same.
        width: Of the original, upright.
        height: Of the original, upright.
        rgb: Bytes of shape (rows, columns, 3).
        kind: What the file is by its content: png, jpeg, webp, gif, bmp, tiff, jpeg2000, avif, ppm.
        frames: Frames or pages it has; the first one was decoded.
        notes: What a person should know, a short sentence each.
    """

    name: str
    digest: str
    width: int
    height: int
    rgb: NDArray[np.uint8]
    kind: str
    frames: int
    notes: tuple[str, ...]


def decoder() -> str:
    """Return the decoder and its version.

    Raises:
        MissingExtra: It is not installed.
    """
    missing = "pictures are decoded by Pillow, which is not here; pip install 'llm-flows[pictures]'"
    return version_of("PIL", "pillow", missing)


def decode(paths: Iterable[Path], limits: PictureLimits, workers: int = 0) -> Iterator[Decoded | Rejected]:
    """Decode files, several at a time, and yield them in the order given, each or why it is rejected.

    Args:
        paths: The files; taken as they are needed.
        limits: What a picture may cost, and how it comes out.
        workers: Processes that decode at a time; 0 for one a processor.

    Raises:
        MissingExtra: Pillow is not installed.
        ContractError: No process starts within the memory it may take.
    """
    return decode_from(((path.as_posix(), _file(path, limits)) for path in paths), limits, workers)


def decode_from(
    sources: Iterable[tuple[str, Source]], limits: PictureLimits, workers: int = 0
) -> Iterator[Decoded | Rejected]:
    """Decode what named sources give, as `decode` does files: a source gives the bytes, or says why there are none."""
    decoder()
    count = workers or len(os.sched_getaffinity(0))
    idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
    hired = [Worker(limits) for _ in range(count)]
    for worker in hired:
        idle.put(worker)

    def one(name: str, source: Source) -> Decoded | Rejected:
        worker = idle.get()
        try:
            content = source()
            return content if isinstance(content, Rejected) else _made(name, worker.ask(name, content))
        finally:
            idle.put(worker)

    pending: deque[Future[Decoded | Rejected]] = deque()
    pool = ThreadPoolExecutor(count)
    try:
        for name, source in sources:
            pending.append(pool.submit(one, name, source))
            if len(pending) > 2 * count:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in hired:
            worker.close()
        pool.shutdown()


def digest_of(pixels: NDArray[np.uint8]) -> str:
    """Return the sha256 of the size and the bytes of (rows, columns, 3) pixels, in a domain apart from texts."""
    rows, columns, _ = pixels.shape
    return sha256(DOMAIN + f"{columns} {rows}\0".encode() + pixels.tobytes()).hexdigest()


def _made(name: str, answer: Answer) -> Decoded | Rejected:
    header, rgb = answer
    if "reason" in header:
        return Rejected(name, header["reason"], header["detail"])
    rows, columns = header["shape"]
    pixels = np.frombuffer(rgb, np.uint8).reshape(rows, columns, 3)
    return Decoded(
        name, digest_of(pixels), header["width"], header["height"], pixels, header["kind"], header["frames"],
        tuple(header["notes"]),
    )  # fmt: skip


def _file(path: Path, limits: PictureLimits) -> Source:
    def read() -> bytes | Rejected:
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its other end
                return Rejected(path.as_posix(), "unreadable", "is not a file")
            if status.st_size > limits.max_bytes:
                return too_many_bytes(path.as_posix(), status.st_size, limits)
            with path.open("rb") as file:
                return file.read(limits.max_bytes)
        except OSError as error:
            return Rejected(path.as_posix(), "unreadable", f"cannot be opened: {error.strerror}")

    return read


def listed_file(root: Path, item: Item) -> Source:
    """Return what reads one listed file of a folder; a link is not followed, and one that has changed is not read."""

    def read() -> bytes | Rejected:
        if item.reason:
            linked = item.reason == "link"
            what = "is a link, which is not followed; put a copy there" if linked else unread(item)
            return Rejected(item.name, item.reason, what)  # type: ignore[arg-type]
        try:
            descriptor = os.open(root / item.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                content = file.read(item.size + 1)
        except OSError as error:
            return Rejected(item.name, "unreadable", f"cannot be opened: {error.strerror}")
        if sha256(content).hexdigest() != item.sha256:
            return Rejected(item.name, "changed", "has changed since it was listed; run again")
        return content

    return read


def too_many_bytes(name: str, size: int, limits: PictureLimits) -> Rejected:
    """Return why a file of so many bytes is not read."""
    return Rejected(name, "too-large", f"has {size:,} bytes, over {limits.max_bytes:,}; save it smaller")
