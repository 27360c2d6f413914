"""One model in fp32, bf16, int8 and 4 bits: its size, its memory, its speed, and how well it predicts text.

The models are a small one with a chat template, trained on the spot on the docstrings of numpy and scikit-learn (nine
tenths of them, the rest is held out), and stories260K, where `LLM_FLOWS_DATA` names the folder that holds it (held-out
text: the end of tinyshakespeare, which is nothing it knows). Perplexities compare precisions of one model, not models.

Every precision is a process of its own. *Weights* are as torch saves them. *Memory* is the peak of all that is
resident, less what there was before the model was loaded, libraries and tokenizer included. What this machine cannot
run is a row that says why; bf16, which flows refuse on a processor that has none, is emulated here, and called so.

Where there is a GPU, one model of some two hundred million weights takes their place, made on it in the same way, and
the peak of its memory is counted.
"""

import io
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from configs.chain import SmallModel
from configs.generators import LocalModel, Sampling
from tasks import hardware
from tasks.errors import FlowError
from tests.bench.pairs import ROOT, forget_peak, peak, plain, why_not

PRECISIONS = ("fp32", "bf16", "int8", "4bit")
PROMPTS, NEW, WINDOW, HELD = 32, 32, 128, 40_000
LONGEST_S, DOCUMENTED, ALL_DOCUMENTED = 180, 400, 20_000
PLACE: Any = "cuda" if hardware.has_gpu() else "cpu"
SMALL = SmallModel(width=256, layers=4, steps=150)
LARGE = SmallModel(width=1_024, layers=20, steps=1_500, vocabulary=8_192)


def measure() -> list[dict[str, Any]]:
    """Return size, memory, speed and perplexity of each model in each precision."""
    with tempfile.TemporaryDirectory() as home:
        made, held = Path(home, "model"), Path(home, "held.txt")
        if PLACE == "cuda":
            held.write_text(_make(made, LARGE, ALL_DOCUMENTED), "utf-8")
            return _table("large, made on the spot", made, held)
        held.write_text(_make(made, SMALL, DOCUMENTED), "utf-8")
        rows = _table("made on the spot", made, held)
        if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
            return [*rows, why_not("stories260K", "LLM_FLOWS_DATA names no folder with models/stories260K_hf")]
        held.write_text(Path(data, "tinyshakespeare", "input.txt").read_text("utf-8")[-HELD:], "utf-8")
        return rows + _table("stories260K", Path(data, "models", "stories260K_hf"), held)


def _make(folder: Path, config: SmallModel, documents: int) -> str:
    """Make a model; return the text it has not seen."""
    from tasks.models.tiny import make_small_model
    from tests.bench.bench_embed import documentation

    texts = documentation(documents)
    seen, held = texts[: len(texts) * 9 // 10], texts[len(texts) * 9 // 10 :]
    make_small_model("\n\n".join(seen), config, folder, PLACE)
    return "\n\n".join(held)[:HELD]


def _table(name: str, model: Path, held: Path) -> list[dict[str, Any]]:
    rows, emulated = [], PLACE == "cpu" and not hardware.processor_has_bf16()
    for precision in PRECISIONS:
        called = f"{name}, {precision}" + " (emulated)" * (precision == "bf16" and emulated)
        words = [sys.executable, "-m", "tests.bench.bench_precision", str(model), precision, str(held)]
        try:
            said = subprocess.run(
                words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=LONGEST_S
            ).stdout
        except subprocess.TimeoutExpired:
            rows.append(why_not(called, f"it had not ended after {LONGEST_S} s"))
            continue
        found = json.loads(said.splitlines()[-1])
        if "reason" in found:
            rows.append(why_not(called, found["reason"]))
            continue
        rows += [plain(f"{called}: {what}", value, unit) for what, (value, unit) in found.items()]
    return rows


def work(model: str, precision: Any, held: str) -> dict[str, Any]:
    """Run one precision; return what was measured, or the reason why it does not run here."""
    import torch

    from tasks.data.messages import Message, Request
    from tasks.inspect.masks import perplexity
    from tasks.models.generators import client
    from tasks.models.generators import load as generators
    from tasks.models.generators import local as local_model

    hardware.processor_has_bf16 = lambda: True  # type: ignore[assignment]  # torch emulates it where there is none
    config = LocalModel(model=model, precision=precision, device=PLACE)
    try:
        described = generators.describe(config)
    except FlowError as error:
        return {"reason": str(error)}
    import transformers.generation  # noqa: F401  # loaded beforehand, for they are no part of a model's memory

    tokenizer = local_model.chat_template.load_tokenizer(model)
    before = _forget()
    engine = local_model.engine(described, config)
    text = Path(held).read_text("utf-8")
    chance, known = random.Random(0), re.findall(r"[a-z]{2,}", text)
    requests = [
        Request((Message("user", " ".join(chance.choices(known, k=chance.randint(4, 24)))),)) for _ in range(PROMPTS)
    ]
    ask = client.replies(described, Sampling(max_tokens=NEW), config, use_cache=False)
    ask(requests[:2])
    started = time.perf_counter()
    tokens = sum(reply.completion_tokens for reply in ask(requests))
    seconds, most = time.perf_counter() - started, _peak()
    saved = io.BytesIO()
    torch.save(engine.decoder.model.state_dict(), saved)
    ids = torch.tensor(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"], device=PLACE)
    return {
        "weights": (len(saved.getvalue()) / 1e6, "MB"),
        "peak memory above before": (most - before, "MB"),
        "speed": (tokens / seconds, "tokens/s"),
        "perplexity a token, held-out text": (perplexity(engine.decoder.model, ids, WINDOW), ""),
    }


def _forget() -> float:
    """Forget the peak of this process; return what it holds now, in MB."""
    return _peak() if PLACE == "cuda" else forget_peak()


def _peak() -> float:
    """Return the most MB this process has held, of the GPU's memory where it runs there."""
    if PLACE != "cuda":
        return peak()
    import torch

    return torch.cuda.max_memory_allocated() / 1e6


if __name__ == "__main__":
    print(json.dumps(work(*sys.argv[1:])))
