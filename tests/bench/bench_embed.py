"""Encoding against `SentenceTransformer.encode` as it comes: 32-bit floats, batches of 32, the same texts, in turn."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.models import EMBEDDED
from tasks import hardware
from tasks.ingest.python_docs import read_package
from tasks.models import device
from tasks.models import files as model_files
from tasks.models.encoders import base as encoder_base
from tasks.models.encoders import load as encoders
from tasks.models.encoders import roofline
from tests.bench.pairs import alternate, at_least, plain

PROMISED = {"fp32": 1.4, "bf16": 2.0, "int8": 3.5}
CLOSE = {"fp32": ("least cosine", 0.99999), "bf16": ("least cosine", 0.999), "int8": ("mean cosine", 0.99)}
Vectors = npt.NDArray[np.float32]
Encode = Callable[[list[str]], Vectors]


def measure() -> list[dict[str, Any]]:
    """Compare every precision this machine has on package documentation, and on abstracts where there are any."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(model_files.locate(EMBEDDED).folder), device="cpu")
    theirs: Encode = lambda texts: np.asarray(model.encode(texts, show_progress_bar=False))  # noqa: E731
    corpora = {"package docs": documentation(160)}
    if (path := os.environ.get("LLM_FLOWS_DATA")) is not None:
        corpora["arxiv abstracts"] = abstracts(Path(path), 120)
    rows = _on_gpu(documentation(20_000)) if hardware.has_gpu() else []
    texts = corpora["package docs"]
    corpora["short texts"] = [text[:60] for text in texts] * 3
    corpora["long texts"] = sorted(texts, key=len)[-60:]
    return rows + [row for precision in precisions() for row in _compare(precision, corpora, theirs)]


def precisions() -> list[str]:
    """Return the precisions that run here."""
    bf16 = ["bf16"] if hardware.processor_has_bf16() else []
    int8 = [] if hardware.missing(device.INT8_PACKAGES) else ["int8"]
    return ["fp32", *bf16, *int8]


def documentation(count: int) -> list[str]:
    """Return docstrings of scikit-learn and numpy, of all lengths."""
    return [
        document.text for package in ("sklearn", "numpy") for document in read_package(package).names[: count // 2]
    ]


def abstracts(data: Path, count: int) -> list[str]:
    """Return abstracts of the arXiv file."""
    with gzip.open(next((data / "arxiv").glob("*.jsonl.gz")), "rt", encoding="utf-8") as lines:
        return [json.loads(line)["summary"] for line, _ in zip(lines, range(count), strict=False)]


def _on_gpu(texts: list[str]) -> list[dict[str, Any]]:
    """Compare bfloat16, packed, with sentence-transformers in 16 bits, on mixed lengths."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(model_files.locate(EMBEDDED).folder), device="cuda").half()
    ran = encoders.fingerprint(EMBEDDED, "bf16", "cuda")
    engine = encoders.engine(ran)
    meter = encoder_base.Meter()
    ours_s, theirs_s = alternate(
        lambda: engine.encode(texts, meter), lambda: model.encode(texts, show_progress_bar=False), 3
    )
    speed = meter.tokens / 3 / ours_s
    return [
        at_least("GPU, package docs: times as fast as sentence-transformers in fp16", theirs_s / ours_s, "times", 2.0),
        plain("GPU, package docs: speed", speed, "tokens/s"),
        plain("GPU, package docs: share of what it multiplies", roofline.share(ran, speed) or 0.0, ""),
    ]


def _compare(precision: Any, corpora: dict[str, list[str]], theirs: Encode) -> list[dict[str, Any]]:
    ran = encoders.fingerprint(EMBEDDED, precision, "cpu")
    engine = encoders.engine(ran)
    rows = []
    for name, texts in corpora.items():
        cosines = (engine.encode(texts) * theirs(texts)).sum(axis=1)
        meter = encoder_base.Meter()
        ours_s, theirs_s = alternate(lambda t=texts, m=meter: engine.encode(t, m), lambda t=texts: theirs(t), 3)
        ratio, what = theirs_s / ours_s, f"{precision}, {name}: times as fast as sentence-transformers"
        mixed = name in ("package docs", "arxiv abstracts")
        rows.append(at_least(what, ratio, "times", PROMISED[precision] if mixed else 0.95))
        speed = meter.tokens / 3 / ours_s
        rows.append(plain(f"{precision}, {name}: speed", speed, "tokens/s"))
        if (share := roofline.share(ran, speed)) is not None:
            rows.append(plain(f"{precision}, {name}: share of what this machine multiplies", share, ""))
        which, least = CLOSE[precision]
        value = float(cosines.min() if which == "least cosine" else cosines.mean())
        rows.append(at_least(f"{precision}, {name}: {which}", value, "", least))
    return rows
