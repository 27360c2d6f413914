import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder

from tasks.errors import ContractError, ModelError
from tasks.models import sequence_classifier
from tasks.models.encoders import base as encoder_base

Make = Callable[..., Path]
QUERIES = ["the cat", "a dog ran far", "the night train " * 3, "q"]
PASSAGES = ["the mat", "", "a dog sat", "unknown words here", "the night train ran far " * 4, "the cat " * 60, "[SEP]"]
PAIRS = [(query, passage) for query in QUERIES for passage in PASSAGES[:-1]]


@pytest.fixture
def folder(tiny_cross_encoder: Make) -> Path:
    return tiny_cross_encoder()


def engine(folder: Path) -> sequence_classifier.PairEngine:
    return sequence_classifier.engine(sequence_classifier.describe(str(folder), "fp32", "cpu"))


def test_scores_are_those_of_sentence_transformers_before_its_sigmoid(folder: Path) -> None:
    theirs = CrossEncoder(str(folder), device="cpu").predict(PAIRS, activation_fn=torch.nn.Identity())
    ours = engine(folder).score(PAIRS)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert ours.std() > 0.1  # a model that tells pairs apart


def test_the_company_of_a_pair_and_its_place_do_not_change_a_bit(folder: Path) -> None:
    scorer = engine(folder)
    together = scorer.score(PAIRS)
    order = np.random.default_rng(0).permutation(len(PAIRS))
    np.testing.assert_array_equal(scorer.score([PAIRS[i] for i in order]), together[order])
    np.testing.assert_array_equal(np.concatenate([scorer.score([pair]) for pair in PAIRS]), together)


def test_query_and_passage_are_told_apart(folder: Path) -> None:
    forth, back = engine(folder).score([("the cat", "a dog"), ("a dog", "the cat")])
    assert abs(forth - back) > 1e-3


def test_text_that_looks_like_a_special_token_stays_text(folder: Path) -> None:
    (encoding,) = engine(folder)._tokenised([("cat", "[SEP]")])
    assert encoding.tokens == ["[CLS]", "cat", "[SEP]", "[", "sep", "]", "[SEP]"]


def test_the_longer_text_is_cut_first_and_counted(folder: Path) -> None:
    scorer, meter = engine(folder), encoder_base.Meter()
    scorer.score([("the cat", "the dog " * 60), ("a", "b")], meter)
    (encoding,) = scorer._tokenised([("the cat", "the dog " * 60)])
    assert encoding.tokens[:4] == ["[CLS]", "the", "cat", "[SEP]"]
    assert (len(encoding.ids), meter.tokens, meter.truncated) == (40, 40 + 5, 1)


def test_no_pairs_have_no_scores(folder: Path) -> None:
    assert engine(folder).score([]).shape == (0,)


def test_weights_that_are_not_numbers_cost_only_the_pairs_that_touch_them(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["bert.embeddings.word_embeddings.weight"][13] = float("nan")  # the token "poison"
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    scores = engine(folder).score([("the cat", "a mat"), ("the cat", "poison"), ("a dog", "a mat")])
    assert np.isfinite(scores).tolist() == [True, False, True]


def test_a_model_is_loaded_once_a_process(folder: Path) -> None:
    assert engine(folder) is engine(folder)


def test_a_scorer_counts_by_content_and_precision_not_by_name(folder: Path) -> None:
    first = sequence_classifier.describe(str(folder), "fp32", "cpu")
    renamed = first.model_copy(update={"model": "other", "revision": "other"})
    said = first.model_copy(update={"numerics": first.numerics.model_copy(update={"reason": "other"})})
    assert first.cache_key() == renamed.cache_key() == said.cache_key()
    halved = first.model_copy(update={"numerics": first.numerics.model_copy(update={"precision": "bf16"})})
    changed = [first.model_copy(update={name: "x"}) for name in ("weights", "tokenizer", "settings")]
    shorter = first.model_copy(update={"max_tokens": 20})
    assert len({s.cache_key() for s in (first, halved, shorter, *changed)}) == 6


def test_a_model_that_is_not_the_one_described_is_refused(folder: Path) -> None:
    described = sequence_classifier.describe(str(folder), "fp32", "cpu").model_copy(update={"weights": "0" * 64})
    with pytest.raises(ModelError, match=rf"{folder} has changed since it was described; run the flow again"):
        sequence_classifier.engine(described)


def test_a_folder_that_is_not_there_is_refused_with_an_example() -> None:
    with pytest.raises(ModelError, match="model '/no/model' is not a folder; give the path of one, or an id such as"):
        sequence_classifier.describe("/no/model", "fp32", "cpu")


def test_two_labels_are_refused_with_their_number(tiny_cross_encoder: Make) -> None:
    folder = tiny_cross_encoder(labels=2)
    message = (
        f"{folder} gives 2 labels but one score was needed; set rerank.model to a cross-encoder such as cross-enc"
    )
    with pytest.raises(ModelError, match=message):
        sequence_classifier.describe(str(folder), "fp32", "cpu")


def test_an_encoder_is_no_cross_encoder(tiny_bert: Path) -> None:
    message = (
        f"{tiny_bert} is BertModel but a model ForSequenceClassification was needed; set rerank.model to a cross-"
    )
    with pytest.raises(ModelError, match=message):
        sequence_classifier.describe(str(tiny_bert), "fp32", "cpu")


def test_code_of_its_own_is_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "modeling.Evil"}}))
    with pytest.raises(
        ModelError, match=r"asks to run its own Python code \(auto_map\), which this project never doe"
    ):
        sequence_classifier.describe(str(folder), "fp32", "cpu")


def test_weights_that_are_missing_are_not_made_up(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        ModelError, match=rf"{folder} lacks 1 weights, the first classifier.weight; download the model aga"
    ):
        engine(folder)


def test_a_device_that_is_not_there_is_refused_with_the_field(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.hardware.has_gpu", lambda: False)
    with pytest.raises(ContractError, match=r"rerank\.device is cuda but torch sees no GPU here"):
        sequence_classifier.describe(str(folder), "fp32", "cuda")
