import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from configs.samples import SAMPLES
from tasks.errors import DataError
from tasks.text.sentences import byte_characters
from tasks.tokenize.pieces import count_pieces, fold, show_pieces
from tasks.tokenize.vocabularies import Cutter, find, load

DATA = Path(os.environ.get("LLM_FLOWS_DATA", "")) / "models" / "tokenizers"
data = pytest.mark.skipif(not DATA.is_dir(), reason="LLM_FLOWS_DATA names no folder with models/tokenizers")
HARD = DATA.parents[1] / "tokenizer_string.txt"
TEXTS = [*SAMPLES.values(), " two  blanks ", "[SEP] is </s> read as <|endoftext|> text", "don't stop,it's 1999!"]


def cutter(path: Path) -> Cutter:
    return load(*find(path))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of one vocabulary in each form, trained on the samples."""
    from sentencepiece import SentencePieceTrainer
    from tokenizers import ByteLevelBPETokenizer, Tokenizer, models, normalizers, pre_tokenizers, trainers

    folder = tmp_path_factory.mktemp("trained")
    (folder / "bpe").mkdir()
    (folder / "bert").mkdir()
    bytes_of = ByteLevelBPETokenizer()
    bytes_of.train_from_iterator(list(SAMPLES.values()), vocab_size=400, special_tokens=["<|endoftext|>"])
    bytes_of.save_model(str(folder / "bpe"))
    bytes_of.save(str(folder / "whole.json"))
    pieces = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106
    pieces.normalizer = normalizers.BertNormalizer()
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces.train_from_iterator([SAMPLES["English"]], trainers.WordPieceTrainer(vocab_size=90, special_tokens=special))
    known = sorted(pieces.get_vocab().items(), key=lambda item: item[1])
    (folder / "bert" / "vocab.txt").write_text("\n".join(token for token, _ in known) + "\n", "utf-8")
    text = folder / "text.txt"
    text.write_text("\n".join(SAMPLES.values()), "utf-8")
    wanted = {"vocab_size": 560, "hard_vocab_limit": False, "model_type": "bpe", "byte_fallback": True}
    SentencePieceTrainer.train(input=str(text), model_prefix=str(folder / "sp"), minloglevel=2, **wanted)
    return folder


def by_bytes(folder: Path) -> Callable[[str], list[int]]:
    from tokenizers import ByteLevelBPETokenizer

    made = ByteLevelBPETokenizer(str(folder / "bpe/vocab.json"), str(folder / "bpe/merges.txt"))
    return lambda text: list(made.encode(text).ids)


def by_bert(folder: Path) -> Callable[[str], list[int]]:
    from transformers import BertTokenizer

    made = BertTokenizer(vocab=str(folder / "bert/vocab.txt"))
    return lambda text: list(made(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])


def by_pieces(folder: Path) -> Callable[[str], list[int]]:
    from sentencepiece import SentencePieceProcessor

    made = SentencePieceProcessor(model_file=str(folder / "sp.model"))
    return lambda text: list(made.encode(text))


@pytest.mark.parametrize(
    ("name", "library"), [("bpe", by_bytes), ("bert", by_bert), ("sp.model", by_pieces)], ids=["bpe", "bert", "sp"]
)
def test_every_form_cuts_as_the_library_of_its_makers_does(
    trained: Path, name: str, library: Callable[[Path], Callable[[str], list[int]]]
) -> None:
    plain = library(trained)
    assert [cut.ids for cut in cutter(trained / name).cut(TEXTS)] == [plain(text) for text in TEXTS]


def test_a_whole_tokenizer_and_its_vocabulary_with_merges_cut_alike(trained: Path) -> None:
    whole, parts = cutter(trained / "whole.json"), cutter(trained / "bpe" / "merges.txt")
    assert whole.cut(TEXTS) == parts.cut(TEXTS)
    assert whole.byte_level
    assert parts.byte_level


def test_byte_level_pieces_lose_nothing_and_word_pieces_say_what_they_lose(trained: Path) -> None:
    (bpe,) = count_pieces(0, cutter(trained / "bpe"), TEXTS, [""] * len(TEXTS))
    assert (bpe.lossless, bpe.unknown, bpe.lost) == (len(TEXTS), 0, 0)
    (bert,) = count_pieces(1, cutter(trained / "bert"), ["All HUMAN beings", "Würde 鸟"], ["", ""])
    assert (bert.lossless, bert.folded) == (0, 1)
    unknown = [word for word in ("Würde", "鸟") if cutter(trained / "bert").cut([word])[0].tokens == ["[UNK]"]]
    assert (bert.visible, bert.lost) == (len("AllHUMANbeings") + len("Würde鸟"), len("".join(unknown)))
    assert "鸟" in unknown
    assert bert.unknown >= 1
    assert bert.around == 2


def test_groups_add_up_to_the_whole_and_special_tokens_in_a_text_are_counted_not_obeyed(trained: Path) -> None:
    whole, *groups = count_pieces(0, cutter(trained / "bpe"), ["a b", "c", "<|endoftext|>"], ["x", "", "y"])
    assert [row.group for row in groups] == ["x", "y"]
    assert (whole.texts, whole.words, whole.special) == (3, 4, 1)
    assert groups[1].tokens > 1
    assert whole.tokens == groups[0].tokens + 1 + groups[1].tokens


def test_pieces_are_shown_as_a_reader_knows_them(trained: Path) -> None:
    made = cutter(trained / "bpe")
    shown = [piece.shown for piece in show_pieces(0, made, ["a\tb \u9e1f"], [0])]
    assert "".join(shown[:4]) == "a⇥b␣"
    assert shown[4:] == ["<E9>", "<B8>", "<9F>"]


def test_stand_ins_for_bytes_are_those_of_gpt2() -> None:
    from tokenizers.pre_tokenizers import ByteLevel

    assert set(byte_characters().values()) == set(ByteLevel.alphabet())
    assert byte_characters()[ord(" ")] == "Ġ"


def test_folding_leaves_letters_alone() -> None:
    assert fold("Ünder  SCORE\n") == fold("under score")
    assert fold("a") != fold("b")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokenizer.json", '{"model": {"type": "none"}}', "cannot be read as tokenizer.json"),
        ("tokenizer.json", "{", "is not JSON"),
        ("vocab.txt", "a\nb\n", r"has no line \[UNK\]"),
        ("vocab.json", '{"a": 0}', "is not byte-level BPE; give its tokenizer.json"),
        ("spiece.model", "\x80\x04garbage", "cannot be read as sentencepiece"),
        ("notes.pdf", "", "notes.pdf is not a tokenizer; a file like one of tokenizer.json"),
    ],
)
def test_what_is_no_vocabulary_is_refused_with_the_reason(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    path = tmp_path / name
    path.write_text(content, "latin-1")
    with pytest.raises(DataError, match=message):
        cutter(path)


def test_a_folder_without_a_tokenizer_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no tokenizer; one of tokenizer"):
        find(tmp_path)


def test_a_vocabulary_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.tokenize.vocabularies.MAX_UNPACKED", 1_000)
    with gzip.open(tmp_path / "bomb.txt.gz", "wb") as file:
        file.write(b"a b\n" * 1_000)
    with pytest.raises(DataError, match="unpacks to over"):
        cutter(tmp_path / "bomb.txt.gz")


@data
@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        ("bert-base-uncased_minilm", ["capital", "##ization"]),
        ("bert-base-uncased_minilm/vocab.txt", ["capital", "##ization"]),
        ("gpt2", ["CAP", "ITAL", "IZ", "ATION"]),
    ],
)
def test_the_word_of_the_book_falls_into_the_pieces_of_the_book(name: str, pieces: list[str]) -> None:
    assert cutter(DATA / name).cut(["CAPITALIZATION"])[0].tokens == pieces


@data
@pytest.mark.parametrize(("name", "tokens"), [("bert-base-uncased_minilm", 41), ("gpt2", 55)])
def test_the_hard_string_of_the_book_has_as_many_tokens_as_the_book_says(name: str, tokens: int) -> None:
    made = cutter(DATA / name)
    (counted,) = count_pieces(0, made, [HARD.read_text("utf-8")], [""])
    assert counted.tokens + counted.around == tokens


@data
def test_real_vocabularies_cut_as_their_own_libraries_do() -> None:
    from sentencepiece import SentencePieceProcessor
    from tokenizers import ByteLevelBPETokenizer
    from transformers import AutoTokenizer

    texts = [*TEXTS[: len(SAMPLES)], HARD.read_text("utf-8")]
    bert = AutoTokenizer.from_pretrained(str(DATA / "bert-base-uncased_minilm"))
    gpt2 = ByteLevelBPETokenizer(str(DATA / "gpt2/vocab.json"), str(DATA / "gpt2/merges.txt"))
    llama = SentencePieceProcessor(model_file=str(DATA / "llama2/tokenizer.model"))
    plain = {
        "bert-base-uncased_minilm": [bert(text, add_special_tokens=False)["input_ids"] for text in texts],
        "gpt2": [gpt2.encode(text).ids for text in texts],
        "llama2": [llama.encode(text) for text in texts],
    }
    for name, expected in plain.items():
        assert [cut.ids for cut in cutter(DATA / name).cut(texts)] == expected, name


@data
def test_clips_vocabulary_cuts_as_transformers_does_from_the_same_merges(tmp_path: Path) -> None:
    from transformers import CLIPTokenizer

    made = cutter(DATA / "clip")
    lines = gzip.decompress((DATA / "clip/bpe_simple_vocab_16e6.txt.gz").read_bytes()).decode().split("\n")
    (tmp_path / "vocab.json").write_text(json.dumps(dict(made.vocabulary)), "utf-8")
    (tmp_path / "merges.txt").write_text("\n".join(["#version: 0.2", *lines[1 : 49_152 - 256 - 2 + 1]]), "utf-8")
    theirs = CLIPTokenizer(vocab=str(tmp_path / "vocab.json"), merges=str(tmp_path / "merges.txt"))
    texts = ["A photo of 2 cats!", "it's a naïve DOG\n", SAMPLES["German"], SAMPLES["Korean"]]
    assert [c.ids for c in made.cut(texts)] == [theirs(t, add_special_tokens=False)["input_ids"] for t in texts]
