"""The same messages through the local model and through `transformers serve`, a server written by others."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from transformers.utils.import_utils import is_serve_available

from configs.generators import LanguageModel, LocalModel, ModelServer, Sampling
from tasks.data.messages import Message, Reply, Request
from tasks.models.generators import client
from tasks.models.generators import load as generators
from tests.tasks.models import language_models

MISSING = not is_serve_available() or importlib.util.find_spec("accelerate") is None
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(MISSING, reason="transformers serve needs: pip install 'transformers[serving]' accelerate"),
]
TEXTS = ["Once upon a time", "the lamp", "bread is baked at four", "yes or no?", "a"]


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    return language_models.save_causal(tmp_path / "chat")


@pytest.fixture
def address(chat: Path) -> Iterator[str]:
    """Serve the model in a process of its own; return the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["serve", str(chat), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "transformers"), *words],
        env={**os.environ, "HF_HUB_OFFLINE": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(600):
            try:
                if httpx.get(f"http://127.0.0.1:{port}/health").status_code == httpx.codes.OK:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def say(config: LanguageModel) -> list[tuple[str, str, int, int]]:
    ask = client.replies(generators.describe(config), Sampling(max_tokens=30), config, use_cache=False)
    made: list[Reply] = ask([Request((Message("system", "Be brief."), Message("user", text))) for text in TEXTS])
    return [(r.text, r.finish, r.prompt_tokens, r.completion_tokens) for r in made]


def test_texts_finish_reasons_and_token_counts_are_the_same_local_and_served(chat: Path, address: str) -> None:
    local = say(LocalModel(model=str(chat), precision="fp32"))
    assert local == say(ModelServer(base_url=address, model=str(chat), concurrency=1))
    assert {finish for _, finish, _, _ in local} == {"stop", "length"}
