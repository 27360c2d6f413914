"""A tokenizer trained on texts merges what is frequent, knows every byte, and is the same each time."""

from pathlib import Path

import pytest

from configs.samples import SAMPLES
from tasks.data.documents import Document, DocumentsRef
from tasks.store import objects
from tasks.text.bpe import train_bpe
from tasks.tokenize import train_tokenizer, trained_tokenizer
from tasks.tokenize.vocabularies import load

TEXTS = ["low low low lower lowest", "newer newer wider"]


def test_the_commonest_pair_is_merged_first_and_rare_ones_not_at_all() -> None:
    made = train_bpe(["ab ab ab cd"], 257)
    assert made.get_vocab_size() == 257
    assert [made.encode(text).tokens for text in ["ab", "cd"]] == [["ab"], ["c", "d"]]


def test_256_tokens_are_the_bytes() -> None:
    made = train_bpe(TEXTS, 256)
    assert made.get_vocab_size() == 256
    assert len(made.encode("naïve").ids) == len("naïve".encode())


def test_special_tokens_come_first() -> None:
    made = train_bpe(TEXTS, 300, special=["<end>", "<pad>"], min_frequency=0)
    assert [made.token_to_id(token) for token in ["<end>", "<pad>"]] == [0, 1]
    assert made.encode("low<end>").tokens[-1] == "<end>"


@pytest.mark.parametrize("text", SAMPLES.values(), ids=list(SAMPLES))
def test_every_text_is_restored_and_nothing_is_unknown(text: str, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    train_bpe(TEXTS, 300).save(str(path))
    cutter = load(path, "tokenizer.json")
    assert cutter.byte_level
    assert cutter.unknown is None
    assert cutter.join(cutter.cut([text])[0].ids) == text


@pytest.mark.slow
def test_the_same_texts_give_the_same_tokenizer(workspace: Path) -> None:
    documents = objects.save_rows(
        DocumentsRef, Document, [Document(f"d{n}", text, "", "files", "") for n, text in enumerate(TEXTS)]
    )
    first, second = train_tokenizer.fn(documents, 280), train_tokenizer.fn(documents, 280)
    assert first == second
    described = trained_tokenizer(first, "ours")
    assert (described.name, described.form) == ("ours", "tokenizer.json")
