"""Penalties are those of transformers; what a model's own generation config states is kept unless overridden."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import NoRepeatNGramLogitsProcessor, RepetitionPenaltyLogitsProcessor

from configs.generators import LocalModel, ModelServer, Sampling
from tasks.data.messages import Generator, Message, Request, ResponseFormat
from tasks.data.sampling import OwnSampling, ResolvedSampling
from tasks.errors import ContractError, ModelError
from tasks.models.generators import client
from tasks.models.generators import load as generators
from tasks.models.generators import local as local_model
from tasks.models.generators.sampling import penalised
from tasks.store.reply_cache import key_of
from tests.tasks.models import language_models

TEXTS = ["the lamp", "Bread is baked at four in the morning.", "yes or no? " * 6]
QWEN = {"do_sample": True, "temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.05}
LLAMA = {"do_sample": True, "temperature": 0.6, "top_p": 0.9}


def asked(text: str) -> Request:
    return Request((Message("user", text),))


@given(
    st.lists(st.integers(0, 11), min_size=1, max_size=40),
    st.floats(0.2, 5),
    st.integers(0, 6),
    st.integers(0, 2**32 - 1),
)
def test_penalties_are_those_of_the_processors_of_transformers(
    tokens: list[int], penalty: float, size: int, seed: int
) -> None:
    logits = (np.random.default_rng(seed).normal(size=12) * 5).astype(np.float32)
    logits[seed % 12] = -np.inf  # not allowed by a form
    ids, theirs = torch.tensor([tokens]), torch.tensor(logits[None])
    theirs = RepetitionPenaltyLogitsProcessor(penalty)(ids, theirs)
    theirs = NoRepeatNGramLogitsProcessor(size)(ids, theirs) if size else theirs
    kept = logits.copy()
    ours = penalised(logits, tokens, ResolvedSampling(repetition_penalty=penalty, no_repeat_ngram_size=size))
    if torch.isfinite(theirs).any():
        np.testing.assert_array_equal(ours, theirs[0].numpy())
    else:
        assert np.isfinite(ours).any()
    np.testing.assert_array_equal(logits, kept)


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_models.save_causal(tmp_path_factory.mktemp("chat"))


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_models.save_text_to_text(tmp_path_factory.mktemp("t5"))


def handle(folder: Path) -> tuple[Generator, LocalModel]:
    local_model._describe.cache_clear()
    config = LocalModel(model=str(folder), precision="fp32", batch_size=4)
    return generators.describe(config), config


def texts_of(folder: Path, sampling: Sampling) -> list[str]:
    generator, config = handle(folder)
    return [r.text for r in client.replies(generator, sampling, config, use_cache=False)([asked(t) for t in TEXTS])]


def theirs(folder: Path, new: int, **options: object) -> list[str]:
    """Return what `generate` of transformers makes of each prompt alone."""
    generator, config = handle(folder)
    engine = local_model.engine(generator, config)
    made = []
    for prompt in engine.prompts([asked(text) for text in TEXTS]):
        ids = torch.tensor([prompt])
        out = engine.decoder.model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, do_sample=False, **options
        )[0]
        made.append(engine.tokenizer.decode(out[len(prompt) :] if generator.family == "causal" else out[1:],
                                            skip_special_tokens=True))  # fmt: skip
    return made


@pytest.mark.parametrize("family", ["chat", "t5"])
@pytest.mark.parametrize("options", [{"repetition_penalty": 1.3}, {"no_repeat_ngram_size": 1}])
def test_greedy_replies_with_a_penalty_are_those_of_generate(
    family: str, options: dict[str, float], request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(family)
    sampling = Sampling.model_validate({"max_tokens": 24, **options})
    made = texts_of(folder, sampling)
    assert made == theirs(folder, 24, **options)
    assert made != texts_of(folder, Sampling(max_tokens=24))


def test_a_form_is_kept_to_where_its_signs_repeat(chat: Path) -> None:
    generator, config = handle(chat)
    ask = client.replies(generator, Sampling(no_repeat_ngram_size=1, max_tokens=64), config, use_cache=False)
    (reply,) = ask([Request((Message("user", "a"),), ResponseFormat("regex", text="(ab){9}"))])
    assert reply.text == "ab" * 9


def test_a_penalty_that_the_model_states_is_kept_as_generate_keeps_it(chat: Path, tmp_path: Path) -> None:
    own = language_models.state_sampling(language_models.save_causal(tmp_path / "own"), repetition_penalty=1.3)
    made = texts_of(own, Sampling(max_tokens=24))
    assert made == theirs(own, 24) == texts_of(chat, Sampling(max_tokens=24, repetition_penalty=1.3))
    assert texts_of(own, Sampling(max_tokens=24, repetition_penalty=1)) == texts_of(chat, Sampling(max_tokens=24))


@pytest.mark.parametrize(
    ("stated", "asked_for", "resolved", "said"),
    [
        ({}, {}, {}, "greedy"),
        ({"temperature": 0.6, "top_p": 0.9}, {}, {}, "greedy"),  # it does not say that it samples
        ({"temperature": 0.6, "top_p": 0.9}, {"temperature": 0.5}, {"temperature": 0.5}, "temperature 0.5"),
        (LLAMA, {}, {"temperature": 0.6, "top_p": 0.9}, "temperature 0.6, top_p 0.9 (the model's own)"),
        ({"do_sample": True}, {}, {"temperature": 1.0}, "temperature 1 (the model's own)"),
        (LLAMA, {"temperature": 0}, {"top_p": 0.9}, "greedy"),
        (LLAMA, {"temperature": 0.2}, {"temperature": 0.2, "top_p": 0.9},
         "temperature 0.2; top_p 0.9 (the model's own)"),
        (LLAMA, {"top_p": 1}, {"temperature": 0.6}, "temperature 0.6 (the model's own)"),
        (QWEN, {}, {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.05},
         "temperature 0.7, top_p 0.8, top_k 20, repetition_penalty 1.05 (the model's own)"),
        (QWEN, {"temperature": 0, "no_repeat_ngram_size": 3},
         {"top_p": 0.8, "top_k": 20, "repetition_penalty": 1.05, "no_repeat_ngram_size": 3},
         "greedy, no_repeat_ngram_size 3; repetition_penalty 1.05 (the model's own)"),
        ({"num_beams": 4, "min_length": 0}, {}, {}, "greedy; not followed of the model's own: num_beams"),
    ],
)  # fmt: skip
def test_what_the_model_states_is_kept_unless_overridden_and_said(
    stated: dict[str, object], asked_for: dict[str, float], resolved: dict[str, float], said: str, tmp_path: Path
) -> None:
    own = handle(language_models.state_sampling(language_models.save_causal(tmp_path / "own"), **stated))[0].sampling
    sampling = Sampling.model_validate({"max_tokens": 7, **asked_for})
    assert own.resolve(sampling) == ResolvedSampling.model_validate({"max_tokens": 7, **resolved})
    assert own.stated(sampling) == said
    assert own.resolve(own.resolve(sampling)) == own.resolve(sampling)


def test_to_set_what_the_model_states_is_to_set_nothing() -> None:
    own = OwnSampling(temperature=0.6, top_p=0.9)
    explicit = Sampling(temperature=0.6, top_p=0.9)
    assert key_of(asked("a"), own.resolve(Sampling())) == key_of(asked("a"), own.resolve(explicit))
    assert key_of(asked("a"), own.resolve(Sampling())) != key_of(asked("a"), OwnSampling().resolve(Sampling()))
    assert key_of(asked("a"), own.resolve(Sampling(temperature=0))) == key_of(asked("a"), ResolvedSampling())


def test_a_model_that_states_what_no_reply_can_be_drawn_by_is_refused(tmp_path: Path) -> None:
    folder = language_models.state_sampling(
        language_models.save_causal(tmp_path / "own"), do_sample=True, temperature=-1
    )
    with pytest.raises(ModelError, match=r"generation_config\.json states temperature -1: .*correct the file"):
        handle(folder)


@pytest.mark.parametrize(
    ("sampling", "words"),
    [
        (Sampling(repetition_penalty=1.2), r"sampling\.repetition_penalty is 1\.2 .*repetition_penalty_name"),
        (Sampling(no_repeat_ngram_size=3), r"sampling\.no_repeat_ngram_size is 3 .*kind=transformers"),
    ],
)
def test_what_a_server_does_not_know_is_refused_before_it_is_asked(sampling: Sampling, words: str) -> None:
    config = ModelServer(base_url="http://localhost:1/v1", model="m")
    with pytest.raises(ContractError, match=words):
        client.replies(generators.describe(config), sampling, config, use_cache=False)
    named = config.model_copy(update={"repetition_penalty_name": "repeat_penalty"})
    assert generators.describe(named).sampling.resolve(Sampling(repetition_penalty=1.2)).repetition_penalty == 1.2
    assert generators.describe(named).digest != generators.describe(config).digest
