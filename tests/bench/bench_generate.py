"""Batches of prompts of like length against `generate` of transformers, one prompt at a time: the same greedy replies.

The model has the size of stories260K and weights drawn on the spot: speed does not depend on what they are. Where
there is the folder named by `LLM_FLOWS_DATA`, stories260K itself is run too. A wider model answers short questions
behind one long system message, read once or with every question; and behind a message of its own each, where there is
nothing to share.
"""

import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from configs.generators import LocalModel, Sampling, for_one_question
from tasks.data.messages import Message, Request
from tasks.models.generators import client
from tasks.models.generators import load as generators
from tasks.models.generators import local as local_model
from tests.bench.pairs import alternate, at_least, plain, why_not
from tests.tasks.models import language_models

PROMISED, PROMISED_SHARED, PROMISED_SINGLE = 4.0, 1.5, 0.95
PROMPTS, NEW, ROUNDS, ROWS = 64, 32, 3, 32
RULES, QUESTIONS = 400, 64  # tokens of a system message, and what is asked behind it
STORY = "Once upon a time there was little girl named Lily She loved to play with her dog in the park one day"


def measure(prompts: int = PROMPTS, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Return the speed of batches against one by one, and how many replies are the same."""
    with tempfile.TemporaryDirectory() as folder:
        made = language_models.save_causal(Path(folder), template=False, layers=5, width=64)
        rows = _compare("made on the spot", made, prompts, rounds)
    with tempfile.TemporaryDirectory() as folder:
        wide = language_models.save_causal(Path(folder), layers=4, width=256, context=1_024)
        rows += _shared("one system message", wide, rounds, shared=True)
        rows += _shared("a system message each", wide, rounds, shared=False)
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        print("  stories260K skipped: LLM_FLOWS_DATA names no folder with models/stories260K_hf")
        return rows
    rows += _compare("stories260K", Path(data) / "models" / "stories260K_hf", prompts, rounds)
    return rows + _single(rounds)


def _compare(name: str, folder: Path, count: int, rounds: int) -> list[dict[str, Any]]:
    config = LocalModel(model=str(folder), precision="fp32", batch_size=ROWS)
    described = generators.describe(config)
    engine = local_model.engine(described, config)
    chance, words = random.Random(0), STORY.split()
    requests = [
        Request((Message("user", " ".join(chance.choices(words, k=chance.randint(2, 40)))),)) for _ in range(count)
    ]
    ask = client.replies(described, Sampling(max_tokens=NEW), config, use_cache=False)
    ours: list[str] = []
    theirs: list[str] = []

    def together() -> None:
        ours[:] = [reply.text for reply in ask(requests)]

    def apart() -> None:
        theirs[:] = [_alone(engine, prompt) for prompt in engine.prompts(requests)]

    seconds = alternate(together, apart, rounds)
    same = sum(a == b for a, b in zip(ours, theirs, strict=True))
    return [
        at_least(f"{name}: generate one by one against batches", seconds[1] / seconds[0], "times", PROMISED),
        at_least(f"{name}: greedy replies that are the same", same, "replies", count),
        plain(f"{name}: tokens a second in batches", count * NEW / seconds[0], "tokens/s"),
    ]


def _single(rounds: int) -> list[dict[str, Any]]:
    """Compare a model of 135M, as a chat asks it, with `generate`: one prompt at a time in both."""
    config = for_one_question(LocalModel(precision="fp32", device="cpu"))
    described = generators.describe(config)
    engine = local_model.engine(described, config)
    requests = [Request((Message("user", f"Write a sentence about {word}."),)) for word in STORY.split()[6:12]]
    ask = client.replies(described, Sampling(max_tokens=NEW, end_repetition=False), config, use_cache=False)
    seconds = alternate(
        lambda: [ask([request]) for request in requests],
        lambda: [_alone(engine, prompt) for prompt in engine.prompts(requests)],
        rounds,
        time.process_time,
    )
    name = "SmolLM2-135M, fp32, one prompt at a time: CPU seconds of generate against ours"
    return [at_least(name, seconds[1] / seconds[0], "times", PROMISED_SINGLE)]


def _shared(name: str, folder: Path, rounds: int, *, shared: bool) -> list[dict[str, Any]]:
    """Compare reading prefixes apart with reading every prompt whole."""
    config = LocalModel(model=str(folder), precision="fp32", batch_size=ROWS)
    described = generators.describe(config)
    engine = local_model.engine(described, config)
    if not engine.reuses:
        return [why_not(f"{name}: prefixes apart", "on a GPU prompts are read whole")]
    chance, words = random.Random(0), STORY.split()
    texts = []
    for _ in range(1 if shared else QUESTIONS):
        rules = ""
        while len(engine.tokenizer(rules)["input_ids"]) < RULES:
            rules += f" {chance.choice(words)}"
        texts.append(rules)
    requests = [
        Request((Message("system", texts[n % len(texts)]), Message("user", f"Is {chance.choice(words)} a word?")))
        for n in range(QUESTIONS)
    ]
    generator = client.replies(described, Sampling(max_tokens=NEW), config, use_cache=False)
    said: dict[bool, list[str]] = {}

    def ask(apart: bool) -> None:
        engine.reuses = apart
        engine.decoder.prefixes.read.clear()
        said[apart] = [reply.text for reply in generator(requests)]

    seconds = alternate(lambda: ask(True), lambda: ask(False), rounds)
    same = sum(a == b for a, b in zip(said[True], said[False], strict=True))
    what, ratio = f"{name} of {RULES} tokens: whole prompts against prefixes apart", seconds[1] / seconds[0]
    return [
        at_least(what, ratio, "times", PROMISED_SHARED) if shared else plain(what, ratio, "times"),
        at_least(f"{name}: greedy replies that are the same", same, "replies", QUESTIONS),
    ]


def _alone(engine: Any, prompt: list[int]) -> str:
    """Return what `generate` makes of one prompt."""
    import torch

    ids = torch.tensor([prompt], device=engine.decoder.model.device)
    with torch.inference_mode():
        made = engine.decoder.model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW, do_sample=False
        )[0, len(prompt) :]
    return str(engine.tokenizer.decode(made, skip_special_tokens=True, clean_up_tokenization_spaces=False))
