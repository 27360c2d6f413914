"""A GGUF file as a folder that transformers reads: checked, and converted once into the workspace.

The weights leave their few bits for bfloat16, whose rounding lies far below that of four bits; the converted model
loads in a second. Only Python reads the file, and what it raises is an error of the file.

    models/gguf/<digest>/{model.safetensors, tokenizer.json, chat_template.jinja, config.json, ...}
    models/gguf/<sha256 of the file>.json    which of them was made of it

Source: github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

import contextlib
import functools
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from tasks.data import digests
from tasks.errors import ModelError, StoreError
from tasks.store import durable, workspace

SUFFIX = ".gguf"
MAGIC, VERSIONS = b"GGUF", (2, 3)
WEIGHTS = "model.safetensors"

log = logging.getLogger(__name__)


def converted(file: Path) -> Path:
    """Return the folder with the model of a GGUF file, made now if it was not made before.

    Raises:
        ModelError: The file is no whole GGUF, or transformers does not read its architecture.
        StoreError: The disk is full or refuses.
    """
    check_header(file)
    source = digests.of_path(file)
    parent = workspace.folder("models", "gguf")
    with workspace.lock(f"gguf-{source[:16]}"):
        known = _known(parent, source)
        if known is None:
            log.info("converting %s for transformers, once", file.name)
            known = durable.write_folder(parent, lambda folder: _convert(file, source, folder))
            durable.write_json(parent / f"{source}.json", {"folder": known})
    return parent / known


def check_header(file: Path) -> None:
    """Refuse what is no GGUF file.

    Raises:
        ModelError: It cannot be read, or begins with something else.
    """
    try:
        with file.open("rb") as opened:
            begins = opened.read(8)
    except OSError as error:
        raise ModelError(f"{file} cannot be read ({error.strerror}); give the path of a .gguf file") from error
    if begins[:4] != MAGIC:
        raise ModelError(f"{file} does not begin with GGUF; give a model in GGUF, or a folder with safetensors")
    if (version := int.from_bytes(begins[4:], "little")) not in VERSIONS:
        raise ModelError(f"{file} is GGUF of version {version} but {VERSIONS} are read; convert it again")


def _known(parent: Path, source: str) -> str | None:
    """Return the folder that was made of a file; None where there is none, or it is damaged."""
    pointer = parent / f"{source}.json"
    if not pointer.is_file():
        return None
    try:
        folder = str(durable.read_json(pointer)["folder"])
        durable.read_manifest(parent / folder, deferred=(WEIGHTS,))  # describing the model hashes the weights
    except (StoreError, KeyError, TypeError) as error:
        log.warning("the converted model is damaged and will be made again: %s", error)
        return None
    return folder


def _convert(file: Path, source: str, folder: Path) -> durable.Info:
    """Write tokenizer and weights of a GGUF file as transformers writes them."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    unpacked: Any = GgufConfig
    where: dict[str, Any] = {"gguf_file": file.name, "local_files_only": True, "trust_remote_code": False}
    try:
        with warnings.catch_warnings(), _parsed_once():
            warnings.simplefilter("ignore")
            tokenizer: Any = AutoTokenizer.from_pretrained(file.parent, **where)
            model: Any = AutoModelForCausalLM.from_pretrained(
                file.parent, dtype=torch.bfloat16, quantization_config=unpacked(dequantize=True), **where
            )
    except Exception as error:  # whatever a parser of untrusted numbers may raise
        reason = str(error).strip().partition("\n")[0][:200]
        raise ModelError(
            f"transformers cannot read {file.name} ({reason}): it is cut, damaged or of an architecture it does not "
            "know; download it again, or give another"
        ) from error
    model.hf_quantizer = None  # else save_pretrained refuses: it takes the weights for packed ones
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.config._name_or_path = ""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return {"gguf": source, "file": file.name}


@contextlib.contextmanager
def _parsed_once() -> Iterator[None]:
    """Let a file be parsed once: transformers does so for tokenizer, config and weights, seconds each time."""
    import gguf

    with mock.patch.object(gguf, "GGUFReader", functools.lru_cache(maxsize=1)(gguf.GGUFReader)):
        yield
