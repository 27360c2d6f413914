"""One greedy chain of a real model, ten questions, four ways: here, and behind two servers that others wrote.

Two ways run the same weights in 32 bits and say the same. llama.cpp multiplies in the bits of the file and rounds what
it multiplies with to 8 bits, so its replies part from theirs where two tokens are nearly as likely; through its server
and as an engine it says the same.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.chain import ChainStep, Steps
from configs.flows import PromptChain
from configs.generators import LanguageModel, LlamaCppModel, LocalModel, ModelServer, Sampling
from configs.models import CATALOGUE, SMOLLM2
from flows.prompt_chain import run_method
from tasks.chain import make_handle, take_problems
from tasks.data.chains import ModelCall
from tasks.data.messages import Message, Request
from tasks.errors import ModelError
from tasks.models import chat_template, files
from tasks.models.generators import llama_cpp
from tasks.models.generators import local as local_model
from tasks.models.generators import server as model_server
from tasks.store import objects, packages
from tests.bench.bench_gguf import PASSAGE
from tests.tasks.models.openai_servers import (
    llama_cpp_server,
    needs_llama_cpp,
    needs_transformers,
    transformers_server,
)

try:
    WHY_NO_MODEL = "" if packages.weights_of(CATALOGUE[SMOLLM2]) else "no file"
except ModelError as absent:
    WHY_NO_MODEL = str(absent)
pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1_800),
    pytest.mark.usefixtures("without_prefect"),
    pytest.mark.skipif(bool(WHY_NO_MODEL), reason=WHY_NO_MODEL),
    needs_llama_cpp,
]
QUESTIONS = ["a lighthouse keeper", "a night train", "two rivals who bake bread", "a lost dog", "the last apple tree",
             "a letter that came too late", "a robot that paints", "a storm at sea", "an honest thief",
             "a library at midnight"]  # fmt: skip
CHAIN = Steps(
    name="story",
    steps=(ChainStep(name="title", prompt="story-title"), ChainStep(name="character", prompt="story-character")),
)
KEY, NEW, PREFIXES = "sk-of-the-tests", 24, 19


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the model as a folder of transformers, its weights taken out of the bits of the file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLM_FLOWS_HOME", str(tmp_path_factory.mktemp("smollm2")))
        return files.locate(SMOLLM2).folder


@pytest.fixture
def llama_cpp_address(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv(model_server.KEY, KEY)
    file = files.gguf_file(SMOLLM2)
    with llama_cpp_server(file, KEY, context=1_024) as address:
        yield address


def say(model: LanguageModel, tmp_path: Path) -> list[ModelCall]:
    """Return what was asked and replied in both steps of the chain."""
    table = tmp_path / "questions.jsonl"
    table.write_text("".join(f'{{"question": "{q}", "answer": "x"}}\n' for q in QUESTIONS), "utf-8")
    config = PromptChain(methods=(CHAIN,), generator=model, sampling=Sampling(max_tokens=NEW))
    done = run_method(CHAIN, take_problems(None, str(table), None), {model: make_handle(model)}, config)
    return [call for one in done.steps for call in objects.load_rows(one.linked.calls, ModelCall)]


def facts(calls: list[ModelCall]) -> list[tuple[str, str, str, int, int]]:
    return [(c.prompt, c.reply, c.finish, c.prompt_tokens, c.completion_tokens) for c in calls]


@needs_transformers
def test_a_chain_is_the_same_here_and_behind_transformers_serve(whole: Path, home: Path, tmp_path: Path) -> None:
    here = say(LocalModel(model=str(whole), precision="fp32", device="cpu"), tmp_path)
    with transformers_server(whole) as address:
        there = say(ModelServer(base_url=address, model=str(whole), concurrency=1, timeout_s=600), tmp_path)
    assert len(here) == len(CHAIN.steps) * len(QUESTIONS)
    assert facts(there) == facts(here)


def test_a_chain_is_the_same_by_llama_cpp_here_and_behind_its_server(llama_cpp_address: str, tmp_path: Path) -> None:
    here = say(LlamaCppModel(model=SMOLLM2), tmp_path)
    there = say(ModelServer(base_url=llama_cpp_address, model="smollm2", concurrency=1, timeout_s=600), tmp_path)
    assert len(here) == len(CHAIN.steps) * len(QUESTIONS)
    assert facts(there) == facts(here)


def test_llama_cpp_parts_from_32_bits_where_two_tokens_are_nearly_as_likely(
    whole: Path, home: Path, tmp_path: Path
) -> None:
    whole_bits = say(LocalModel(model=str(whole), precision="fp32", device="cpu"), tmp_path)[: len(QUESTIONS)]
    few_bits = say(LlamaCppModel(model=SMOLLM2), tmp_path)[: len(QUESTIONS)]
    assert [(c.prompt, c.prompt_tokens) for c in whole_bits] == [(c.prompt, c.prompt_tokens) for c in few_bits]
    margins, parted = [], {}
    for number, (one, other) in enumerate(zip(whole_bits, few_bits, strict=True)):
        own, ours, theirs = margins_of(whole, one), tokens_of(whole, one.reply), tokens_of(whole, other.reply)
        at = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
        if at is not None:
            parted[number] = (at, float(own[at]))
        margins += own[: len(ours) if at is None else at].tolist()
    assert len(margins) > len(QUESTIONS)  # they share some tokens of their replies
    assert all(margin < np.median(margins) for _, margin in parted.values())


def test_the_likeliest_token_and_the_loss_of_a_passage_are_those_of_llama_cpp(whole: Path, home: Path) -> None:
    import torch

    config, ids = LlamaCppModel(), tokens_of(whole, PASSAGE)
    asked = llama_cpp.engine(llama_cpp.describe(config), config).process
    here = LocalModel(model=str(whole), precision="fp32", device="cpu")
    model = local_model.engine(local_model.describe(here), here).decoder.model
    with torch.inference_mode():
        logits = model(torch.tensor([ids])).logits[0]
    ends = [round(number * len(ids) / (PREFIXES + 1)) for number in range(1, PREFIXES + 1)]
    likeliest = [asked.ask("/completion", body(ids[:end]))["tokens"][0] for end in ends]
    assert likeliest == [int(logits[end - 1].argmax()) for end in ends]
    own = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none").numpy()
    theirs = [loss_of(asked.ask("/completion", body(ids[:end], ids[end]))) for end in range(1, len(ids), 4)]
    assert abs(own[::4].mean() - np.mean(theirs)) < 0.05
    assert np.corrcoef(own[::4], theirs)[0, 1] > 0.99


def body(prompt: list[int], next_token: int | None = None) -> dict[str, Any]:
    """Return what llama.cpp is asked for the likeliest token, or for the probability of one."""
    wanted = {} if next_token is None else {"logit_bias": [[next_token, 1e6]], "n_probs": 1}
    return {"prompt": prompt, "n_predict": 1, "temperature": 0, "return_tokens": True, **wanted}


def loss_of(stated: dict[str, Any]) -> float:
    return -float(stated["completion_probabilities"][0]["logprob"])


def tokens_of(folder: Path, text: str) -> list[int]:
    return list(chat_template.load_tokenizer(folder)(text, add_special_tokens=False)["input_ids"])


def margins_of(folder: Path, call: ModelCall) -> Any:
    """Return by how much the first token was likelier than the second, in logits, for each token of a reply."""
    import torch

    config = LocalModel(model=str(folder), precision="fp32", device="cpu")
    engine = local_model.engine(local_model.describe(config), config)
    _, _, content = call.prompt.partition("# user\n")  # as `shown` writes the one turn there is
    prompt, reply = engine.prompt(Request((Message("user", content),))), tokens_of(folder, call.reply)
    assert len(prompt) == call.prompt_tokens
    with torch.inference_mode():
        logits = engine.decoder.model(torch.tensor([[*prompt, *reply]])).logits[0, len(prompt) - 1 : -1]
    first, second = logits.topk(2).values.T
    return (first - second).numpy()
