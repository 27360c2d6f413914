"""What a server refuses is put in another way once, and so for the rest of the run."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.generators import ModelServer, Sampling
from tasks.data.messages import Message, Request
from tasks.errors import ContractError
from tasks.models.generators import client
from tasks.models.generators import load as generators
from tasks.models.generators import server as model_server
from tasks.models.generators.dialect import advice_on
from tests.tasks.models.chat_server import ChatServer, Fault, served


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.delenv(model_server.KEY, raising=False)
    with served() as running:
        yield running


def refusal(message: str, param: str | None = None) -> Fault:
    return 400, {}, json.dumps({"error": {"message": message, "param": param}}).encode()


def client_of(server: ChatServer) -> client.CachedGenerator:
    config = ModelServer(base_url=server.base_url, model="o", concurrency=1)
    return client.replies(generators.describe(config), Sampling(max_tokens=9, temperature=0.5), config)


def asked(text: str) -> Request:
    return Request((Message("system", "Be brief."), Message("user", text)))


def test_settings_and_roles_that_are_refused_are_put_otherwise_asked_once_more_and_remembered(
    server: ChatServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.faults["a"] = [
        refusal("'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "max_tokens"),
        refusal("Unsupported value: 'temperature' does not support 0.5; only the default (1) is", "temperature"),
        refusal("Unsupported value: 'messages[0].role' does not support 'system'; use 'developer'", "messages"),
    ]
    first, second = client_of(server)([asked("a"), asked("b")])
    assert (first.text, second.text, len(server.asked)) == ("A", "B", 5)
    for body in server.asked[3:]:
        assert body["max_completion_tokens"] == 9
        assert not {"max_tokens", "temperature"} & set(body)
        assert [m["role"] for m in body["messages"]] == ["developer", "user"]
    assert "max_completion_tokens is sent in place of max_tokens" in caplog.text
    (note,) = first.notes
    assert note.endswith("temperature is left out, and replies are drawn as the server does without it")
    assert [reply.notes for reply in client_of(server)([asked("a")])] == [first.notes]  # from the reply cache too


def test_a_template_without_a_system_role_gets_its_words_in_the_first_message(server: ChatServer) -> None:
    server.faults["a"] = [refusal("System role not supported")]
    server.say = lambda body: "yes"
    client_of(server)([asked("a")])
    assert server.asked[-1]["messages"] == [{"role": "user", "content": "Be brief.\n\na"}]


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        (
            "max_tokens: is too large: 9. This model supports at most 4 completion tokens",
            "change sampling.max_tokens (of answers answer.sampling.max_tokens)",
        ),
        (
            "This model's maximum context length is 100 tokens",
            "lower sampling.max_tokens (of answers answer.prompt_tokens or",
        ),
        ("response_format: json_schema is not supported", "change what asks for a form"),
        ("The image is torn", "change the prompt beginning 'a'"),
    ],
)
def test_a_refusal_names_the_setting_that_helps(server: ChatServer, said: str, advice: str) -> None:
    server.faults["a"] = [refusal(said)]
    with pytest.raises(ContractError, match="answers 400") as refused:
        client_of(server)([asked("a")])
    assert str(refused.value).partition("; ")[2].startswith(advice)
    assert (advice in advice_on(said)) is not advice.startswith("change the prompt")
    assert len(server.asked) == 1
