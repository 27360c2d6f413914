"""Find an encoder and load what runs it.

What runs a batch is chosen by the numerics of a fingerprint, and loaded from a module of its own.
"""

import functools
import threading
from typing import Any

from configs.embed import Server
from tasks.data.models import Encoder, Fingerprint
from tasks.errors import ModelError
from tasks.models import device
from tasks.models import files as model_files
from tasks.models.encoders.base import Encodes, EncodingEngine

_loading = threading.Lock()


def fingerprint(model: str, precision: Any, where: Any, server: Server | None = None) -> Fingerprint:
    """Describe an encoder as it would run here, without loading it; a server is asked for its width, once.

    Raises:
        ContractError: The precision or device asked for is not there.
        ModelError: There is no such model, or it cannot be trusted.
        RemoteError: The server does not answer as it should.
    """
    if server is not None:
        from tasks.models.encoders import server as encoder_server

        return encoder_server.fingerprint(model, server, device.choose_remote(precision, where))
    described = model_files.describe(model)
    choose = device.choose if described.architecture == "transformer" else device.choose_static
    return Fingerprint(encoder=described, numerics=choose(precision, where))


def runnable(built: Fingerprint) -> Fingerprint:
    """Return how an encoder that encoded passages elsewhere can be run here: the same way, else the best there is.

    Raises:
        ModelError: The model is not here, or is another one under the same name.
    """
    if built.encoder.architecture == "remote":
        return built
    found = _described(built.encoder)
    if found.identity != built.encoder.identity:
        raise ModelError(
            f"the passages were encoded by {built.encoder.model} with identity {built.encoder.identity[:12]} but the "
            f"model of that name has {found.identity[:12]} here; bring the old one back or build the collection again"
        )
    why = device.obstacle(built.numerics)
    if not why:
        return built
    was = f"{built.numerics.engine} in {built.numerics.precision}"
    if built.encoder.architecture == "dual":  # how far texts move says nothing of the pictures that are stored
        raise ModelError(f"the pictures were encoded by {was}, but {why}; search them there, or run image-search here")
    numerics = device.choose("auto", "auto")
    reason = f"the passages were encoded by {was}, but {why}: {numerics.reason}"
    return built.model_copy(update={"numerics": numerics.model_copy(update={"reason": reason})})


def engine(wanted: Fingerprint) -> Encodes:
    """Return the loaded engine of a fingerprint; a process loads it once.

    Raises:
        ModelError: The model is no longer the one that was described.
    """
    with _loading:
        return _engine(wanted)


def _described(encoder: Encoder) -> Encoder:
    """Describe the model that has the name of an encoder here."""
    if encoder.architecture == "dual":
        from tasks.models.vision import dual_files

        return dual_files.describe(encoder.model)
    return model_files.describe(encoder.model)


@functools.cache
def _engine(wanted: Fingerprint) -> Encodes:
    if wanted.encoder.architecture == "remote":
        from tasks.models.encoders.server import RemoteEngine

        return RemoteEngine(wanted)
    if wanted.encoder.architecture == "dual":
        from tasks.models.vision.dual import DualTextEngine

        return DualTextEngine(wanted)
    found = model_files.describe(wanted.encoder.model)
    if found.identity != wanted.encoder.identity:
        raise ModelError(f"{found.model} has changed since it was described; build the collection again")
    if found.architecture == "static":
        from tasks.models.encoders.static import StaticForward

        return EncodingEngine(wanted, StaticForward(found))
    if wanted.numerics.engine == "openvino-cpu":
        from tasks.models.encoders.int8 import OpenvinoForward

        return EncodingEngine(wanted, OpenvinoForward(wanted))
    from tasks.models.encoders.packed import PackedEngine, PackedForward, packs
    from tasks.models.encoders.padded import TorchForward

    if packs(wanted):
        return PackedEngine(wanted, PackedForward(wanted))
    return EncodingEngine(wanted, TorchForward(wanted))
