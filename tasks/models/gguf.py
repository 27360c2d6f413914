"""A GGUF file as a folder that transformers reads: checked, and converted once into the workspace.

The weights leave their few bits for bfloat16, whose rounding lies far below that of four bits; the converted model
loads in a second. Where llama.cpp runs the file as it is, the tokenizer alone is converted. Only Python reads the
file, nothing beyond its end, and what it raises is an error of the file.

    models/gguf/<digest>/{model.safetensors, tokenizer.json, chat_template.jinja, config.json, ...}
    models/gguf-tokenizers/<digest>/{tokenizer.json, chat_template.jinja, ...}
    models/<either>/<sha256 of the file>.json    which of them was made of it

The rule that cuts text before pieces are merged (`tokenizer.ggml.pre`) is set here: for a Llama, transformers 5.23
takes that of GPT-2 whatever the file states, and digits after two spaces or line ends come out in other tokens.

Source: github.com/ggml-org/ggml/blob/master/docs/gguf.md; the rules as in llama.cpp, src/llama-vocab.cpp.
"""

import contextlib
import functools
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from tasks.data import digests
from tasks.errors import ModelError, StoreError
from tasks.store import durable, workspace

SUFFIX = ".gguf"
MAGIC, VERSIONS = b"GGUF", (2, 3)
WEIGHTS = "model.safetensors"
MADE_AS = 2  # raised when what is made of a file changes
MOST_PARTS = 1 << 24  # that a header is read in; the largest vocabularies have some 2**18 tokens, of three parts
ENDS = ("eos", "eot", "eom")  # tokens that end a turn or a text, as files call them

# How text is cut before pieces are merged: a rule, and what files call it. A test compares each with llama.cpp.
GPT2 = ("gpt-2", "olmo", "mpt", "jais", "phi-2")
DIGITS_APART = ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone")
LLAMA3 = ("llama-bpe", "llama3", "llama-v3")
QWEN2 = ("qwen2", "stablelm2", "deepseek-r1-qwen")
WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{number}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GgufTokenizer:
    """The tokenizer of a GGUF file, and what else of its header a prompt or a reply needs.

    Attributes:
        folder: With the tokenizer as transformers saves one.
        context: Tokens the model was trained to read; 0 where the file does not say.
        ends: Ids of the tokens that end a turn or a text, as the file states them.
        unused: What the file states of sampling, which is not followed.
    """

    folder: Path
    context: int
    ends: tuple[int, ...]
    unused: tuple[str, ...]


def converted(file: Path) -> Path:
    """Return the folder with the model of a GGUF file, made now if it was not made before.

    Raises:
        ModelError: The file is no whole GGUF, or transformers does not read its architecture.
        StoreError: The disk is full or refuses.
    """
    return _made(file, "gguf", _convert)[0]


def tokenizer_of(file: Path) -> GgufTokenizer:
    """Return the tokenizer of a GGUF file, made now if it was not made before; no weights are unpacked.

    Raises:
        ModelError: The file is no whole GGUF, or transformers does not read its tokenizer.
        StoreError: The disk is full or refuses.
    """
    folder, info = _made(file, "gguf-tokenizers", _convert_tokenizer)
    return GgufTokenizer(folder, info["context"], tuple(info["ends"]), tuple(info["unused"]))


def _made(file: Path, kind: str, make: Callable[[Path, Path], durable.Info]) -> tuple[Path, durable.Info]:
    """Return the folder that was made of a file, and what its manifest says."""
    check_header(file)
    source = digests.of_path(file)
    parent = workspace.folder("models", kind)
    with workspace.lock(f"{kind}-{source[:16]}"):
        known = _known(parent, source)
        if known is None:
            log.info("converting %s for transformers, once", file.name)
            name = durable.write_folder(
                parent, lambda folder: {"gguf": source, "file": file.name, **make(file, folder)}
            )
            durable.write_json(parent / f"{source}.json", {"folder": name, "made_as": MADE_AS})
            known = parent / name, durable.read_manifest(parent / name, deferred=(WEIGHTS,))
    return known


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


def _known(parent: Path, source: str) -> tuple[Path, durable.Info] | None:
    """Return the folder that was made of a file; None where there is none, or it is damaged or of an older kind."""
    pointer = parent / f"{source}.json"
    if not pointer.is_file():
        return None
    try:
        stated = durable.read_json(pointer)
        folder = parent / str(stated["folder"])
        if stated.get("made_as") != MADE_AS:
            durable.discard(folder)
            return None
        return folder, durable.read_manifest(folder, deferred=(WEIGHTS,))  # describing the model hashes the weights
    except (StoreError, KeyError, TypeError) as error:
        log.warning("the converted model is damaged and will be made again: %s", error)
        return None


def _convert(file: Path, folder: Path) -> durable.Info:
    """Write tokenizer and weights of a GGUF file as transformers writes them."""
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    unpacked: Any = GgufConfig
    with _reading(file) as (where, reader):
        tokenizer = _tokenizer(where, reader)
        model: Any = AutoModelForCausalLM.from_pretrained(
            **where, dtype=torch.bfloat16, quantization_config=unpacked(dequantize=True)
        )
    model.hf_quantizer = None  # else save_pretrained refuses: it takes the weights for packed ones
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.config._name_or_path = ""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return {}


def _convert_tokenizer(file: Path, folder: Path) -> durable.Info:
    """Write the tokenizer of a GGUF file as transformers writes one."""
    with _reading(file) as (where, reader):
        tokenizer = _tokenizer(where, reader)
        context = _value(reader, f"{_value(reader, 'general.architecture')}.context_length")
        ends = [_value(reader, f"tokenizer.ggml.{name}_token_id") for name in ENDS]
        info = {
            "context": int(context or 0),
            "ends": sorted({int(token) for token in ends if token is not None}),
            "unused": sorted(name for name in reader.fields if name.startswith("general.sampling.")),
        }
    tokenizer.save_pretrained(folder)
    return info


def _tokenizer(where: dict[str, Any], reader: Any) -> Any:
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(**where)
    cut_as_stated(tokenizer, *(_value(reader, f"tokenizer.ggml.{name}") for name in ("model", "pre")))
    return tokenizer


def cut_as_stated(tokenizer: Any, kind: str | None, rule: str | None) -> None:
    """Let a tokenizer cut text as its GGUF file states it; one of another kind or rule is left as it is.

    Args:
        tokenizer: As transformers made it of the file; changed.
        kind: `tokenizer.ggml.model`; gpt2 is byte-level BPE.
        rule: `tokenizer.ggml.pre`.
    """
    from tokenizers import Regex, pre_tokenizers

    if kind != "gpt2" or rule not in (*GPT2, *DIGITS_APART, *LLAMA3, *QWEN2):
        return
    made: Any = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if rule in DIGITS_APART:
        made = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), made])
    elif rule not in GPT2:
        words = Regex(WORDS.format(number=r"\p{N}{1,3}" if rule in LLAMA3 else r"\p{N}"))
        bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        made = pre_tokenizers.Sequence([pre_tokenizers.Split(words, "isolated"), bytes_of])
        tokenizer.backend_tokenizer.model.ignore_merges = rule in LLAMA3
    tokenizer.backend_tokenizer.pre_tokenizer = made


def _value(reader: Any, name: str) -> Any:
    """Return a value of a header; None where it is not stated."""
    field = reader.get_field(name)
    return None if field is None else field.contents()


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[tuple[dict[str, Any], Any]]:
    """Parse a file once and name its tensors once; lend how to find it, and its header.

    Transformers parses for tokenizer, config and weights, and makes the map of names anew for each module: half of its
    time.

    Raises:
        ModelError: The file is no whole GGUF, or transformers cannot read it.
    """
    import gguf
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        reader = _whole_reader()(file)
        with (
            tempfile.TemporaryDirectory() as alone,  # settings that lie beside the file may be of another model
            warnings.catch_warnings(),
            mock.patch.object(gguf, "GGUFReader", return_value=reader),
            mock.patch.object(gguf, "get_tensor_name_map", functools.lru_cache(maxsize=1)(gguf.get_tensor_name_map)),
        ):
            warnings.simplefilter("ignore")
            Path(alone, file.name).symlink_to(file.absolute())
            named = {"pretrained_model_name_or_path": alone, "gguf_file": file.name}
            yield {**named, "local_files_only": True, "trust_remote_code": False}, reader
    except Exception as error:  # whatever a parser of untrusted numbers may raise
        reason = str(error).strip().partition("\n")[0][:200]
        raise ModelError(
            f"transformers cannot read {file.name} ({reason}): it is cut, damaged or of an architecture it does not "
            "know; download it again, or give another"
        ) from error


def _whole_reader() -> Any:
    """Return the reader of the gguf package, which refuses to read beyond the end, or without one."""
    import gguf
    import numpy as np

    class WholeReader(gguf.GGUFReader):
        parts = 0

        def _get(self, offset: int, dtype: Any, count: Any = 1, override_order: Any = None) -> Any:
            if self.parts == 0:
                self.data: Any = self.data.view(np.ndarray)  # a memmap costs twice the time of a parse
            self.parts += 1
            end = offset + np.dtype(dtype).itemsize * int(count)
            if end > len(self.data):
                raise ValueError(f"it has {len(self.data):,} bytes and goes on to {end:,}")
            if self.parts > MOST_PARTS:
                raise ValueError(f"its header has more than {MOST_PARTS:,} parts")
            return super()._get(offset, dtype, count, override_order)

    return WholeReader
