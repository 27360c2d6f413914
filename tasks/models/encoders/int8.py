"""Run batches in 8-bit integers on a processor, with OpenVINO.

    quantised/<key>/<digest>/{model.xml, model.bin, manifest.json}

Weights and activations are quantised once, from texts that come with Python, and kept in the workspace; a model whose
vectors move too far is refused, be it for texts of one length alone. What stays in floats stays in 32 bits: in
bfloat16, where a processor has it, short texts came out wrong (mean cosine 0.90, least 0.49), and no faster.

Shapes: B rows of a batch, L padded tokens, D width, N check texts.
Source: static post-training quantisation by NNCF (Kozlov et al. 2020, arXiv:2002.08679).
"""

import ast
import hashlib
import importlib.metadata
import importlib.util
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks import hardware
from tasks.data.models import Encoder, Fingerprint, Numerics
from tasks.errors import ModelError, StoreError
from tasks.models import device
from tasks.store import durable, workspace

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Run = Callable[[Ints, Ints], Floats]  # (B, D) of the tokens and the mask of a batch
BATCH_TOKENS = 1024
TEXTS = 200  # the first half calibrates, the other checks; each has as many of every span of lengths
BOUNDS = (20, 60, 200, 600)  # characters; of each span the same number of texts
SHORT = ((1, 60), (2, 10), (3, 10), (5, 10))  # words, and texts of so many, that calibrate besides
WORDS = (1, 2, 3, 5, 8, 13, 20, 40, 80, 160, 250, 400)  # of the texts that check besides; the last fill 512 tokens
EACH = 10  # texts of so many words
# The way back from the first feed-forward part of BERT's kind: what goes through it is far larger in short texts.
FLOATS = r".*layer\.0\.output\.dense/.*MatMul.*"
HINTS = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}  # a batch gets every core
MIN_LEAST_COSINE = 0.98  # of any one text
MIN_COSINE = 0.99  # on average
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
        self.model = _openvino().Core().compile_model(str(quantised(wanted.encoder) / "model.xml"), "CPU", HINTS)

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
    texts = calibration_texts()
    key = durable.digest_of(
        {
            "encoder": encoder.identity,
            "texts": durable.digest_of([*short_texts(texts), *texts, *texts_of_lengths(texts)]),
            "floats": FLOATS,
            "hints": HINTS,
            "accepted": [MIN_LEAST_COSINE, MIN_COSINE, MIN_RANK_AGREEMENT],
            "processor": hardware.processor(),  # what was right on one may saturate 8-bit sums on another
            **{name: importlib.metadata.version(name) for name in ("openvino", "nncf")},
        }
    )
    parent = workspace.folder("quantised", key)
    with workspace.lock(f"quantised-{key[:16]}"):
        return _stored(parent) or parent / durable.write_folder(parent, lambda to: _build(encoder, texts, to))


def calibration_texts() -> list[str]:
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
            f"int8 is calibrated on {TEXTS} texts of Python's own sources but {len(texts)} are there; use fp32 or bf16"
        )
    return texts


def short_texts(texts: Sequence[str]) -> list[str]:
    """Return short texts that calibrate, cut from the half of `calibration_texts` that does.

    Without them single words came out wrong: least cosine 0.947, with them 0.978, and 0.984 with `FLOATS`.
    """
    return [text for count, of_each in SHORT for text in _cut(texts[: TEXTS // 2], count, of_each)]


def texts_of_lengths(texts: Sequence[str]) -> list[str]:
    """Return texts of one word up to more than 512 tokens, cut from the half of `calibration_texts` that checks."""
    return [text for count in WORDS for text in _cut(texts[TEXTS // 2 :], count, EACH)]


def _cut(texts: Sequence[str], count: int, of_each: int) -> list[str]:
    """Return so many texts of so many words, from places evenly spaced in texts joined; numbers and marks are left."""
    words = [word for word in " ".join(texts).split() if any(map(str.isalpha, word))]
    apart = len(words) // of_each
    return [" ".join(words[row * apart :][:count]) for row in range(of_each)]


def agreement(ours: Floats, theirs: Floats) -> tuple[float, float, float]:
    """Compare the vectors of the same texts.

    Args:
        ours: (N, D) unit-length rows.
        theirs: (N, D) unit-length rows.

    Returns:
        Least cosine, mean cosine, and Spearman's correlation of all pairwise cosines; NaN where a vector is.
    """
    from scipy.stats import spearmanr

    pairs = np.triu_indices(len(ours), 1)
    ranks = spearmanr((ours @ ours.T)[pairs], (theirs @ theirs.T)[pairs]).statistic
    cosines = (ours * theirs).sum(axis=1)
    return float(cosines.min()), float(cosines.mean()), float(ranks)


def refuse_if_far(model: str, least: float, mean: float, ranks: float) -> None:
    """Refuse a quantised model whose vectors are too far from those of 32-bit floats; NaN is too far.

    Raises:
        ModelError: They are.
    """
    if not (least >= MIN_LEAST_COSINE and mean >= MIN_COSINE and ranks >= MIN_RANK_AGREEMENT):
        raise ModelError(
            f"{model} in int8 has a least cosine of {least:.4f}, a mean of {mean:.4f} and a rank agreement of "
            f"{ranks:.4f} with 32 bits but {MIN_LEAST_COSINE}, {MIN_COSINE} and {MIN_RANK_AGREEMENT} were needed; "
            "use embed.precision fp32 or bf16"
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
            log.warning("a quantised model is damaged and will be computed again: %s", error)
            durable.discard(folder)
        else:
            return folder
    return None


@dataclass(slots=True)
class _Batches:
    """A loaded model that an engine gives the batches of a run."""

    run: Run
    batch_tokens: int = BATCH_TOKENS

    def __call__(self, tokens: Ints, mask: Ints) -> Floats:
        return self.run(tokens, mask)


def _build(encoder: Encoder, texts: Sequence[str], to: Path) -> durable.Info:
    """Quantise, check and save a model; return what was measured."""
    openvino = _openvino()
    import nncf
    import torch

    from tasks.models.encoders.base import tokenizer

    pieces = tokenizer(encoder)
    pieces.enable_truncation(encoder.max_tokens)
    calibrate = [*texts[: TEXTS // 2], *short_texts(texts)]
    rows = [np.array([e.ids], dtype=np.int64) for e in pieces.encode_batch(calibrate)]
    whole = _module(encoder)
    data = nncf.Dataset([{"input_ids": row, "attention_mask": np.ones_like(row)} for row in rows])
    small = nncf.quantize(
        _converted(whole),
        data,
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(rows),
        ignored_scope=nncf.IgnoredScope(patterns=[FLOATS], validate=False),  # other kinds of model have no such part
        # Correcting biases took half of the time and moved neither mean nor least cosine by 0.001.
        advanced_parameters=nncf.AdvancedQuantizationParameters(disable_bias_correction=True),
    )
    compiled = openvino.Core().compile_model(small, "CPU", HINTS)

    def exact(tokens: Ints, mask: Ints) -> Floats:
        with torch.inference_mode():
            return np.asarray(whole(torch.from_numpy(tokens), torch.from_numpy(mask)).numpy(), dtype=np.float32)

    checks = [*texts[TEXTS // 2 :], *texts_of_lengths(texts)]
    least, mean, ranks = compare(encoder, checks, lambda tokens, mask: run(compiled, tokens, mask), exact)
    refuse_if_far(encoder.model, least, mean, ranks)
    openvino.save_model(small, to / "model.xml", compress_to_fp16=False)
    measured = {"least cosine": least, "mean cosine": mean, "ranks": ranks}
    return {"model": encoder.model, **measured, "texts": durable.digest_of(checks)}


def compare(encoder: Encoder, texts: Sequence[str], ours: Run, theirs: Run) -> tuple[float, float, float]:
    """Compare the vectors that two ways to run an encoder give of texts, padded and batched as in a run.

    Args:
        encoder: Whose tokenizer, and whose longest text.
        texts: N texts.
        ours: One way.
        theirs: The other.

    Returns:
        As `agreement`.
    """
    from tasks.models.encoders.base import EncodingEngine

    ran = Fingerprint(encoder=encoder, numerics=Numerics(precision="int8", engine="openvino-cpu"))
    return agreement(*(EncodingEngine(ran, _Batches(way)).encode(texts) for way in (ours, theirs)))


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
