"""The engine for servers, against two that others wrote: llama.cpp's and `transformers serve`.

They serve a small model made on the spot. What a real model says through each of three ways is compared in
`tests/tasks/chain/test_three_ways.py`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from configs.generators import LanguageModel, LlamaCppModel, LocalModel, ModelServer, Sampling
from tasks.data.messages import Message, Reply, Request, ResponseFormat
from tasks.errors import RemoteError
from tasks.models.generators import client, response_format
from tasks.models.generators import load as generators
from tasks.models.generators import server as model_server
from tests.tasks.models import language_models
from tests.tasks.models.openai_servers import (
    llama_cpp_server,
    needs_llama_cpp,
    needs_transformers,
    transformers_server,
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("home")]
TEXTS = ["Once upon a time", "the lamp", "bread is baked at four", "yes or no?", "a"]
KEY, SLOTS = "sk-of-the-tests", 4


@pytest.fixture(scope="session")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_models.save_causal(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="session")
def file(chat: Path) -> Path:
    return language_models.save_gguf(chat, chat / "model.gguf", stored="Q8_0")


@pytest.fixture(scope="session")
def llama_cpp(file: Path) -> Iterator[str]:
    with llama_cpp_server(file, KEY, slots=SLOTS) as address:
        yield address


@pytest.fixture(scope="session")
def transformers(chat: Path) -> Iterator[str]:
    with transformers_server(chat) as address:
        yield address


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(model_server.KEY, KEY)


def asked(text: str, wanted: ResponseFormat | None = None) -> Request:
    return Request((Message("system", "Be brief."), Message("user", text)), wanted)


def say(config: LanguageModel, requests: list[Request], *, fix: bool = True, **sampling: Any) -> list[Reply]:
    given = Sampling(**{"max_tokens": 30, **sampling})
    return client.replies(generators.describe(config), given, config, use_cache=False, fix=fix)(requests)


def facts(replies: list[Reply]) -> list[tuple[str, str, int, int]]:
    """Return text, finish and counts of replies; a character of which only a part had come is left out."""
    return [(r.text.rstrip("\ufffd"), r.finish, r.prompt_tokens, r.completion_tokens) for r in replies]


def served(address: str, **options: Any) -> ModelServer:
    return ModelServer(base_url=address, model="small", **options)


@pytest.mark.long
@needs_transformers
def test_transformers_serves_the_texts_finish_reasons_and_counts_of_the_local_model(
    chat: Path, transformers: str
) -> None:
    requests = [asked(text) for text in TEXTS]
    local = facts(say(LocalModel(model=str(chat), precision="fp32"), requests))
    there = ModelServer(base_url=transformers, model=str(chat), concurrency=1)
    assert facts(say(there, requests)) == local
    assert {finish for _, finish, _, _ in local} == {"stop", "length"}


@pytest.mark.long
@needs_transformers
def test_what_transformers_serves_ends_before_a_stop_text(chat: Path, transformers: str) -> None:
    there = ModelServer(base_url=transformers, model=str(chat), concurrency=1)
    (whole,) = say(there, [asked("the lamp")])
    stop = whole.text[6:9]
    (cut,) = say(there, [asked("the lamp")], stop=(stop,))
    assert (cut.text, cut.finish) == (whole.text[: whole.text.index(stop)], "stop")


@needs_llama_cpp
def test_llama_cpp_serves_the_texts_finish_reasons_and_counts_of_the_engine_here(file: Path, llama_cpp: str) -> None:
    requests = [asked(text) for text in TEXTS]
    here = facts(say(LlamaCppModel(model=str(file)), requests))
    assert facts(say(served(llama_cpp, concurrency=1), requests)) == here


@needs_llama_cpp
def test_requests_at_once_each_get_their_own_reply(llama_cpp: str) -> None:
    requests = [asked(f"question {number}", ResponseFormat("choice", choices=(str(number),))) for number in range(24)]
    replies = say(served(llama_cpp, concurrency=2 * SLOTS), requests, max_tokens=60)
    assert [reply.text for reply in replies] == [str(number) for number in range(24)]
    assert {reply.attempts for reply in replies} == {1}


@needs_llama_cpp
def test_a_stop_text_ends_a_reply_and_is_no_part_of_it(llama_cpp: str) -> None:
    (whole,) = say(served(llama_cpp), [asked("the lamp")])
    stop = whole.text[6:9]
    (cut,) = say(served(llama_cpp), [asked("the lamp")], stop=(stop,))
    assert (cut.text, cut.finish) == (whole.text[: whole.text.index(stop)], "stop")
    assert cut.completion_tokens < whole.completion_tokens


@needs_llama_cpp
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_forms_are_kept_to(llama_cpp: str, temperature: float) -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}, "kind": {"enum": ["lamp", "bread"]}},
              "required": ["ok", "kind"], "additionalProperties": False}  # fmt: skip
    forms = (
        ResponseFormat("choice", choices=("yes", "no", 'maybe "so"')),
        ResponseFormat("regex", "[A-C]{2}-[0-9]{2}"),
        response_format.schema_format(schema),
    )
    replies = say(
        served(llama_cpp), [asked(text, form) for form in forms for text in TEXTS], temperature=temperature,
        max_tokens=200, fix=False,
    )  # fmt: skip
    ended = [
        (form, reply)
        for form, reply in zip([form for form in forms for _ in TEXTS], replies, strict=True)
        if reply.finish == "stop"  # JSON may have spaces without end, which a model that knows nothing may write
    ]
    assert [response_format.fault(form, reply) for form, reply in ended] == [""] * len(ended)
    assert len(ended) > len(replies) / 2
    assert all(json.loads(reply.text)["kind"] in ("lamp", "bread") for form, reply in ended if form.kind == "schema")


@needs_llama_cpp
def test_a_wrong_key_is_refused_and_the_way_out_is_said(llama_cpp: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("sk-wrong", ""):
        monkeypatch.setenv(model_server.KEY, wrong)
        with pytest.raises(RemoteError, match=r"answers 401 .*Invalid API Key.*LLM_FLOWS_GENERATOR_KEY"):
            say(served(llama_cpp), [asked("a")])


@needs_llama_cpp
def test_a_prompt_that_the_context_does_not_hold_is_refused_by_its_beginning(llama_cpp: str) -> None:
    with pytest.raises(
        ValueError, match=r"exceeds the available context size.*lower sampling.max_tokens .*answer.prompt_tokens"
    ):
        say(served(llama_cpp), [asked("word " * 700)])


@needs_llama_cpp
def test_a_thought_that_a_template_opened_stands_apart_by_both_engines(tmp_path: Path) -> None:
    folder = language_models.save_reasoning(tmp_path / "reasons")
    file = language_models.save_gguf(folder, folder / "model.gguf")
    here = say(LocalModel(model=str(folder), precision="fp32"), [asked("the lamp")])
    here += say(LlamaCppModel(model=str(file)), [asked("the lamp")])
    assert [(reply.text, reply.finish, reply.estimated) for reply in here] == [("", "length", False)] * 2
    assert all(reply.reasoning for reply in here)
    assert here[0].reasoning == here[1].reasoning


@pytest.mark.long
@needs_llama_cpp
def test_a_template_without_a_system_role_is_asked_without_one(tmp_path: Path) -> None:
    folder = language_models.save_causal(tmp_path / "strict")
    template = folder / "chat_template.jinja"
    refusing = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    template.write_text(refusing + template.read_text("utf-8"), "utf-8")
    file = language_models.save_gguf(folder, folder / "model.gguf")
    with llama_cpp_server(file, KEY) as address:
        (reply,) = say(served(address, concurrency=1, retries=0), [asked("the lamp")])
    assert reply.completion_tokens
