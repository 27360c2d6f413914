from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from tasks.data.models import Fingerprint, Numerics
from tasks.errors import ModelError
from tasks.models.encoders import base as encoder_base
from tasks.models.encoders import load as encoders
from tasks.models.encoders import tokens as token_vectors
from tasks.models.encoders.tokens import TokenEngine

Make = Callable[..., Path]
TEXTS = ["the cat sat", "", "a dog ran far far far", "unknown words", "the night train " * 9, "the cat " * 60, "mat"]


def mark(model: Path) -> Fingerprint:
    return encoders.fingerprint(str(model), "fp32", "cpu")


def by_transformers(folder: Path, text: str, longest: int = 40) -> npt.NDArray[np.float32]:
    """Return unit-length hidden states of one text alone, first and last token left out."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    read = tokenizer(text, return_tensors="pt", truncation=True, max_length=longest, return_token_type_ids=False)
    with torch.inference_mode():
        states = model(**read).last_hidden_state[0, 1:-1]
    return np.asarray(torch.nn.functional.normalize(states, dim=1).numpy())


def test_token_vectors_are_the_hidden_states_without_special_tokens(tiny_bert: Path) -> None:
    found = TokenEngine(mark(tiny_bert)).passages(TEXTS)
    for text, vectors in zip(TEXTS, found, strict=True):
        expected = by_transformers(tiny_bert, text)
        assert vectors.shape == expected.shape
        np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_the_company_of_a_text_does_not_change_a_bit(tiny_bert: Path) -> None:
    engine = TokenEngine(mark(tiny_bert))
    together = engine.passages(TEXTS)
    for text, vectors in zip(TEXTS, together, strict=True):
        np.testing.assert_array_equal(engine.passages([text])[0], vectors)


def test_a_prompt_is_read_but_its_tokens_are_not_returned(tiny_encoder: Make) -> None:
    folder = tiny_encoder(prompts={"query": "q: ", "document": "d: the "})
    engine = TokenEngine(mark(folder))
    np.testing.assert_allclose(engine.queries(["cat sat"])[0], by_transformers(folder, "q: cat sat")[2:], atol=1e-5)
    np.testing.assert_allclose(engine.passages(["cat"])[0], by_transformers(folder, "d: the cat")[3:], atol=1e-5)


def test_texts_and_cut_ones_are_metered(tiny_bert: Path) -> None:
    meter = encoder_base.Meter()
    TokenEngine(mark(tiny_bert)).queries(["the cat sat", "the cat " * 60], meter)
    assert (meter.tokens, meter.truncated) == (5 + 40, 1)


def test_the_collections_own_encoder_is_taken_as_it_is(tiny_bert: Path) -> None:
    own = mark(tiny_bert)
    assert token_vectors.fingerprint(own, None) == own


def test_another_encoder_runs_as_the_collections_own_does(tiny_bert: Path, tiny_encoder: Make) -> None:
    found = token_vectors.fingerprint(mark(tiny_bert), str(tiny_encoder(longest=24)))
    assert found.encoder.max_tokens == 24
    assert (found.numerics.precision, found.numerics.engine) == ("fp32", "torch-cpu")


def test_int8_becomes_32_bits_and_says_why(tiny_bert: Path) -> None:
    small = Numerics(precision="int8", engine="openvino-cpu", reason="as configured")
    found = token_vectors.fingerprint(mark(tiny_bert).model_copy(update={"numerics": small}), None)
    assert found.numerics == Numerics(precision="fp32", engine="torch-cpu", reason="tokens have no vectors in int8")


@pytest.mark.parametrize("architecture", ["static", "remote"])
def test_an_encoder_without_token_vectors_is_refused_with_the_field_to_set(tiny_bert: Path, architecture: str) -> None:
    own = mark(tiny_bert)
    other = own.model_copy(update={"encoder": own.encoder.model_copy(update={"architecture": architecture})})
    message = (
        f"{tiny_bert} is a {architecture} encoder but one that gives tokens a vector was needed; set rerank.model"
    )
    with pytest.raises(ModelError, match=message):
        token_vectors.fingerprint(other, None)
