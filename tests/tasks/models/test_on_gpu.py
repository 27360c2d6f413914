"""What holds on a processor holds on a GPU too: close to it, and the same bits whoever shares a batch."""

import json
import random
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from configs.generators import LocalModel, Sampling
from configs.models import EMBEDDED
from tasks.data.messages import Message, Request
from tasks.models.encoders import load as encoders
from tasks.models.encoders.packed import PackedEngine
from tasks.models.generators import client, response_format
from tasks.models.generators import load as generators
from tasks.models.generators import local as local_model
from tests.tasks.models import language_models
from tests.tasks.models.schemas import SCHEMAS

pytestmark = pytest.mark.gpu
TEXTS = ["the lamp", "Bread is baked at four in the morning.", "yes or no? " * 6, "a", "0 1 2 3", "the keeper " * 9]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found out about a GPU is kept here."""
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path))


def asked(text: str) -> Request:
    return Request((Message("user", text),))


@pytest.mark.parametrize(("precision", "least"), [("bf16", 0.999), ("fp32", 0.99999)])
def test_vectors_are_close_to_those_of_the_processor(precision: str, least: float) -> None:
    expected = encoders.engine(encoders.fingerprint(EMBEDDED, "fp32", "cpu")).encode(TEXTS)
    engine = encoders.engine(encoders.fingerprint(EMBEDDED, precision, "cuda"))
    assert isinstance(engine, PackedEngine) is (precision == "bf16")
    found = engine.encode(TEXTS)
    assert (found * expected).sum(axis=1).min() >= least


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_a_vector_is_the_same_bits_whoever_shares_its_batch(precision: str) -> None:
    engine, chance = encoders.engine(encoders.fingerprint(EMBEDDED, precision, "cuda")), random.Random(0)
    alone = engine.encode(["the lamp was lit"])[0]
    for count in (1, 7, 300, 4_000):
        others = [" ".join(chance.choices(("rye", "lamp", "ships"), k=chance.randint(1, 200))) for _ in range(count)]
        at = chance.randint(0, count)
        np.testing.assert_array_equal(engine.encode([*others[:at], "the lamp was lit", *others[at:]])[at], alone)


def test_greedy_replies_in_32_bits_are_those_of_the_processor(tmp_path: Path) -> None:
    folder, replies = language_models.save_causal(tmp_path / "chat"), {}
    for place in ("cpu", "cuda"):
        config = LocalModel(model=str(folder), precision="fp32", device=place)
        ask = client.replies(generators.describe(config), Sampling(max_tokens=12), config, use_cache=False)
        replies[place] = [(r.text, r.completion_tokens, r.finish) for r in ask([asked(t) for t in TEXTS])]
    assert replies["cuda"] == replies["cpu"]


@pytest.mark.parametrize("precision", ["fp32", "bf16", "4bit"])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_reply_is_one_whoever_shares_its_batch(precision: str, temperature: float, tmp_path: Path) -> None:
    folder = language_models.save_causal(tmp_path / "chat", width=256)
    config = LocalModel(model=str(folder), precision=precision, device="cuda", batch_size=8)
    sampling = Sampling(max_tokens=8, temperature=temperature, seed=3)
    ask = client.replies(generators.describe(config), sampling, config, use_cache=False)
    assert len(language_models.among_others(ask, rounds=30, others=7)) == 1


def test_a_form_is_kept_to(tmp_path: Path) -> None:
    folder = language_models.save_causal(tmp_path / "chat")
    config = LocalModel(model=str(folder), device="cuda")
    described = generators.describe(config)
    assert described.precision == "bf16"
    ask = client.replies(described, Sampling(max_tokens=128, temperature=1.0), config, use_cache=False)
    for schema in SCHEMAS.values():
        wanted = response_format.schema_format(schema)
        for reply in ask([Request((Message("user", "Describe it."),), wanted, draw) for draw in range(8)]):
            jsonschema.validate(json.loads(reply.text), schema)


def test_four_bits_take_less_of_the_gpu(tmp_path: Path) -> None:
    import torch

    folder, held = language_models.save_causal(tmp_path / "wide", width=1_024, layers=4), {}
    for precision in ("bf16", "4bit"):
        local_model._engine.cache_clear()
        before = torch.cuda.memory_allocated()
        config = LocalModel(model=str(folder), precision=precision, device="cuda")
        kept = local_model.engine(generators.describe(config), config)
        held[precision] = torch.cuda.memory_allocated() - before
        assert kept.decoder.model.device.type == "cuda"
        del kept
    assert held["4bit"] < 0.35 * held["bf16"]
