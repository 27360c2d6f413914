"""What tests of housekeeping keep in a workspace, and how they call its commands."""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.data.base import Ref
from tasks.data.documents import DocumentsRef, PassagesRef, SnapshotRef
from tasks.data.models import Encoder, Fingerprint, Numerics
from tasks.data.search import DenseIndexRef, Generation, SparseIndexRef
from tasks.data.vectors import VectorsRef
from tasks.launch import housekeeping
from tasks.runtime import records
from tasks.runtime.records import Record
from tasks.store import collections, objects

KINDS: dict[str, type[Ref]] = {
    "snapshot": SnapshotRef, "documents": DocumentsRef, "passages": PassagesRef, "vectors": VectorsRef,
    "dense": DenseIndexRef, "sparse": SparseIndexRef,
}  # fmt: skip
ENCODER = Encoder(
    model="m", revision="r", weights="w", tokenizer="t", pooling="mean", normalize=True, max_tokens=8, width=3
)
MARK = Fingerprint(encoder=ENCODER, numerics=Numerics(precision="fp32", engine="torch-cpu"))


def array(number: int, kind: type[Ref] = VectorsRef) -> Any:
    return objects.save_array(kind, np.full((2, 3), number))


def publish(name: str = "notes", number: int = 1) -> Generation:
    refs: dict[str, Any] = {field: array(number, kind) for field, kind in KINDS.items()}
    return collections.commit(Generation(collection=name, source="files", fingerprint=MARK, **refs))


def finished(name: str, ref: VectorsRef) -> Path:
    """Write the record of a step that made an object."""
    records.write(name, "key", Record(ref, {}, "code", {}, {}))
    return Path(os.environ["LLM_FLOWS_HOME"]) / "steps" / name / "key.json"


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str], dict[str, Any]]:
    """Run a command; return its status, the lines for people and the last one for machines."""
    status = housekeeping.main(list(words))
    *lines, last = capsys.readouterr().out.splitlines()
    return status, lines, json.loads(last)


def age(path: Path, days: float) -> None:
    """Make a file or folder look as old as that."""
    then = time.time() - days * 86_400
    os.utime(path, (then, then))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
