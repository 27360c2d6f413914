from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling

from configs.models import EMBEDDED
from tasks.data.models import Fingerprint
from tasks.errors import ContractError, ModelError
from tasks.models import files as model_files
from tasks.models.encoders import base as encoder_base
from tasks.models.encoders import load as encoders
from tasks.models.encoders import padded as padded_forward
from tasks.models.encoders.base import EncodingEngine, Meter

SENTENCE = "Compute the mean of all values along an axis. "
Vectors = npt.NDArray[np.float32]
TEXTS = [
    "",
    "a",
    "   ",
    "How do I scale features?",
    SENTENCE * 3,
    SENTENCE * 9,
    SENTENCE * 22,
    SENTENCE * 60,  # longer than the model reads
    "Zürich, naïve, 東京 🙂",
    "zero\u200bwidth \u202ereversed e\u0301\u0301\u0301",
    "x" * 3_000,
    "[SEP] [CLS]",
    "a\0b",
]
POOLINGS = ["mean", "cls", "max", "lasttoken", "mean_sqrt_len"]


def mark(model: str | Path) -> Fingerprint:
    """Return the fingerprint of an encoder on this processor, in 32 bits."""
    return encoders.fingerprint(str(model), "fp32", "cpu")


@pytest.fixture(scope="module")
def engine() -> EncodingEngine:
    return encoders.engine(mark(EMBEDDED))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Keep torch from changing the order of its sums with the machine's load."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def reference() -> SentenceTransformer:
    """Return the embedded model as sentence-transformers runs it."""
    return SentenceTransformer(str(model_files.locate(EMBEDDED).folder), device="cpu")


@pytest.fixture(scope="module")
def vectors(engine: EncodingEngine) -> Vectors:
    return engine.encode(TEXTS)


@pytest.mark.slow
def test_vectors_agree_with_sentence_transformers_on_texts_of_every_length(
    reference: SentenceTransformer, vectors: Vectors
) -> None:
    plain = [row for row, text in enumerate(TEXTS) if "[" not in text]  # it takes those for special tokens
    expected = reference.encode([TEXTS[row] for row in plain], normalize_embeddings=True)
    assert (vectors[plain] * expected).sum(axis=1).min() >= 0.99999
    assert vectors.dtype == np.float32


@pytest.mark.slow
def test_every_vector_has_unit_length(vectors: Vectors) -> None:
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_the_order_and_the_company_of_a_text_do_not_change_a_bit(engine: EncodingEngine, vectors: Vectors) -> None:
    order = np.random.default_rng(0).permutation(len(TEXTS))
    parts = [order[:1], order[1:4], order[4:]]
    again = np.concatenate([engine.encode([TEXTS[row] for row in part]) for part in parts])
    np.testing.assert_array_equal(again, vectors[order])


def test_no_texts_have_no_vectors(engine: EncodingEngine) -> None:
    assert engine.encode([]).shape == (0, 384)


def test_text_that_looks_like_a_special_token_stays_text(engine: EncodingEngine) -> None:
    tokens = engine.tokenizer.encode("[SEP] [CLS]").tokens
    assert tokens == ["[CLS]", "[", "sep", "]", "[", "cl", "##s", "]", "[SEP]"]
    assert encoder_base.count_tokens(engine.encoder, ["[SEP] [CLS]", "", "a"]) == [9, 2, 3]


def test_tokens_are_counted_before_a_text_is_cut(engine: EncodingEngine, reference: SentenceTransformer) -> None:
    expected = [len(ids) for ids in reference.tokenizer(TEXTS[:10])["input_ids"]]
    assert encoder_base.count_tokens(engine.encoder, TEXTS[:10]) == expected
    assert max(expected) > 256


def test_the_meter_counts_tokens_padding_and_cut_texts(engine: EncodingEngine) -> None:
    meter = Meter()
    engine.encode(["a", SENTENCE * 60, "a"], meter)
    engine.encode(["a"], meter)
    assert (meter.tokens, meter.truncated) == (3 + 256 + 3 + 3, 1)
    assert 16 + 256 + 16 <= meter.padded <= 3 * 512  # whole batches, or those without filler where that is known


def test_an_engine_is_loaded_once_a_process(tiny_encoder: Callable[..., Path]) -> None:
    wanted = mark(tiny_encoder())
    assert encoders.engine(wanted) is encoders.engine(wanted.model_copy())


def test_an_encoder_that_is_not_the_one_described_is_refused(tiny_encoder: Callable[..., Path]) -> None:
    folder = tiny_encoder()
    described = mark(folder)
    other = described.encoder.model_copy(update={"weights": "0" * 64})
    with pytest.raises(ModelError, match=rf"{folder} has changed since it was described; build the collection again"):
        encoders.engine(described.model_copy(update={"encoder": other}))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_pooling_agrees_with_sentence_transformers_own(pooling: str) -> None:
    states = torch.randn(4, 7, 8, generator=torch.Generator().manual_seed(0))
    mask = (torch.arange(7)[None] < torch.tensor([1, 3, 6, 7])[:, None]).long()
    theirs = Pooling(8, "mean_sqrt_len_tokens" if pooling == "mean_sqrt_len" else pooling)  # type: ignore[arg-type]
    features: dict[str, Any] = {"token_embeddings": states, "attention_mask": mask}
    expected = theirs(features)["sentence_embedding"]
    torch.testing.assert_close(padded_forward.pool(states, mask, pooling), expected)


def test_an_unknown_pooling_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        ContractError, match=r"pooling is 'sum' but one of \['cls', 'lasttoken', 'max', 'mean', 'mean_s"
    ):
        padded_forward.pool(torch.zeros(1, 1, 1), torch.ones(1, 1), "sum")


SMALL = ["the cat sat", "", "a dog ran far far far", "unknown words", "the night train " * 9, "the cat " * 60]


@pytest.mark.parametrize(
    ("pooling", "longest"), [("mean", 40), ("cls", 24), ("max", 40), ("lasttoken", 24), ("mean_sqrt_len_tokens", 40)]
)
def test_a_saved_encoder_agrees_with_sentence_transformers(
    tiny_encoder: Callable[..., Path], pooling: str, longest: int
) -> None:
    folder = tiny_encoder(pooling=pooling, longest=longest)
    expected = SentenceTransformer(str(folder), device="cpu").encode(SMALL)
    np.testing.assert_allclose(encoders.engine(mark(folder)).encode(SMALL), expected, atol=1e-5)


@pytest.fixture(scope="module")
def small(tiny_bert: Path) -> EncodingEngine:
    return encoders.engine(mark(tiny_bert))


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(texts=st.lists(st.text(alphabet="abc dog [SEP]é\u200b\n", max_size=60), max_size=12), at=st.integers(0, 12))
def test_any_texts_cut_anywhere_give_the_same_bits(small: EncodingEngine, texts: list[str], at: int) -> None:
    parts = np.concatenate([small.encode(texts[:at]), small.encode(texts[at:])])
    np.testing.assert_array_equal(parts, small.encode(texts))


def test_a_text_of_every_length_up_to_the_last_position_has_a_vector(small: EncodingEngine) -> None:
    vectors = small.encode(["cat " * n for n in range(45)])
    assert np.isfinite(vectors).all()
    np.testing.assert_array_equal(vectors[38], vectors[44])  # both are cut to 40 tokens


def test_a_tokenizer_without_special_tokens_can_be_run(tiny_encoder: Callable[..., Path]) -> None:
    from tokenizers import Tokenizer, processors

    folder = tiny_encoder()
    pieces = Tokenizer.from_file(str(folder / "tokenizer.json"))
    pieces.post_processor = processors.TemplateProcessing(single="$A", pair="$A $B", special_tokens=[])
    pieces.save(str(folder / "tokenizer.json"))
    vectors = encoders.engine(mark(folder)).encode(["cat", "dog"])
    assert np.isfinite(vectors).all()


def test_weights_that_are_not_numbers_cost_only_the_texts_that_touch_them(poisoned_encoder: Path) -> None:
    vectors = encoders.engine(mark(poisoned_encoder)).encode(["the cat", "the poison", "a dog"])
    assert np.isfinite(vectors).all(axis=1).tolist() == [True, False, True]
