"""The tokenizers in GGUF files against llama.cpp, which reads them for itself; their headers against damage."""

import random
from pathlib import Path

import pytest

from tasks import hardware
from tasks.errors import ModelError
from tasks.models import chat_template, files, gguf
from tasks.models.generators.llama_cpp import PACKAGES, LlamaCppProcess
from tasks.models.gguf import DIGITS_APART, GPT2, LLAMA3, QWEN2
from tests.tasks.models import language_models

pytestmark = pytest.mark.usefixtures("home")
PIECES = ["the", "lamp", "WE'LL", "don't", "it's", "1984", "7", "12345.67", " ", "  ", "\n", "\n\n", "\r\n", "\t",
          "   5", "...", "!?", "(a)", "½", "²", "٣", "日本", "ÜBER", "ñ", "🙂", "x_y", "\u00a0", "#$%"]  # fmt: skip


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_models.save_causal(tmp_path_factory.mktemp("chat"))


@pytest.fixture(scope="module")
def file(chat: Path) -> Path:
    return language_models.save_gguf(chat, chat / "model.gguf", stored="Q4_1")


@pytest.mark.skipif(bool(hardware.missing(PACKAGES)), reason="needs: pip install 'llm-flows[gguf]'")
@pytest.mark.slow
@pytest.mark.parametrize("pre", [*GPT2, *DIGITS_APART, *LLAMA3, *QWEN2])
def test_text_is_cut_into_the_tokens_that_llama_cpp_cuts_it_into(chat: Path, pre: str, tmp_path: Path) -> None:
    made = language_models.save_gguf(chat, tmp_path / "model.gguf", pre=pre)
    tokenizer = chat_template.load_tokenizer(gguf.tokenizer_of(made).folder)
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
    ours, theirs = (chat_template.load_tokenizer(f) for f in (gguf.tokenizer_of(file).folder, chat))
    assert ours.get_vocab().items() >= theirs.get_vocab().items()  # transformers adds one for unknown characters
    assert ours.chat_template == theirs.chat_template
    assert ours.eos_token_id == theirs.eos_token_id
    assert {t.content for t in ours.added_tokens_decoder.values() if t.special} >= {"<|im_start|>", "<|im_end|>"}


def test_what_a_prompt_or_a_reply_needs_of_the_header_is_kept_beside_the_tokenizer(chat: Path, file: Path) -> None:
    made = gguf.tokenizer_of(file)
    assert made.context == 512
    assert made.ends == (chat_template.load_tokenizer(chat).eos_token_id,)
    assert made.unused == ()
    assert not list(made.folder.glob("*.safetensors"))


def test_digits_are_cut_by_both_engines_as_the_file_states_it(chat: Path, tmp_path: Path) -> None:
    made = language_models.save_gguf(chat, tmp_path / "model.gguf", pre="smollm")
    whole, alone = (chat_template.load_tokenizer(f) for f in (gguf.converted(made), gguf.tokenizer_of(made).folder))
    for text in ("two\n\n5 apples", "  12  345", "1984"):
        assert whole(text)["input_ids"] == alone(text)["input_ids"]
    assert whole.tokenize("a\n\n5")[-1] == "5"


@pytest.mark.slow
def test_a_file_cut_anywhere_and_flipped_anywhere_is_read_or_refused_and_nothing_else(
    file: Path, tmp_path: Path
) -> None:
    whole, bad, chance = file.read_bytes(), tmp_path / "bad.gguf", random.Random(0)
    for end in [*range(0, 64), *(chance.randrange(len(whole)) for _ in range(20)), len(whole) - 1]:
        bad.write_bytes(whole[:end])
        with pytest.raises(ModelError):
            gguf.tokenizer_of(bad)
    refused = 0
    for _ in range(60):
        changed = bytearray(whole)
        for _ in range(3):
            changed[chance.randrange(12_000)] = chance.randrange(256)  # of a header of some 15,000 bytes
        bad.write_bytes(changed)
        try:
            gguf.tokenizer_of(bad)
        except ModelError:
            refused += 1
    assert refused > 6


def test_a_list_that_has_no_end_is_refused_at_once(file: Path, tmp_path: Path) -> None:
    whole, name = file.read_bytes(), b"tokenizer.ggml.token_type"
    at = whole.index(name) + len(name) + 8  # of the length, after the kinds of list and value
    endless = tmp_path / "endless.gguf"
    endless.write_bytes(whole[:at] + (1 << 60).to_bytes(8, "little") + whole[at + 8 :])
    with pytest.raises(ModelError, match="it is cut, damaged or of"):
        gguf.tokenizer_of(endless)


def test_a_tokenizer_is_made_once_and_again_where_it_is_damaged_or_of_an_older_kind(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[Path] = []
    make = gguf._convert_tokenizer
    monkeypatch.setattr(gguf, "_convert_tokenizer", lambda *given: (made.append(given[1]), make(*given))[1])
    folder = gguf.tokenizer_of(file).folder
    assert gguf.tokenizer_of(file).folder == folder
    assert len(made) == 1
    (folder / "tokenizer.json").write_text("{}", "utf-8")
    assert gguf.tokenizer_of(file).folder == folder
    assert len(made) == 2
    assert "damaged and will be made again" in caplog.text
    monkeypatch.setattr(gguf, "MADE_AS", gguf.MADE_AS + 1)
    assert gguf.tokenizer_of(file).folder == folder
    assert len(made) == 3


def test_settings_beside_a_file_are_not_taken_for_its_own(chat: Path, file: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone" / "model.gguf"
    alone.parent.mkdir()
    alone.write_bytes(file.read_bytes())
    (alone.parent / "tokenizer_config.json").write_text('{"eos_token": "the", "auto_map": {"AutoTokenizer": ["a.b"]}}')
    made = chat_template.load_tokenizer(gguf.tokenizer_of(alone).folder)
    assert made.eos_token == chat_template.load_tokenizer(chat).eos_token


def test_a_model_is_the_path_of_a_file_or_comes_with_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        ModelError, match=r"'some/model' is no .gguf file, which llama.cpp needs; give the path of one"
    ):
        files.gguf_file("some/model")
    with pytest.raises(ModelError, match=r"none.gguf cannot be read \(No such file"):
        gguf.tokenizer_of(files.gguf_file(str(tmp_path / "none.gguf")))
    monkeypatch.chdir(tmp_path)
    assert files.gguf_file("here.gguf") == tmp_path / "here.gguf"
