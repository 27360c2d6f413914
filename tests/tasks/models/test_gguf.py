"""A GGUF file becomes a folder that transformers reads, once; what is none, or is cut, is refused in words."""

from pathlib import Path

import numpy as np
import pytest

from configs.generators import LocalModel
from configs.models import CATALOGUE, SMOLLM2
from tasks.errors import ModelError
from tasks.models import files, gguf
from tasks.models.generators import load
from tasks.store import packages
from tasks.text.bpe import train_bpe

TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}<|assistant|>"
)
WIDTH, HEADS, LAYERS, INNER, VOCABULARY = 64, 4, 2, 128, 320


def write_gguf(path: Path, *, quantised: bool = True) -> dict[str, np.ndarray]:
    """Write a Llama of random weights with a tokenizer; return its weights by the names of GGUF."""
    import json

    from gguf import GGMLQuantizationType, GGUFWriter, dequantize, quantize

    pieces = train_bpe(["the keeper lit the lamp at dusk " * 20], VOCABULARY, special=["<|end|>"], min_frequency=0)
    stated = json.loads(pieces.to_str())["model"]
    tokens = sorted(stated["vocab"], key=stated["vocab"].get)
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if piece == "<|end|>" else 1 for piece in tokens])
    writer.add_token_merges([" ".join(pair) for pair in stated["merges"]])
    writer.add_bos_token_id(tokens.index("<|end|>"))
    writer.add_eos_token_id(tokens.index("<|end|>"))
    writer.add_chat_template(TEMPLATE)
    shapes = {"token_embd.weight": (len(tokens), WIDTH), "output_norm.weight": (WIDTH,)}
    for block in range(LAYERS):
        inner = {"attn_q": (WIDTH, WIDTH), "attn_k": (WIDTH, WIDTH), "attn_v": (WIDTH, WIDTH)}
        inner |= {"attn_output": (WIDTH, WIDTH), "ffn_gate": (INNER, WIDTH), "ffn_up": (INNER, WIDTH)}
        shapes |= {f"blk.{block}.{name}.weight": shape for name, shape in inner.items()}
        shapes |= {f"blk.{block}.ffn_down.weight": (WIDTH, INNER)}
        shapes |= {f"blk.{block}.{name}.weight": (WIDTH,) for name in ("attn_norm", "ffn_norm")}
    random, kept = np.random.default_rng(3), {}
    for name, shape in shapes.items():
        weights = random.normal(0, 0.1, shape).astype(np.float32)
        if quantised and len(shape) == 2:
            packed = quantize(weights, GGMLQuantizationType.Q4_1)
            writer.add_tensor(name, packed, raw_dtype=GGMLQuantizationType.Q4_1)
            weights = dequantize(packed, GGMLQuantizationType.Q4_1)
        else:
            writer.add_tensor(name, weights)
        kept[name] = weights
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return kept


def test_the_weights_are_those_that_the_gguf_library_unpacks(home: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    weights = write_gguf(tmp_path / "small.gguf")
    made = gguf.converted(tmp_path / "small.gguf")
    kept = load_file(made / "model.safetensors")
    expected = weights["blk.1.ffn_down.weight"]
    found = kept["model.layers.1.mlp.down_proj.weight"].float().numpy()
    assert str(kept["model.layers.1.mlp.down_proj.weight"].dtype) == "torch.bfloat16"
    assert np.abs(found - expected).max() <= np.abs(expected).max() / 256  # bfloat16 keeps eight bits


def test_it_is_converted_once_and_again_where_the_copy_is_damaged(
    home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_gguf(tmp_path / "small.gguf")
    made = gguf.converted(tmp_path / "small.gguf")
    calls: list[Path] = []
    convert = gguf._convert
    monkeypatch.setattr(gguf, "_convert", lambda file, *more: calls.append(file) or convert(file, *more))
    assert gguf.converted(tmp_path / "small.gguf") == made
    assert calls == []
    (made / "config.json").write_text("{}", "utf-8")
    assert gguf.converted(tmp_path / "small.gguf") == made
    assert len(calls) == 1
    assert "damaged" in caplog.text


def test_a_model_is_used_by_the_path_of_its_file(home: Path, tmp_path: Path) -> None:
    from configs.generators import Sampling
    from tasks.data.messages import Message, Request
    from tasks.models.generators import client

    write_gguf(tmp_path / "small.gguf")
    config = LocalModel(model=str(tmp_path / "small.gguf"), precision="fp32", batch_size=2)
    described = load.describe(config)
    assert described.context == 128
    assert described.template
    ask = client.replies(described, Sampling(max_tokens=4), config)
    assert ask([Request((Message("user", "the lamp"),))])[0].completion_tokens in range(1, 5)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not begin with GGUF"),
        (b"PK\x03\x04 no model", "does not begin with GGUF"),
        (b"GGUF\x63\x00\x00\x00", "GGUF of version 99"),
        (b"GGUF\x03\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\x7f" + b"\xff" * 64, "it is cut, damaged or of"),
    ],
    ids=["empty", "a zip", "a later version", "absurd counts"],
)
def test_what_is_no_gguf_is_refused(home: Path, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "wrong.gguf").write_bytes(content)
    with pytest.raises(ModelError, match=said):
        files.locate(str(tmp_path / "wrong.gguf"))


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_file_that_was_cut_is_refused_and_leaves_nothing(home: Path, tmp_path: Path, share: float) -> None:
    write_gguf(tmp_path / "small.gguf")
    whole = (tmp_path / "small.gguf").read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelError, match="it is cut, damaged or of"):
        files.locate(str(tmp_path / "cut.gguf"))
    assert list((home / "models" / "gguf").iterdir()) == []


def test_a_file_that_is_not_there_is_said(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be read \(No such file"):
        files.locate(str(tmp_path / "nowhere.gguf"))


def test_a_package_that_is_absent_or_changed_is_said_with_the_way_out(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = CATALOGUE[SMOLLM2].model_copy(update={"package": "no_such_package"})
    with pytest.raises(ModelError, match=r"smollm2 is not installed here; run: python -m flows models add smollm2"):
        packages.weights_of(card)
    (tmp_path / "changed_model").mkdir()
    (tmp_path / "changed_model" / "__init__.py").write_text("raise SystemExit('imported')", "utf-8")
    (tmp_path / "changed_model" / card.file).write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelError, match=r"has sha256 .* but b179c9523d0e6a0f is the published one"):
        packages.weights_of(card.model_copy(update={"package": "changed_model"}))


@pytest.fixture(scope="module")
def smollm2() -> Path:
    """Return the file of the small model that is installed apart."""
    try:
        return packages.weights_of(CATALOGUE[SMOLLM2])
    except ModelError as absent:
        pytest.skip(str(absent))


PASSAGE = (
    "A lighthouse is a tower that sends out light, so that ships find their way at night. The first ones were fires "
    "on hills. Later they stood on towers of stone, and keepers lived in them, who lit the lamp at dusk."
)
TURNS = [
    ("system", "You answer briefly."),
    ("user", "What is a lens? <not a tag> Zwölf Ärzte, 東京, 3.14"),
    ("assistant", "Glass that bends light."),
    ("user", "And a lamp?\n\nSay it in one sentence."),
]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_small_model_is_what_transformers_makes_of_its_file(home: Path, smollm2: Path) -> None:
    """Rendered prompts, token ids and likelihoods are those of transformers, which reads the GGUF itself."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    from tasks.data.messages import Message
    from tasks.models import chat_template

    folder = files.locate(SMOLLM2).folder
    theirs = AutoTokenizer.from_pretrained(smollm2.parent, gguf_file=smollm2.name)
    ours = chat_template.load_tokenizer(folder)
    for turns in (TURNS, TURNS[1:2], TURNS[1:]):
        rendered = chat_template.render(ours, [Message(role, content) for role, content in turns])  # type: ignore[arg-type]
        stated = [{"role": role, "content": content} for role, content in turns]
        assert rendered == theirs.apply_chat_template(stated, tokenize=False, add_generation_prompt=True)
        expected = theirs.apply_chat_template(stated, add_generation_prompt=True, return_dict=True)["input_ids"]
        assert chat_template.tokens_of(ours, rendered) == list(expected)
    ids = torch.tensor([ours(PASSAGE)["input_ids"]])
    unpacked = AutoModelForCausalLM.from_pretrained(
        smollm2.parent, gguf_file=smollm2.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.float32
    )
    converted = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.inference_mode():
        losses = [float(model(input_ids=ids, labels=ids).loss) for model in (unpacked, converted)]
    assert abs(losses[0] - losses[1]) < 0.01
    assert losses[0] < 6  # it has learned English: a model of chance would be at 10.8
