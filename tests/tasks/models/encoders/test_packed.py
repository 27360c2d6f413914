"""Packed on a processor, where attention runs text by text, against the padded engine that other tests judge."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    CamembertConfig,
    CamembertModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from configs.models import EMBEDDED
from tasks.data.models import Fingerprint, Numerics
from tasks.models import batch_size
from tasks.models.encoders import load as encoders
from tasks.models.encoders.base import EncodingEngine, Meter
from tasks.models.encoders.packed import PackedEngine, PackedForward, packs

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz"]
TEXTS = ["a b c", "", "z", "q r s t " * 9, "m " * 80, "d e f g h", "a b c", "x y " * 15]
FAMILIES = [
    (BertConfig, BertModel),
    (RobertaConfig, RobertaModel),
    (XLMRobertaConfig, XLMRobertaModel),
    (CamembertConfig, CamembertModel),
]


def mark(model: str | Path) -> Fingerprint:
    return encoders.fingerprint(str(model), "fp32", "cpu")


def made(folder: Path, config_of: type, model_of: type) -> Path:
    """Save a small encoder of random weights, with its tokenizer."""
    torch.manual_seed(5)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    model = model_of(config_of(vocab_size=len(WORDS), max_position_embeddings=66, pad_token_id=0, **shape))
    model.save_pretrained(folder)
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(tokenizer_object=words, model_max_length=64).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(("config_of", "model_of"), FAMILIES, ids=lambda made: made.__name__)
def test_packed_texts_have_the_vectors_of_padded_ones(config_of: type, model_of: type, tmp_path: Path) -> None:
    ran = mark(made(tmp_path, config_of, model_of))
    packed, padded = PackedEngine(ran, PackedForward(ran)), encoders.engine(ran)
    np.testing.assert_allclose(packed.encode(TEXTS), padded.encode(TEXTS), atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "lasttoken", "mean_sqrt_len"])
def test_every_pooling_is_the_padded_one(pooling: str) -> None:
    ran = mark(EMBEDDED)
    ran = ran.model_copy(update={"encoder": ran.encoder.model_copy(update={"pooling": pooling})})
    packed = PackedForward(ran)
    tokens, mask = np.array([[5, 6, 7], [8, 9, 0]]), np.array([[1, 1, 1], [1, 1, 0]])
    np.testing.assert_allclose(
        packed.packed(np.array([5, 6, 7, 8, 9]), np.array([3, 2])), packed(tokens, mask), atol=1e-6
    )


@pytest.mark.slow
def test_no_text_depends_on_its_neighbours_and_every_batch_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    ran = mark(EMBEDDED)
    engine = PackedEngine(ran, PackedForward(ran))
    sizes: list[int] = []
    run = engine.forward.packed
    monkeypatch.setattr(engine.forward, "packed", lambda ids, lengths: (sizes.append(len(ids)), run(ids, lengths))[1])
    meter = Meter()
    together = engine.encode([f"scale {n} features " * (n % 40) for n in range(120)], meter)
    alone = engine.encode(["scale 77 features " * 37])
    assert len(set(sizes)) == 1
    assert len(sizes) > 2
    assert meter.padded == sum(sizes[:-1])
    np.testing.assert_array_equal(together[77], alone[0])


@pytest.mark.slow
@pytest.mark.usefixtures("workspace")
def test_a_batch_that_does_not_fit_is_halved_and_the_size_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = mark(EMBEDDED)
    engine = PackedEngine(ran, PackedForward(ran))
    engine.forward.batch_tokens = 4_096
    expected = encoders.engine(ran).encode(TEXTS)
    run = engine.forward.packed

    def small(ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        if len(ids) > 1_024:
            raise RuntimeError("CUDA out of memory")
        return run(ids, lengths)

    monkeypatch.setattr(engine.forward, "packed", small)
    np.testing.assert_allclose(engine.encode(TEXTS), expected, atol=1e-5)
    assert batch_size.remembered(ran) == 1_024


def test_an_error_that_is_not_of_memory_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = mark(EMBEDDED)
    engine = PackedEngine(ran, PackedForward(ran))

    def broken(ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        raise RuntimeError("no kernel image")

    monkeypatch.setattr(engine.forward, "packed", broken)
    with pytest.raises(RuntimeError, match="no kernel image"):
        engine.encode(["a"])


def test_token_vectors_of_padded_texts_are_the_same_when_run_packed() -> None:
    ran = mark(EMBEDDED)
    plain = encoders.engine(ran)
    assert isinstance(plain, EncodingEngine)
    tokens, mask = np.array([[101, 2054, 102], [101, 102, 0]]), np.array([[1, 1, 1], [1, 1, 0]])
    there = mask.astype(bool)
    np.testing.assert_allclose(
        PackedForward(ran).states(tokens, mask)[there], plain.forward.states(tokens, mask)[there], atol=1e-5
    )


@pytest.mark.parametrize(
    ("engine", "precision", "expected"),
    [("torch-cuda", "bf16", True), ("torch-cuda", "fp32", False), ("torch-cpu", "bf16", False)],
)
def test_texts_are_packed_in_16_bits_on_a_gpu(engine: str, precision: str, expected: bool) -> None:
    numerics = Numerics.model_validate({"precision": precision, "engine": engine, "reason": ""})
    assert packs(mark(EMBEDDED).model_copy(update={"numerics": numerics})) is expected


def test_a_family_whose_layers_do_not_let_it_is_not_packed(tmp_path: Path) -> None:
    folder = made(tmp_path, BertConfig, BertModel)
    config = (folder / "config.json").read_text("utf-8").replace('"bert"', '"mpnet"')
    (folder / "config.json").write_text(config, "utf-8")
    numerics = Numerics.model_validate({"precision": "bf16", "engine": "torch-cuda", "reason": ""})
    assert not packs(mark(folder).model_copy(update={"numerics": numerics}))
