"""One real model in each precision and by each engine: speed, memory, file, and how well it predicts a passage.

The model is `smollm2`, SmolLM2-135M-Instruct in a GGUF file of mixed bits (Q4_1). Four rows run its weights taken out
of that file into bfloat16, as flows do, in fp32, bf16, int8 and 4bit; one runs the file packed, as transformers loads
it; one by llama.cpp. Every row is a process of its own with one thread; llama.cpp has a process beside it, whose time
is added and whose whole memory is counted; of the others counts what is held above the time before the model was
loaded.

*NLL* is the mean over the tokens of a passage, each after all before it. *First token* is the share of its places
where the likeliest token is that of fp32, with Wilson's interval. What this machine cannot run is a row that says why;
bf16, which flows refuse on a processor that has none, is emulated here, and called so.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from configs.generators import LlamaCppModel, LocalModel, Sampling
from configs.models import CATALOGUE, SMOLLM2
from tasks import hardware
from tasks.data.messages import Message, Request
from tasks.errors import FlowError
from tasks.metrics.intervals import wilson
from tasks.models import chat_template, files, gguf
from tasks.store import packages
from tests.bench.pairs import ROOT, forget_peak, peak, plain, why_not

PRECISIONS, PACKED, LLAMA_CPP = ("fp32", "bf16", "int8", "4bit"), "gguf by transformers, packed", "gguf by llama.cpp"
PROMPTS, NEW, LONGEST_S = 16, 24, 600
SUBJECTS = ("a lamp", "bread", "the tide", "an apple tree", "a night train", "a letter", "chess", "a bridge", "snow",
            "a clock", "the moon", "a violin", "a harbour", "wool", "a map", "salt")  # fmt: skip
PASSAGE = (
    "The lighthouse stands on a rock a mile from the coast. Before there was electricity, a keeper lived there with "
    "his family, and every evening he climbed the stairs to light the lamp. The lens was made of glass rings that "
    "bent the light into a narrow beam, so that ships could see it from twenty miles away. In winter the sea was "
    "often too rough for a boat, and the family had to live on what they had stored: flour, salted fish, potatoes "
    "and tea. When the lamp was changed to run on its own, the last keeper moved to the village. He said that he "
    "could not sleep at first, because the nights were so quiet and so dark. Today the tower is a museum, and "
    "visitors may climb to the top and look out over the water."
)


def measure() -> list[dict[str, Any]]:
    """Return speed, memory, size and quality of each precision and engine."""
    try:
        packages.weights_of(CATALOGUE[SMOLLM2])
    except FlowError as error:
        return [why_not("SmolLM2-135M-Instruct", str(error))]
    rows = []
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "LLM_FLOWS_HOME": home, "OMP_NUM_THREADS": "1"}
        for name in (*PRECISIONS, PACKED, LLAMA_CPP):
            found = _run(name, home, environment)
            emulated = name == "bf16" and not hardware.processor_has_bf16()
            called = f"{name}{' (emulated)' * emulated}"
            if "reason" in found:
                rows.append(why_not(called, found["reason"]))
            rows += [plain(f"{called}: {what}", *value) for what, value in found.items() if what != "reason"]
    return rows


def _run(name: str, home: str, environment: dict[str, str]) -> dict[str, Any]:
    words = [sys.executable, "-m", "tests.bench.bench_gguf", name, home]
    try:
        said = subprocess.run(
            words, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True, timeout=LONGEST_S
        ).stdout
    except subprocess.TimeoutExpired:
        return {"reason": f"it had not ended after {LONGEST_S} s"}
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def work(name: str, home: str) -> dict[str, Any]:
    """Do one row; return what was measured, or the reason why it does not run here."""
    try:
        file = files.gguf_file(SMOLLM2)
        if name == LLAMA_CPP:
            return _by_llama_cpp(file, Path(home))
        return _packed(file, Path(home)) if name == PACKED else _by_torch(name, Path(home))
    except FlowError as error:
        return {"reason": str(error)}


def _by_torch(precision: Any, home: Path) -> dict[str, Any]:
    from tasks.models.generators import client
    from tasks.models.generators import load as generators
    from tasks.models.generators import local as local_model

    hardware.processor_has_bf16 = lambda: True  # type: ignore[assignment]  # torch emulates it where there is none
    folder = files.locate(SMOLLM2).folder  # unpacked by the first row
    config = LocalModel(model=SMOLLM2, precision=precision, device="cpu", batch_size=PROMPTS)
    described = generators.describe(config)
    import transformers.generation  # noqa: F401  # loaded beforehand, for they are no part of a model's memory

    before = forget_peak()
    engine = local_model.engine(described, config)
    ask = client.replies(described, Sampling(max_tokens=NEW), config, use_cache=False, engine=engine)
    found = {}
    for rows in (1, PROMPTS):
        engine.config = config.model_copy(update={"batch_size": rows})
        found[rows] = _tokens_a_second(lambda: sum(r.completion_tokens for r in ask(_requests())), _own_seconds)
    most = peak()
    return _facts(found, most - before, folder / "model.safetensors") | _judged(engine.decoder.model, folder, home)


def _packed(file: Path, home: Path) -> dict[str, Any]:
    import torch
    import transformers.generation  # noqa: F401  # as above
    from transformers import AutoModelForCausalLM

    folder = gguf.tokenizer_of(file).folder
    tokenizer = chat_template.load_tokenizer(folder)
    prompts = [chat_template.render(tokenizer, request.messages) for request in _requests()]
    before = forget_peak()
    model: Any = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32).eval()

    def generate(rows: int) -> int:
        new = 0
        for at in range(0, PROMPTS, rows):
            given = tokenizer(prompts[at : at + rows], return_tensors="pt", padding=True, padding_side="left")
            with torch.inference_mode():
                made = model.generate(**given, max_new_tokens=NEW, do_sample=False)
            new += int((made[:, given["input_ids"].shape[1] :] != tokenizer.pad_token_id).sum())
        return new

    found = {rows: _tokens_a_second(lambda rows=rows: generate(rows), _own_seconds) for rows in (1, PROMPTS)}
    most = peak()
    return _facts(found, most - before, file) | _judged(model, folder, home)


def _by_llama_cpp(file: Path, home: Path) -> dict[str, Any]:
    from tasks.models.generators import client, llama_cpp
    from tasks.models.generators import load as generators

    config = LlamaCppModel(model=SMOLLM2, context=1_024)
    described = generators.describe(config)
    engine = llama_cpp.engine(described, config)
    ask = client.replies(described, Sampling(max_tokens=NEW), config, use_cache=False, engine=engine)
    child = psutil.Process(engine.process.process.pid)

    def seconds() -> float:
        times = child.cpu_times()
        return _own_seconds() + times.user + times.system

    found = {1: _tokens_a_second(lambda: sum(r.completion_tokens for r in ask(_requests())), seconds)}
    status = Path(f"/proc/{child.pid}/status").read_text("ascii")
    most = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1e3
    slots = {f"tokens a CPU second, {PROMPTS} slots, which the engine does not take": (_slots(file), "tokens/s")}
    ids = engine.tokenizer(PASSAGE, add_special_tokens=False)["input_ids"]
    losses, first = [], []
    for at in range(1, len(ids)):
        body = {"prompt": ids[:at], "n_predict": 1, "n_probs": 1, "logit_bias": [[ids[at], 1e6]], "cache_prompt": True}
        (place,) = engine.process.ask("/completion", body)["completion_probabilities"]
        losses.append(-place["logprob"])
        first.append(place["top_logprobs"][0]["id"])
    return _facts(found, most, file) | slots | _quality(losses, first, home)


def _slots(file: Path) -> float:
    """Return the tokens a CPU second of a server of llama.cpp that answers many at once."""
    import httpx

    from tests.tasks.models.openai_servers import llama_cpp_server

    with llama_cpp_server(file, "key", slots=PROMPTS, context=256) as address:
        (child,) = (p for p in psutil.Process().children() if "-c" in p.cmdline())

        def one(request: Request) -> int:
            body = {"messages": [{"role": "user", "content": request.messages[0].content}], "temperature": 0}
            stated = httpx.post(
                f"{address}/chat/completions", json={**body, "max_tokens": NEW}, timeout=LONGEST_S,
                headers={"Authorization": "Bearer key"},
            ).json()  # fmt: skip
            return int(stated["usage"]["completion_tokens"])

        def everything() -> int:
            with ThreadPoolExecutor(PROMPTS) as pool:
                return sum(pool.map(one, _requests()))

        return _tokens_a_second(everything, lambda: child.cpu_times().user + child.cpu_times().system)


def _requests() -> list[Request]:
    return [Request((Message("user", f"Write one sentence about {subject}."),)) for subject in SUBJECTS]


def _tokens_a_second(generate: Callable[[], int], seconds: Callable[[], float]) -> float:
    before = seconds()
    return generate() / (seconds() - before)


def _own_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _facts(speed: dict[int, float], memory: float, file: Path) -> dict[str, tuple[float, str]]:
    called = {1: "one prompt at a time", PROMPTS: f"{PROMPTS} prompts a batch"}
    return {
        **{f"tokens a CPU second, {called[rows]}": (found, "tokens/s") for rows, found in speed.items()},
        "peak memory": (memory, "MB"),
        "file": (file.stat().st_size / 1e6, "MB"),
    }


def _judged(model: Any, folder: Path, home: Path) -> dict[str, Any]:
    import torch

    ids = torch.tensor([chat_template.load_tokenizer(folder)(PASSAGE, add_special_tokens=False)["input_ids"]])
    with torch.inference_mode():
        shares = model(ids).logits[0, :-1].float().log_softmax(1)
    losses = -shares.gather(1, ids[0, 1:, None])[:, 0]
    return _quality(losses.tolist(), shares.argmax(1).tolist(), home)


def _quality(losses: list[float], first: list[int], home: Path) -> dict[str, Any]:
    """Return the loss a token, and how many likeliest tokens are those of fp32, which is the first to ask."""
    expected = home / "first.json"
    if not expected.exists():
        expected.write_text(json.dumps(first), "ascii")
    same = sum(a == b for a, b in zip(first, json.loads(expected.read_text("ascii")), strict=True))
    low, high = wilson(same, len(first))
    return {
        f"NLL a token, {len(losses)} tokens": (sum(losses) / len(losses), ""),
        f"first token as in fp32 ({low:.3f} to {high:.3f}, n={len(first)})": (same / len(first), ""),
    }


if __name__ == "__main__":
    print(json.dumps(work(*sys.argv[1:])))
