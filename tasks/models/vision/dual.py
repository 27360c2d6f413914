"""Run a dual encoder: texts and pictures as vectors of one space.

Shapes: N texts or pictures, B of a batch, D width.
"""

import functools
import io
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.data.models import Fingerprint
from tasks.errors import ModelError
from tasks.models.encoders.base import Meter
from tasks.models.vision import dual_files
from tasks.models.vision.dual_tokens import WRONG, DualTokenizer
from tasks.models.whole import load_whole

Floats = npt.NDArray[np.float32]
TEXTS = 32  # a batch
_loading = threading.Lock()


class DualModel:
    """Both towers, loaded by transformers; pixels are prepared by Pillow."""

    def __init__(self, wanted: Fingerprint) -> None:
        dual_files.require_sound_torchvision()
        import torch
        from transformers import AutoModel

        self.name, self.width = wanted.encoder.model, wanted.encoder.width
        self.device = wanted.numerics.engine.removeprefix("torch-")
        self.dtype = torch.bfloat16 if wanted.numerics.precision == "bf16" else torch.float32
        folder = dual_files.folder_of(self.name)
        self.model = load_whole(AutoModel, folder, dtype=self.dtype, attn_implementation="sdpa")
        self.model = self.model.eval().to(self.device)
        self.processor = load_processor(self.name)
        self.tokenizer = DualTokenizer(wanted.encoder)

    def texts(self, texts: Sequence[str]) -> Floats:
        """Return (B, D) unit-length vectors of texts; NaN where there is no direction."""
        return self._run(self.model.get_text_features, self.tokenizer.padded(texts))

    def pictures(self, copies: Sequence[bytes]) -> Floats:
        """Return (B, D) unit-length vectors of working copies; NaN where there is no direction."""
        from PIL import Image

        images = []
        for copy in copies:
            with Image.open(io.BytesIO(copy), formats=("PNG", "JPEG")) as image:
                images.append(image.convert("RGB"))
        given = self.processor(images=images, return_tensors="pt")
        given["pixel_values"] = given["pixel_values"].to(self.dtype)
        return self._run(self.model.get_image_features, given)

    def _run(self, tower: Any, given: Any) -> Floats:
        """Return what a tower gives, at unit length.

        Raises:
            ModelError: It is of another width than the model's config states.
        """
        import torch

        with torch.inference_mode():
            made = tower(**given.to(self.device))
            pooled = getattr(made, "pooler_output", made).float()
            unit = pooled / torch.linalg.vector_norm(pooled, dim=1, keepdim=True)
        if unit.shape[1] != self.width:
            raise ModelError(
                f"{self.name} gives vectors of {unit.shape[1]} numbers but its config.json states {self.width}; "
                "download the model again"
            )
        return np.asarray(unit.cpu().numpy(), np.float32)


class DualTextEngine:
    """The text tower as an encoder of texts."""

    def __init__(self, wanted: Fingerprint) -> None:
        self.model, self.encoder = loaded(wanted), wanted.encoder

    def encode(self, texts: Sequence[str], meter: Meter | None = None) -> Floats:
        """Return (N, D) unit-length rows in the order of the texts, NaN where there is no direction.

        Args:
            texts: N texts.
            meter: Told what it took.
        """
        meter = meter or Meter()
        full = np.array([len(e.ids) for e in self.model.tokenizer.encode_batch(texts)], dtype=np.int64)
        lengths = np.minimum(full, self.encoder.max_tokens)
        meter.truncated += int((full > lengths).sum())
        vectors = np.full((len(texts), self.encoder.width), np.nan, dtype=np.float32)
        order = np.argsort(lengths, kind="stable")  # texts of like length share a batch: less padding
        for start in range(0, len(order), TEXTS):
            rows = order[start : start + TEXTS]
            vectors[rows] = self.model.texts([texts[int(row)] for row in rows])
            longest = self.encoder.max_tokens if self.model.tokenizer.fixed_length else int(lengths[rows].max())
            meter.padded += longest * len(rows)
            meter.tokens += int(lengths[rows].sum())
            meter.moved(int(lengths[rows].sum()))
            meter.done(rows, vectors[rows])
        return vectors


def features(
    wanted: Fingerprint, copies: Sequence[bytes], batch_size: int, advance: Callable[[int], None] | None = None
) -> Floats:
    """Return (N, D) unit-length vectors of working copies.

    Args:
        wanted: The dual encoder, and how it runs.
        copies: N working copies.
        batch_size: Pictures at a time.
        advance: Told after each batch how many it had.

    Raises:
        ModelError: A vector has no direction.
    """
    model, found = loaded(wanted), []
    for start in range(0, len(copies), batch_size):
        part = copies[start : start + batch_size]
        found.append(model.pictures(part))
        if not np.isfinite(found[-1]).all():
            raise ModelError(
                f"{wanted.encoder.model} gives vectors that are not numbers in {wanted.numerics.precision}; set "
                "encoder.precision=fp32, or use another model"
            )
        if advance is not None:
            advance(len(part))
    return np.concatenate(found) if found else np.empty((0, wanted.encoder.width), np.float32)


def loaded(wanted: Fingerprint) -> DualModel:
    """Return the loaded model of a fingerprint; a process loads it once.

    Raises:
        ModelError: It has changed since it was described, or its files do not make a whole model.
    """
    with _loading:
        return _loaded(wanted)


@functools.cache
def _loaded(wanted: Fingerprint) -> DualModel:
    if dual_files.describe(wanted.encoder.model).identity != wanted.encoder.identity:
        raise ModelError(f"{wanted.encoder.model} has changed since it was described; build the collection again")
    return DualModel(wanted)


def load_processor(model: str) -> Any:
    """Return what prepares pictures for a dual encoder, run by Pillow.

    Raises:
        ModelError: The model's files do not make one, or none that Pillow runs.
    """
    return processor_of(dual_files.folder_of(model), model)


def processor_of(folder: Path, model: str) -> Any:
    """Return what prepares pictures as the files in a folder state it, run by Pillow.

    Raises:
        ModelError: They do not make one, or none that Pillow runs.
    """
    from transformers import AutoImageProcessor

    try:
        loader: Any = AutoImageProcessor
        made = loader.from_pretrained(
            folder, backend=dual_files.BACKEND, local_files_only=True, trust_remote_code=False
        )  # fmt: skip
    except WRONG as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"the picture processor of {model} cannot be loaded ({reason}); use another model") from error
    if not type(made).__name__.endswith("Pil"):
        raise ModelError(f"{model} prepares pictures by {type(made).__name__}, which Pillow cannot run; use another")
    return made
