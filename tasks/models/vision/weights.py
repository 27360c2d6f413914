"""The published weights of EfficientNet-Lite0: read once by torch's reader of plain tensors, kept as safetensors.

The package holds a pickled file. Its digest is compared with the published one; then it is opened with
`weights_only=True`, which builds tensors and nothing else. What later runs read is safetensors.

    models/vision/<digest>/model.safetensors
"""

import functools
import threading

import torch
from safetensors.torch import load_file, save_file

from configs.models import CATALOGUE, LITE0
from tasks.data.models import Encoder, Fingerprint, Numerics
from tasks.errors import ModelError
from tasks.models.vision.lite0 import FEATURES, SIDE, Lite0
from tasks.store import durable, packages, workspace

PREPROCESSING = f"shorter side from 256, jpeg 95, squashed to {SIDE} by bicubic, (x - 127) / 128; 2"
WEIGHTS = "model.safetensors"
_loading = threading.Lock()


def fingerprint() -> Fingerprint:
    """Return what decides a picture's features: the published weights, and how pixels reach them.

    Raises:
        ModelError: The package is not installed, or its weights are not the published ones.
    """
    card = CATALOGUE[LITE0]
    packages.weights_of(card)
    encoder = Encoder(
        model=card.id, revision=card.revision, weights=card.sha256, tokenizer=PREPROCESSING, pooling="mean",
        normalize=False, max_tokens=1, width=FEATURES,
    )  # fmt: skip
    return Fingerprint(encoder=encoder, numerics=Numerics(precision="fp32", engine="torch-cpu"))


def network() -> Lite0:
    """Return the network with its weights, loaded once a process.

    Raises:
        ModelError: The weights are not those of this network.
    """
    with _loading:
        return _network()


@functools.cache
def _network() -> Lite0:
    made = Lite0()
    try:
        made.load_state_dict(load_file(_kept()))
    except RuntimeError as error:
        raise ModelError(
            f"the weights of {LITE0} do not fit its network ({error}); install the package again"
        ) from error
    return made.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _kept() -> str:
    """Return the file of safetensors, made now if it was not made before."""
    card = CATALOGUE[LITE0]
    parent = workspace.folder("models", "vision")
    with workspace.lock(f"vision-{card.sha256[:16]}"):
        pointer = parent / f"{card.sha256}.json"
        if pointer.is_file():
            folder = parent / str(durable.read_json(pointer)["folder"])
            durable.read_manifest(folder)
            return str(folder / WEIGHTS)
        tensors = torch.load(packages.weights_of(card), weights_only=True, map_location="cpu")
        name = durable.write_folder(parent, lambda place: _save(tensors, f"{place / WEIGHTS}"))
        durable.write_json(pointer, {"folder": name})
    return str(parent / name / WEIGHTS)


def _save(tensors: dict[str, torch.Tensor], path: str) -> durable.Info:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return {"model": LITE0}
