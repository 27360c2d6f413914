"""Item cache shared by every flow: a text is encoded once per fingerprint, whichever flow asked first.

    items/<fingerprint>/<segment>/{keys.npy, sums.npy, vectors.npy, manifest.json}

A segment is immutable, sorted by key, written aside and renamed in, so any number of processes may add and read at
once. Keys and sums are verified when a segment is opened, a vector when it is read; a damaged segment is dropped,
said, and its texts are encoded again. Vectors are memory-mapped: a cache of millions costs the pages that are read.
"""

import hashlib
import logging
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tasks.data.models import Fingerprint
from tasks.errors import ContractError, StoreError
from tasks.store import durable, workspace

log = logging.getLogger(__name__)

Keys = npt.NDArray[np.uint64]  # (N, 4), the words of a sha256
Vectors = npt.NDArray[np.float32]
BLOCK = 8_192  # vectors checked at a time
MAX_SEGMENTS = 32  # more are merged into one, so that a look-up stays a handful of searches


def keys_of(texts: Iterable[str]) -> Keys:
    """Return the (N, 4) keys of texts, prompts included."""
    digests = b"".join(hashlib.sha256(text.encode()).digest() for text in texts)
    return np.frombuffer(digests, dtype=">u8").reshape(-1, 4).astype(np.uint64)


@dataclass(frozen=True, slots=True)
class Segment:
    """One opened segment."""

    folder: Path
    keys: Keys
    sums: npt.NDArray[np.uint32]
    vectors: Vectors

    def positions(self, keys: Keys) -> npt.NDArray[np.int64]:
        """Return where each key stands, or -1."""
        first = self.keys[:, 0]
        at = np.minimum(np.searchsorted(first, keys[:, 0]), len(first) - 1)
        return np.where((self.keys[at] == keys).all(axis=1), at, -1)

    def read(self, positions: npt.NDArray[np.int64]) -> Vectors:
        """Read vectors and check each against its sum.

        Raises:
            StoreError: A vector is damaged.
        """
        rows = np.ascontiguousarray(self.vectors[positions])
        for row, position in zip(rows, positions, strict=True):
            if zlib.crc32(row) != self.sums[position]:
                raise StoreError(f"{self.folder / 'vectors.npy'} is damaged at row {position}")
        return rows

    def verify(self, positions: npt.NDArray[np.int64]) -> None:
        """Check vectors against their sums, a block at a time.

        Raises:
            StoreError: A vector is damaged.
        """
        for start in range(0, len(positions), BLOCK):
            self.read(positions[start : start + BLOCK])


class Items:
    """The cached vectors of one fingerprint."""

    def __init__(self, fingerprint: Fingerprint) -> None:
        self.folder = workspace.folder("items", fingerprint.digest)
        self.width = fingerprint.encoder.width
        self._open: dict[str, Segment] = {}

    def missing(self, keys: Keys) -> npt.NDArray[np.int64]:
        """Return the positions of the keys that are not cached whole; of equal keys only the first."""
        absent = np.ones(len(keys), dtype=bool)
        for segment in self._segments():
            positions = segment.positions(keys)
            try:
                segment.verify(positions[positions >= 0])
            except StoreError as error:
                self._drop(segment.folder, error)
            else:
                absent &= positions < 0
        _, first = np.unique(keys, axis=0, return_index=True)
        return np.intersect1d(np.flatnonzero(absent), first)

    def read(self, keys: Keys) -> tuple[Vectors, npt.NDArray[np.bool_]]:
        """Return the (N, D) vectors of keys, and which were found; a row that was not is zero."""
        vectors = np.zeros((len(keys), self.width), dtype=np.float32)
        found = np.zeros(len(keys), dtype=bool)
        for segment in self._segments():
            positions = segment.positions(keys)
            rows = np.flatnonzero((positions >= 0) & ~found)
            try:
                vectors[rows] = segment.read(positions[rows])
            except StoreError as error:
                self._drop(segment.folder, error)
            else:
                found[rows] = True
        return vectors, found

    def add(self, keys: Keys, vectors: Vectors) -> None:
        """Add vectors as one new segment.

        Raises:
            ContractError: The shapes do not fit, or a value is not finite.
        """
        if vectors.shape != (len(keys), self.width):
            raise ContractError(f"vectors have shape {vectors.shape} but {(len(keys), self.width)} was needed")
        if not np.isfinite(vectors).all():
            raise ContractError("a vector holds NaN or infinity; reject its text")
        if len(keys):
            self._write(keys, vectors)
            if len(self._segments()) > MAX_SEGMENTS:
                self._merge()

    def _write(self, keys: Keys, vectors: Vectors) -> str:
        unique, first = np.unique(keys, axis=0, return_index=True)
        rows = np.ascontiguousarray(vectors[first], dtype=np.float32)

        def fill(folder: Path) -> durable.Info:
            np.save(folder / "keys.npy", unique)
            np.save(folder / "sums.npy", np.array([zlib.crc32(row) for row in rows], dtype=np.uint32))
            np.save(folder / "vectors.npy", rows)
            return {"rows": len(unique), "width": self.width}

        return durable.write_folder(self.folder, fill)

    def _segments(self) -> Sequence[Segment]:
        """Open what has been added since the last look and forget what has gone; look again if it goes meanwhile."""
        whole = False
        while not whole:
            names = sorted(p.name for p in self.folder.iterdir() if not p.name.startswith("."))
            self._open = {name: segment for name, segment in self._open.items() if name in names}
            whole = all([self._try_open(self.folder / name) for name in names if name not in self._open])
        return list(self._open.values())

    def _try_open(self, folder: Path) -> bool:
        """Open a segment, or drop a damaged one; return False where another process has just merged it away."""
        try:
            durable.read_manifest(folder, deferred=("vectors.npy",))
            arrays = {
                n: np.load(folder / f"{n}.npy", mmap_mode="r", allow_pickle=False) for n in ("keys", "sums", "vectors")
            }
            self._open[folder.name] = Segment(folder, **arrays)
        except (StoreError, OSError, ValueError) as error:
            if not folder.exists():
                return False
            self._drop(folder, error)
        return True

    def _drop(self, folder: Path, error: Exception) -> None:
        log.warning("cached vectors are damaged and will be encoded again: %s", error)
        self._open.pop(folder.name, None)
        durable.discard(folder)

    def _merge(self) -> None:
        """Merge all but the largest segments into one; a process that is reading them keeps its files."""
        with workspace.lock(f"items-{self.folder.name[:16]}"):
            small = sorted(self._segments(), key=lambda s: len(s.keys))[:-1]
            if len(small) < MAX_SEGMENTS:
                return  # another process has just done it
            try:
                vectors = np.concatenate([s.read(np.arange(len(s.keys))) for s in small])
            except StoreError as error:
                log.warning("cached vectors are not merged: %s", error)
                return
            kept = self._write(np.concatenate([s.keys for s in small]), vectors)
            for segment in small:
                if segment.folder.name != kept:
                    durable.discard(segment.folder)
