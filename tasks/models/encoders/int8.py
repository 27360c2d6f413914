"""Run batches in 8-bit integers on a processor, with OpenVINO.

    quantised/<key>/<digest>/{model.xml, model.bin, manifest.json}

Weights and activations are quantised once, from texts that come with Python, and kept in the workspace; a model whose
vectors move too far is refused. The processor's own bfloat16, where it has it, serves what stays in floats.

Shapes: B rows of a batch, L padded tokens, D width, N check texts.
Source: static post-training quantisation by NNCF (Kozlov et al. 2020, arXiv:2002.08679).
"""

import ast
import hashlib
import importlib.metadata
import importlib.util
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks import hardware
from tasks.data.models import Encoder, Fingerprint
from tasks.errors import ModelError, StoreError
from tasks.models import device
from tasks.store import durable, workspace

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
BATCH_TOKENS = 1024
TEXTS = 200  # the first half calibrates, the other checks; each has as many of every span of lengths
BOUNDS = (20, 60, 200, 600)  # characters; of each span the same number of texts
MIN_COSINE = 0.99
MIN_RANK_AGREEMENT = 0.99
MODULES = (
    "argparse", "asyncio.locks", "calendar", "configparser", "contextlib", "csv", "datetime", "difflib", "doctest",
    "email.message", "fractions", "functools", "heapq", "http.client", "imaplib", "inspect", "ipaddress", "logging",
    "mailbox", "optparse", "pathlib", "pickle", "random", "shutil", "socket", "statistics", "string", "subprocess",
    "tarfile", "tempfile", "textwrap", "threading", "turtle", "typing", "unittest.mock", "urllib.request", "uuid",
    "zipfile",
)  # fmt: skip


log = logging.getLogger(__name__)


class OpenvinoForward:
    """A quantised model, compiled for this processor."""

    def __init__(self, wanted: Fingerprint) -> None:
        device.require_int8()
        self.batch_tokens = BATCH_TOKENS
        precision = "bf16" if hardware.processor_has_bf16() else "f32"
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}  # a batch gets every core
        self.model = _openvino().Core().compile_model(str(quantised(wanted.encoder) / "model.xml"), "CPU", hints)

    def __call__(self, tokens: Ints, mask: Ints) -> Floats:
        """Return (B, D) unit-length rows for (B, L) tokens; NaN where there is no direction."""
        return run(self.model, tokens, mask)


def run(compiled: Any, tokens: Ints, mask: Ints) -> Floats:
    """Run one batch through a compiled model; safe from several threads.

    Args:
        compiled: What OpenVINO made of the model.
        tokens: (B, L).
        mask: (B, L), 1 where there is a token.

    Returns:
        (B, D) unit-length rows.
    """
    answer = compiled.create_infer_request().infer({"input_ids": tokens, "attention_mask": mask})
    return np.array(answer[0], dtype=np.float32)


def quantised(encoder: Encoder) -> Path:
    """Return the folder of an encoder's quantised model, made if it is not there yet or damaged.

    Raises:
        ModelError: Quantised, its vectors are too far from those of 32-bit floats.
    """
    texts = check_texts()
    key = durable.digest_of(
        {
            "encoder": encoder.identity,
            "texts": durable.digest_of(texts),
            "bfloat16": hardware.processor_has_bf16(),
            **{name: importlib.metadata.version(name) for name in ("openvino", "nncf")},
        }
    )
    parent = workspace.folder("quantised", key)
    with workspace.lock(f"quantised-{key[:16]}"):
        return _stored(parent) or parent / durable.write_folder(parent, lambda to: _build(encoder, texts, to))


def check_texts() -> list[str]:
    """Return the texts that calibrate and check: documentation of Python's own modules, of mixed lengths.

    Raises:
        ModelError: Python came without its sources.
    """
    groups: list[list[str]] = [[] for _ in BOUNDS]
    found = {text for module in MODULES for text in _docstrings(module) if len(text) >= BOUNDS[0]}
    for text in sorted(found, key=lambda text: hashlib.sha256(text.encode()).digest()):
        groups[sum(len(text) >= bound for bound in BOUNDS) - 1].append(text)
    texts = [text for group in zip(*groups, strict=False) for text in group][:TEXTS]
    if len(texts) < TEXTS:
        raise ModelError(
            f"int8 is calibrated on {TEXTS} texts of Python's own sources but {len(texts)} are here; use fp32 or bf16"
        )
    return texts


def agreement(ours: Floats, theirs: Floats) -> tuple[float, float]:
    """Compare the vectors of the same texts.

    Args:
        ours: (N, D) unit-length rows.
        theirs: (N, D) unit-length rows.

    Returns:
        Mean cosine, and Spearman's correlation of all pairwise cosines; NaN where a vector is.
    """
    from scipy.stats import spearmanr

    pairs = np.triu_indices(len(ours), 1)
    ranks = spearmanr((ours @ ours.T)[pairs], (theirs @ theirs.T)[pairs]).statistic
    return float((ours * theirs).sum(axis=1).mean()), float(ranks)


def refuse_if_far(model: str, cosine: float, ranks: float) -> None:
    """Refuse a quantised model whose vectors are too far from those of 32-bit floats; NaN is too far.

    Raises:
        ModelError: They are.
    """
    if not (cosine >= MIN_COSINE and ranks >= MIN_RANK_AGREEMENT):
        raise ModelError(
            f"{model} in int8 has a mean cosine of {cosine:.4f} and a rank agreement of {ranks:.4f} with 32 bits but "
            f"{MIN_COSINE} and {MIN_RANK_AGREEMENT} were needed; use embed.precision fp32 or bf16"
        )


def _docstrings(module: str) -> Iterator[str]:
    """Yield the documentation in a module's source, without importing it."""
    package, _, name = module.rpartition(".")
    spec = importlib.util.find_spec(package or name)
    origin = Path(spec.origin) if spec is not None and spec.origin else Path(name)
    source = origin.with_name(f"{name}.py") if package else origin
    if not source.is_file():
        return
    for node in ast.walk(ast.parse(source.read_bytes())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def _stored(parent: Path) -> Path | None:
    """Return the kept model that is whole; a damaged one is deleted."""
    for folder in sorted(path for path in parent.iterdir() if not path.name.startswith(".")):
        try:
            durable.read_manifest(folder)
        except StoreError as error:
            log.warning("a quantised model is damaged and will be made again: %s", error)
            durable.discard(folder)
        else:
            return folder
    return None


def _build(encoder: Encoder, texts: Sequence[str], to: Path) -> durable.Info:
    """Quantise, check and save a model; return what was measured."""
    openvino = _openvino()
    import nncf
    import torch

    from tasks.models.encoders.base import tokenizer

    pieces = tokenizer(encoder)
    pieces.enable_truncation(encoder.max_tokens)
    rows = [np.array([e.ids], dtype=np.int64) for e in pieces.encode_batch(list(texts))]
    whole = _module(encoder)
    data = nncf.Dataset([{"input_ids": row, "attention_mask": np.ones_like(row)} for row in rows[: TEXTS // 2]])
    small = nncf.quantize(
        _converted(whole), data, model_type=nncf.ModelType.TRANSFORMER, subset_size=len(rows[: TEXTS // 2])
    )
    with torch.inference_mode():
        theirs = [
            whole(torch.from_numpy(row), torch.ones_like(torch.from_numpy(row))).numpy() for row in rows[TEXTS // 2 :]
        ]
    hints = {"INFERENCE_PRECISION_HINT": "bf16" if hardware.processor_has_bf16() else "f32"}
    compiled = openvino.Core().compile_model(small, "CPU", hints)
    ours = [run(compiled, row, np.ones_like(row)) for row in rows[TEXTS // 2 :]]
    cosine, ranks = agreement(np.concatenate(ours), np.concatenate(theirs))
    refuse_if_far(encoder.model, cosine, ranks)
    openvino.save_model(small, to / "model.xml", compress_to_fp16=False)
    return {"model": encoder.model, "cosine": cosine, "ranks": ranks, "texts": durable.digest_of(list(texts))}


def _module(encoder: Encoder) -> Any:
    """Return transformer, pooling and normalisation as one torch module."""
    import torch

    from tasks.models.encoders import padded as padded_forward

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = padded_forward.load(encoder.model, torch.float32)

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            states = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            pooled = padded_forward.pool(states, attention_mask, encoder.pooling)
            return pooled / torch.linalg.vector_norm(pooled, dim=1, keepdim=True)

    return Whole().eval()


def _converted(module: Any) -> Any:
    """Return a torch module as an OpenVINO model of any batch and length."""
    import warnings

    import torch

    openvino = _openvino()
    tokens, mask = torch.ones(2, 8, dtype=torch.int64), torch.ones(2, 8, dtype=torch.int64)
    mask[1, 5:] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of every branch it takes
        return openvino.convert_model(
            module,
            example_input={"input_ids": tokens, "attention_mask": mask},
            input=[(name, [-1, -1], openvino.Type.i64) for name in ("input_ids", "attention_mask")],
        )


def _openvino() -> Any:
    """Import OpenVINO without its telemetry: it sends when nobody has said no, and does without when it is absent."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
