"""Describe a dual encoder, a model with a tower for texts and one for pictures, from its files. Loads no torch.

Both towers are one identity: weights, config, tokenizer, and how pixels reach the picture tower. Pixels are prepared
by Pillow, whether torchvision is installed or not: the two differ by more than rounding.

Source: CLIP, arXiv:2103.00020; SigLIP, arXiv:2303.15343; SigLIP 2, arXiv:2502.14786; LiT, arXiv:2111.07991.
"""

import functools
import importlib
import importlib.metadata
import importlib.util
import json
from pathlib import Path
from typing import Any, NamedTuple

from tasks.data import digests
from tasks.data.models import Encoder
from tasks.errors import ModelError
from tasks.models import files
from tasks.store import durable

COPIES = "shorter side from 256, jpeg 95"  # what the working copies have lost before a processor sees them
COPY_SIDE = 256
BACKEND = "pil"
TOKENIZER = ("tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "*.model")
PATTERNS = (*files.FILES, "*/merges.txt", "*/vocab.txt", "*/*.model")
MODULES = {"CLIPModel", "Transformer", "Normalize"}  # of sentence-transformers; others change vectors


class DualKind(NamedTuple):
    """What a config.json need not state of a kind of dual encoder: transformers' defaults, which it leaves out."""

    width: int
    positions: int
    fixed_length: bool


KINDS = {
    "clip": DualKind(512, 77, False),
    "siglip": DualKind(768, 64, True),
    "siglip2": DualKind(768, 64, True),
    "vision-text-dual-encoder": DualKind(512, 512, False),
}
"""Kinds that are read. Those of a fixed length were trained on texts that padding fills up to the limit."""


def describe(model: str) -> Encoder:
    """Read from its files what decides the vectors of a dual encoder, of texts and of pictures.

    Raises:
        ModelError: A file is missing or unsafe, or the model is of another kind.
    """
    return _describe(model)


@functools.cache
def _describe(model: str) -> Encoder:
    found = files.locate(model, PATTERNS)
    folder = _towers(found.folder)
    config = files.read_config(folder)
    kind = _kind(model, config)
    stated = dict(config.get("text_config") or {})
    positions = stated.get("max_position_embeddings", kind.positions)
    settings = [config, processor_settings(folder), BACKEND, COPIES]
    return Encoder(
        model=model,
        revision=found.revision,
        weights=files.weights_digest(folder),
        tokenizer=tokenizer_digest(folder),
        pooling="own",
        normalize=False,
        max_tokens=files.longest(folder, {**stated, "max_position_embeddings": positions}),
        width=_width(config, stated, kind),
        architecture="dual",
        processor=durable.digest_of([json.dumps(settings, sort_keys=True)]),
    )


def folder_of(model: str) -> Path:
    """Return the folder with the config and the weights of both towers.

    Raises:
        ModelError: There is no such model.
    """
    return _towers(files.locate(model, PATTERNS).folder)


def kind_of(model: str) -> DualKind:
    """Return the kind of a dual encoder.

    Raises:
        ModelError: It is of another kind.
    """
    return _kind(model, files.read_config(folder_of(model)))


def processor_settings(folder: Path) -> dict[str, Any]:
    """Return how pictures are prepared, as the model's files state it.

    Raises:
        ModelError: They do not state it, or ask to run their own code.
    """
    nested = files.optional(folder / "processor_config.json").get("image_processor")
    settings = nested or files.optional(folder / "preprocessor_config.json")
    if not isinstance(settings, dict) or not settings:
        raise ModelError(
            f"{folder} does not say how pictures are prepared: preprocessor_config.json is missing; download the "
            "model again, or save its image processor there"
        )
    if "auto_map" in settings:
        raise ModelError(f"{folder} asks to run its own Python code for pictures (auto_map); use another model")
    return settings


def side_read(model: str) -> int:
    """Return how many pixels of a side the picture tower reads; of patches without a fixed shape, of a square.

    Raises:
        ModelError: The model's files do not say how pictures are prepared.
    """
    settings = processor_settings(folder_of(model))
    size = settings.get("crop_size") or settings.get("size") or {}
    if isinstance(size, int):
        return size
    if size:
        return int(max(size.values()))
    return int(settings.get("patch_size", 16) * settings.get("max_num_patches", 256) ** 0.5)


def require_sound_torchvision() -> None:
    """Check that torchvision, which is not needed, does not keep transformers from loading where it is installed.

    Raises:
        ModelError: It was built for another torch.
    """
    if importlib.util.find_spec("torchvision") is None:
        return
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        version = importlib.metadata.version("torch")
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(
            f"torchvision is installed but does not work with torch {version} ({reason}), and transformers loads "
            "it; run: pip uninstall torchvision, which is not needed, or install the build for this torch"
        ) from error


def _towers(folder: Path) -> Path:
    """Return where the towers are: sentence-transformers puts them below the folder.

    Raises:
        ModelError: Its modules are others than a CLIP.
    """
    try:
        listed = json.loads((folder / "modules.json").read_bytes()) if (folder / "modules.json").is_file() else []
        kinds = {str(entry["type"]).rpartition(".")[2]: str(entry.get("path", "")) for entry in listed}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{folder / 'modules.json'} is no list of modules ({error!r}); download the model again"
        ) from error
    if unknown := kinds.keys() - MODULES:
        raise ModelError(f"{folder} has modules {sorted(unknown)}, which this version does not run on pictures")
    return folder / kinds.get("CLIPModel", kinds.get("Transformer", ""))


def _kind(model: str, config: dict[str, Any]) -> DualKind:
    kind = str(config.get("model_type", ""))
    if kind not in KINDS:
        raise ModelError(
            f"{model} is of the kind {kind or 'nothing'!r} but a model that reads texts and pictures was needed, one "
            f"of {', '.join(sorted(KINDS))}; name another encoder.model"
        )
    return KINDS[kind]


def _width(config: dict[str, Any], text: dict[str, Any], kind: DualKind) -> int:
    """Return D: what both towers are projected to; SigLIP projects texts to the width of its picture tower."""
    if kind.fixed_length:
        return int(text.get("projection_size") or text.get("hidden_size") or kind.width)
    return int(config.get("projection_dim") or kind.width)


def tokenizer_digest(folder: Path) -> str:
    """Return the sha256 of the files of a tokenizer of any kind.

    Raises:
        ModelError: There are none.
    """
    found = sorted({path for pattern in TOKENIZER for path in folder.glob(pattern)})
    if not any(path.name != "tokenizer_config.json" for path in found):
        raise ModelError(f"{folder} has no tokenizer (tokenizer.json, or a vocabulary); download the model again")
    return durable.digest_of([[path.name, digests.of_path(path)] for path in found])
