"""A real model without a chat template writes its story here and behind a server on loopback.

The server is one of the test's own over `generate` of transformers: chat completions of `transformers serve` need a
template, and what asks servers here speaks chat completions alone.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from configs.generators import LanguageModel, LocalModel, ModelServer, Sampling
from tasks.data.messages import Message, Request
from tasks.models.generators import client
from tasks.models.generators import load as generators
from tests.tasks.models.chat_server import served

DATA = os.environ.get("LLM_FLOWS_DATA") or None
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(DATA is None, reason="LLM_FLOWS_DATA names no folder with models/stories260K_hf"),
]
BEGINNINGS = ["Once upon a time", "Lily had a dog", "The sun was warm. Tom went to the park with his mom", "One day"]
NEW = 200


def say(config: LanguageModel) -> list[tuple[str, str, int, int]]:
    ask = client.replies(generators.describe(config), Sampling(max_tokens=NEW), config, use_cache=False)
    made = ask([Request((Message("user", text),)) for text in BEGINNINGS])
    return [(r.text, r.finish, r.prompt_tokens, r.completion_tokens) for r in made]


def test_a_story_its_tokens_and_its_end_are_the_same_local_and_served(home: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = Path(str(DATA), "models", "stories260K_hf")
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder).eval()
    assert tokenizer.chat_template is None
    with served() as server:

        def write(body: dict[str, Any]) -> str:
            ids = tokenizer(body["messages"][-1]["content"], return_tensors="pt")
            made = model.generate(**ids, max_new_tokens=body["max_tokens"], do_sample=False)[0]
            new = made[ids["input_ids"].shape[1] :]
            server.usage = {"prompt_tokens": ids["input_ids"].shape[1], "completion_tokens": len(new)}
            server.finish = "stop" if int(new[-1]) == tokenizer.eos_token_id else "length"
            return str(tokenizer.decode(new, skip_special_tokens=True))

        server.say = write
        with torch.inference_mode():
            there = say(ModelServer(base_url=server.base_url, model="stories", concurrency=1))
    here = say(LocalModel(model=str(folder), precision="fp32"))
    assert here == there
    assert "mom" in "".join(text for text, *_ in here)
    assert {tokens for _, finish, _, tokens in here if finish == "length"} <= {NEW}
