"""Read a tokenizer from whatever files it comes in, and cut text with it.

Each form is read by the library its makers use: `tokenizers` for WordPiece and BPE, `sentencepiece` for its models.
What looks like a special token in a text stays text. Nothing is run or unpickled.
Source: WordPiece, Devlin et al. 2018, arXiv:1810.04805; byte-level BPE, Radford et al. 2019; SentencePiece, Kudo &
Richardson 2018, arXiv:1808.06226; the layout of CLIP's file, github.com/openai/CLIP (simple_tokenizer.py).
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from tasks.errors import DataError
from tasks.text.sentences import byte_characters

Form = Literal["tokenizer.json", "vocab.txt", "byte-bpe", "sentencepiece", "clip"]
IN_FOLDER = ("tokenizer.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.txt", "vocab.json",
             "bpe_simple_vocab_16e6.txt.gz")  # fmt: skip
WORDPIECE_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
BPE_SPECIAL = ("<|endoftext|>", "<s>", "<pad>", "</s>", "<unk>", "<mask>")
CLIP_SPECIAL = ("<|startoftext|>", "<|endoftext|>")
CLIP_MERGES = 49_152 - 256 - 2  # of the lines of CLIP's file so many are used
MAX_UNPACKED = 64 << 20
MAX_FILE = 256 << 20


@dataclass(frozen=True, slots=True)
class Cut:
    """A text as tokens: their numbers, and what the vocabulary calls them."""

    ids: list[int]
    tokens: list[str]


class Cutter(Protocol):
    """A loaded tokenizer.

    Attributes:
        vocabulary: Token to number.
        special: Tokens that are no text.
        unknown: Number of the token that stands for what is not known; None where everything is.
        around: Special tokens it puts around a text.
        byte_level: Whether its tokens are spelt in stand-ins for bytes.
    """

    vocabulary: Mapping[str, int]
    special: frozenset[str]
    unknown: int | None
    around: int
    byte_level: bool

    def cut(self, texts: Sequence[str]) -> list[Cut]:
        """Cut texts, without special tokens around them."""

    def join(self, ids: Sequence[int]) -> str:
        """Return the text that tokens stand for."""


def find(path: Path) -> tuple[Path, Form]:
    """Return the file a tokenizer is read from, and how.

    Args:
        path: A folder, or one of the files of `IN_FOLDER` under any name that ends alike.

    Raises:
        DataError: There is nothing there that is known.
    """
    if path.is_dir():
        known = next((path / name for name in IN_FOLDER if (path / name).is_file()), None)
        if known is None:
            raise DataError(f"{path} holds no tokenizer; one of {', '.join(IN_FOLDER)} was needed")
        path = known
    name = path.name.lower()
    if name.endswith(".txt.gz"):
        return path, "clip"
    if name.endswith(".model"):
        return path, "sentencepiece"
    if name == "merges.txt":
        return path.with_name("vocab.json"), "byte-bpe"
    if name.endswith(".txt"):
        return path, "vocab.txt"
    if name.endswith(".json"):
        stated = _json(path)  # a vocabulary may hold the token "model" as well, with a number
        whole = isinstance(stated, dict) and isinstance(stated.get("model"), dict)
        return path, "tokenizer.json" if whole else "byte-bpe"
    raise DataError(f"{path.name} is not a tokenizer; a file like one of {', '.join(IN_FOLDER)} was needed")


def parts(path: Path, form: Form) -> list[Path]:
    """Return every file that a tokenizer is made of.

    Raises:
        DataError: One is missing, or too large.
    """
    found = [path, path.with_name("merges.txt")] if form == "byte-bpe" else [path]
    settings = path.with_name("tokenizer_config.json")
    if form == "vocab.txt" and settings.is_file():
        found.append(settings)
    for file in found:
        if not file.is_file():
            raise DataError(f"{file} is missing; {path.name} alone does not say how text is cut")
        if file.stat().st_size > MAX_FILE:
            raise DataError(f"{file} has {file.stat().st_size >> 20} MB but no vocabulary has more than 256")
    return found


def load(path: Path, form: Form) -> Cutter:
    """Load a tokenizer.

    Raises:
        DataError: A file is damaged, or of another kind than its name says.
    """
    try:
        match form:
            case "sentencepiece":
                return SentencePiece(path)
            case "tokenizer.json":
                return _from_json(path)
            case "vocab.txt":
                return _wordpiece(path)
            case "byte-bpe":
                return _byte_bpe(path)
            case "clip":
                return _clip(path)
    except DataError:
        raise
    except Exception as error:  # tokenizers and sentencepiece raise plain Exception and RuntimeError
        raise DataError(f"{path} cannot be read as {form}: {str(error)[:160]}; download it again") from error


class HuggingFace:
    """A tokenizer of the library `tokenizers`; see `Cutter`."""

    def __init__(self, made: Any, special: Sequence[str], unknown: str | None, *, byte_level: bool) -> None:
        made.no_padding()
        made.no_truncation()
        made.encode_special_tokens = True
        self.made = made
        self.vocabulary: Mapping[str, int] = made.get_vocab(with_added_tokens=True)
        self.special = frozenset(special)
        self.unknown = self.vocabulary.get(unknown) if unknown else None
        self.around = int(made.num_special_tokens_to_add(False))
        self.byte_level = byte_level

    def cut(self, texts: Sequence[str]) -> list[Cut]:
        """Cut texts, without special tokens around them."""
        return [Cut(e.ids, e.tokens) for e in self.made.encode_batch(list(texts), add_special_tokens=False)]

    def join(self, ids: Sequence[int]) -> str:
        """Return the text that tokens stand for."""
        return str(self.made.decode(list(ids), skip_special_tokens=False))


class SentencePiece:
    """A model of the library `sentencepiece`; see `Cutter`."""

    def __init__(self, path: Path) -> None:
        from sentencepiece import SentencePieceProcessor

        self.made: Any = SentencePieceProcessor(model_file=str(path))
        numbers = range(self.made.get_piece_size())
        self.vocabulary: Mapping[str, int] = {self.made.id_to_piece(n): n for n in numbers}
        self.special = frozenset(self.made.id_to_piece(n) for n in numbers if self.made.is_control(n))
        self.unknown: int | None = self.made.unk_id()
        self.around = 0
        self.byte_level = False

    def cut(self, texts: Sequence[str]) -> list[Cut]:
        """Cut texts, without special tokens around them."""
        found = self.made.encode(list(texts), out_type=int)
        return [Cut(ids, [self.made.id_to_piece(n) for n in ids]) for ids in found]

    def join(self, ids: Sequence[int]) -> str:
        """Return the text that tokens stand for."""
        return str(self.made.decode([int(n) for n in ids]))


def _from_json(path: Path) -> Cutter:
    from tokenizers import Tokenizer

    made = Tokenizer.from_file(str(path))
    stated = _json(path)
    model = stated["model"]
    unknown = model.get("unk_token")
    if unknown is None and model.get("unk_id") is not None:
        unknown = model["vocab"][model["unk_id"]][0]
    special = [token.content for token in made.get_added_tokens_decoder().values() if token.special]
    byte_level = "ByteLevel" in json.dumps([stated.get("pre_tokenizer"), stated.get("decoder")])
    return HuggingFace(made, special, unknown, byte_level=byte_level)


def _wordpiece(path: Path) -> Cutter:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    tokens = [line.rstrip("\r") for line in path.read_text("utf-8").split("\n")]
    vocabulary = {token: number for number, token in enumerate(tokens) if token}
    if "[UNK]" not in vocabulary:
        raise DataError(f"{path} has no line [UNK]; a vocabulary of WordPiece was needed")
    settings = path.with_name("tokenizer_config.json")
    stated = _json(settings).get("do_lower_case") if settings.is_file() else None
    lower = stated if stated is not None else not any(t != t.lower() for t in vocabulary if not t.startswith("["))
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106
    made.normalizer = cast("Any", normalizers.BertNormalizer(lowercase=lower))
    made.pre_tokenizer = cast("Any", pre_tokenizers.BertPreTokenizer())
    made.decoder = cast("Any", decoders.WordPiece())
    if {"[CLS]", "[SEP]"} <= vocabulary.keys():
        ends = [(name, vocabulary[name]) for name in ("[SEP]", "[CLS]")]
        made.post_processor = cast("Any", processors.BertProcessing(*ends))
    special = [token for token in WORDPIECE_SPECIAL if token in vocabulary]
    made.add_special_tokens(special)
    return HuggingFace(made, special, "[UNK]", byte_level=False)


def _byte_bpe(path: Path) -> Cutter:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    vocabulary = _json(path)
    if not set(byte_characters().values()) <= vocabulary.keys():
        raise DataError(f"{path} lacks stand-ins for bytes, so it is not byte-level BPE; give its tokenizer.json")
    if any(token.endswith("</w>") for token in vocabulary):
        raise DataError(f"{path} marks ends of words with </w>; give its tokenizer.json, or CLIP's own .txt.gz")
    made = Tokenizer(models.BPE.from_file(str(path), str(path.with_name("merges.txt"))))
    made.pre_tokenizer = cast("Any", pre_tokenizers.ByteLevel(add_prefix_space=False))
    made.decoder = cast("Any", decoders.ByteLevel())
    special = [token for token in BPE_SPECIAL if token in vocabulary]
    made.add_special_tokens(special)
    return HuggingFace(made, special, None, byte_level=True)


def _clip(path: Path) -> Cutter:
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    with gzip.open(path) as file:
        raw = file.read(MAX_UNPACKED + 1)
    if len(raw) > MAX_UNPACKED:
        raise DataError(f"{path} unpacks to over {MAX_UNPACKED >> 20} MB; it is not CLIP's vocabulary")
    merges = [tuple(line.split()) for line in raw.decode("utf-8").split("\n")[1 : CLIP_MERGES + 1]]
    letters = list(byte_characters().values())
    tokens = [*letters, *(f"{c}</w>" for c in letters), *("".join(pair) for pair in merges), *CLIP_SPECIAL]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    made = Tokenizer(models.BPE(vocabulary, cast("Any", merges), end_of_word_suffix="</w>", unk_token=CLIP_SPECIAL[1]))
    blanks = normalizers.Replace(Regex(r"\s+"), " ")
    made.normalizer = cast("Any", normalizers.Sequence([normalizers.NFC(), blanks, normalizers.Lowercase()]))
    words = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    split = pre_tokenizers.Split(words, behavior="removed", invert=True)
    made.pre_tokenizer = cast(
        "Any", pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    )
    made.decoder = cast("Any", decoders.Sequence([decoders.ByteLevel(), decoders.Replace("</w>", " ")]))
    ends = [(name, vocabulary[name]) for name in (CLIP_SPECIAL[1], CLIP_SPECIAL[0])]
    made.post_processor = cast("Any", processors.BertProcessing(*ends))
    made.add_special_tokens(list(CLIP_SPECIAL))
    return HuggingFace(made, CLIP_SPECIAL, None, byte_level=True)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON ({str(error)[:120]}); download it again") from error
