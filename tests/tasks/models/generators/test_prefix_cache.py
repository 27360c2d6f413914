"""With prefixes read apart, replies are those of `generate` over whole prompts, and know nothing of neighbours."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from configs.generators import LocalModel
from tasks.data.messages import Message, Reply, Request
from tasks.data.sampling import ResolvedSampling
from tasks.models.generators import load as generators
from tasks.models.generators import local as local_model
from tasks.models.generators import prefix_cache
from tests.tasks.models import language_models

RULES = " ".join(f"Rule {n}: the keeper lit lamp {n} at dusk." for n in range(14))
OTHER_RULES = RULES.replace("keeper", "baker")
TEXTS = ["the lamp", "Bread is baked at four in the morning.", "\n\nyes or no?", "a", "0 1 2 3", "the keeper " * 9]


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_models.save_causal(tmp_path_factory.mktemp("chat"), context=1_024)


def asked(text: str, rules: str = RULES) -> Request:
    return Request((Message("system", rules), Message("user", text)))


def engine_of(folder: Path) -> Any:
    config = LocalModel(model=str(folder), precision="fp32", batch_size=4)
    return local_model.engine(generators.describe(config), config)


def say(folder: Path, requests: list[Request], temperature: float = 0.0) -> list[Reply]:
    engine, made = engine_of(folder), {}
    engine.answer(requests, ResolvedSampling(max_tokens=10, temperature=temperature), made.update)
    return [made[number] for number in range(len(requests))]


def theirs(folder: Path, request: Request) -> str:
    engine = engine_of(folder)
    ids = torch.tensor([engine.prompt(request)])
    made = engine.decoder.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=10, do_sample=False)[
        0
    ]
    return str(engine.tokenizer.decode(made[ids.shape[1] :], skip_special_tokens=True))


@pytest.mark.slow
def test_greedy_replies_are_those_of_generate_and_of_whole_prompts(chat: Path, monkeypatch: Any) -> None:
    requests = [*map(asked, TEXTS), asked("a", OTHER_RULES), asked("a", "Be brief.")]
    apart = say(chat, requests)
    read = engine_of(chat).decoder.prefixes.read
    assert len(read) == 2  # the rules of six prompts once, the other rules once, what is short not at all
    assert {len(prefix) for prefix in read} <= set(prefix_cache.LADDER)
    assert [reply.text for reply in apart] == [theirs(chat, request) for request in requests]
    monkeypatch.setattr(prefix_cache, "LEAST", 10_000)
    whole = say(chat, requests)
    assert len(read) == 2
    assert [(r.text, r.finish, r.prompt_tokens, r.completion_tokens) for r in apart] == [
        (r.text, r.finish, r.prompt_tokens, r.completion_tokens) for r in whole
    ]


@pytest.mark.slow
def test_logits_are_the_same_bit_for_bit_whoever_shares_prefix_and_batch(chat: Path, monkeypatch: Any) -> None:
    engine, chance, seen = engine_of(chat), random.Random(0), set()
    advance = engine.decoder._advance

    def watched(row: Any, logits: Any, *rest: Any) -> int:
        if row.prompt == mine:
            steps.append(logits.tobytes())
        return int(advance(row, logits, *rest))

    monkeypatch.setattr(engine.decoder, "_advance", watched)
    mine = engine.prompt(asked("the lamp was lit"))
    for number in range(40):
        steps: list[bytes] = []
        others = [
            asked("".join(chance.choices("abc de", k=chance.randint(1, 30))), chance.choice([RULES, OTHER_RULES]))
            for _ in range(chance.randint(0, 3))
        ]
        at = chance.randint(0, len(others))
        if number % 2:
            engine.decoder.prefixes.read.clear()
        reply = say(chat, [*others[:at], asked("the lamp was lit"), *others[at:]], temperature=1.0)[at]
        seen.add((reply.text, *steps))
    assert len(seen) == 1


@pytest.mark.slow
def test_a_model_with_a_window_reads_every_prompt_whole(chat: Path, tmp_path: Path) -> None:
    from transformers import MistralConfig, MistralForCausalLM

    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    MistralForCausalLM(
        MistralConfig(
            vocab_size=400, sliding_window=16, num_key_value_heads=2, pad_token_id=0, eos_token_id=3, **sizes
        )
    ).save_pretrained(tmp_path)
    local_model.chat_template.load_tokenizer(chat).save_pretrained(tmp_path)
    requests = [asked(text) for text in TEXTS]
    assert [reply.text for reply in say(tmp_path, requests)] == [theirs(tmp_path, request) for request in requests]
    assert engine_of(tmp_path).decoder.prefixes.read == {}
