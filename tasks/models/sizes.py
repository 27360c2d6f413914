"""Refuse a model whose config.json states sizes that its weights cannot have, before anything of that size is made.

transformers makes what a config states and fills it from the files afterwards: a `hidden_size` of a billion takes all
memory of the machine, a million layers an hour, before a missing weight is reported.
"""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.errors import ModelError

INDEX = "model.safetensors.index.json"
HEADER = 100_000_000  # bytes, the limit of safetensors itself
WIDTHS = ("hidden_size", "d_model", "n_embd", "dim", "embed_dim")
ROWS = ("intermediate_size", "vocab_size", "d_ff", "ffn_dim", "n_inner", "hidden_dim", "ffn_hidden_size",
        "encoder_ffn_dim", "decoder_ffn_dim")  # fmt: skip
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers",
          "num_decoder_layers")  # fmt: skip
POSITIONS = ("max_position_embeddings", "n_positions", "max_source_positions", "image_size")
HEADS = ("num_attention_heads", "num_key_value_heads", "n_head", "n_heads", "num_heads")
MOST_POSITIONS = 1 << 26  # of models that count positions by a formula; Llama 4 states 10 million
PACKED = 2  # weights in a byte, at most: 4 bits each


def require_sizes(folder: Path, config: Mapping[str, Any]) -> None:
    """Check a model's config against the headers of its weights; nothing where it has no weights.

    Raises:
        ModelError: It states more layers than there are tensors, or tables larger than all of them, its index names a
            file that is not in the folder, or a weight is no floating point and nothing says why.
    """
    _require_index(folder)
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        return
    if odd := [path for path in paths if not path.is_file()]:  # a pipe would be waited for without end
        raise ModelError(f"{odd[0]} is no file; download the model again")
    _require_numbers(folder, config)
    headers = [_header(path) for path in paths]
    if "quantization_config" not in config:
        _require_floats(folder, headers)
    tensors, weights = sum(map(len, headers)), PACKED * sum(path.stat().st_size for path in paths)
    for part in _parts(config):
        stated = {
            name: value for name, value in part.items() if isinstance(value, int) and not isinstance(value, bool)
        }
        width = max((stated[name] for name in WIDTHS if name in stated), default=1)
        narrow = stated.get("embedding_size", width)  # ALBERT and ELECTRA factor their tables
        limits = {name: weights // max(1, width) for name in WIDTHS}
        limits |= {name: weights // max(1, min(narrow, width)) for name in ROWS}
        limits |= dict.fromkeys(LAYERS, tensors) | dict.fromkeys(POSITIONS, MOST_POSITIONS)
        for name, most in limits.items():
            if stated.get(name, 0) > most:
                raise ModelError(
                    f"{folder / 'config.json'} states {name}={_short(stated[name])} but its weights have "
                    f"{tensors} tensors in {weights // PACKED:,} bytes; download the model again"
                )


def _parts(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a config, and those of its towers."""
    yield config
    for name, value in config.items():
        if name.endswith("_config") and isinstance(value, dict):
            yield from _parts(value)


def _require_numbers(folder: Path, config: Mapping[str, Any]) -> None:
    for part in _parts(config):
        for name in (*WIDTHS, *ROWS, *LAYERS, *HEADS, *POSITIONS):
            value = part.get(name)  # a list where layers differ
            if isinstance(value, (str, float, bool)) or (isinstance(value, int) and value < 0):
                raise ModelError(
                    f"{folder / 'config.json'} states {name}={str(value)[:40]!r} but needs a whole number of "
                    "0 or more; download the model again"
                )


def _require_floats(folder: Path, headers: Sequence[Mapping[str, Any]]) -> None:
    for header in headers:
        for name, stated in header.items():
            kind = str(stated.get("dtype", "")) if isinstance(stated, dict) else ""
            if name.endswith(".weight") and not kind.startswith(("F", "BF")):
                raise ModelError(
                    f"{folder} holds {name[:80]} as {kind[:8] or 'nothing'}, no floating point, and its config "
                    "states no quantization_config; download the model again"
                )


def _short(value: int) -> str:
    return f"{value:,}" if abs(value) < 1 << 60 else "a number of more than 18 digits"


def _require_index(folder: Path) -> None:
    path = folder / INDEX
    if not path.is_file():
        return
    try:
        named = {str(name) for name in json.loads(path.read_bytes())["weight_map"].values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path} is no index of weights ({error}); download the model again") from error
    if apart := sorted(name for name in named if Path(name).name != name or not (folder / name).is_file()):
        raise ModelError(f"{path} names {apart[0][:80]!r}, which is no file of its folder; download the model again")


def _header(path: Path) -> dict[str, Any]:
    """Return what the header of a file of weights states of each tensor.

    Raises:
        ModelError: It has no header.
    """
    try:
        with path.open("rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            if length > min(HEADER, path.stat().st_size):
                raise ValueError("its header is longer than the file")
            header = json.loads(file.read(length))
        return {name: stated for name, stated in header.items() if name != "__metadata__"}
    except (OSError, ValueError, struct.error, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path} holds weights that are not whole ({error}); download the model again") from error
