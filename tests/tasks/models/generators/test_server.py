import json
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from configs.generators import ModelServer, Prices, Sampling
from tasks.data.messages import Message, Request, ResponseFormat
from tasks.errors import BudgetError, ContractError, RemoteError, ReplyError
from tasks.models.generators import client
from tasks.models.generators import load as generators
from tasks.models.generators import server as model_server
from tasks.models.generators.client import CachedGenerator
from tasks.models.generators.server import ServerEngine
from tasks.models.openai_http import Patience
from tests.tasks.models.chat_server import ChatServer, served

FAULTS = [(429, {"Retry-After": "7"}, b"busy"), (500, {}, b"oh"), (503, {}, b""), "reset", (200, {}, b"<html>hello"),
          (200, {}, b'{"choices": []}'), (408, {}, b"late")]  # fmt: skip


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.delenv(model_server.KEY, raising=False)
    with served() as running:
        yield running


class Waits:
    """Keeps what would have been slept."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.turn = threading.Lock()

    def __call__(self, seconds: float) -> None:
        with self.turn:
            self.seconds.append(seconds)


def client_of(
    server: ChatServer, waits: Waits | None = None, sampling: Sampling | None = None, **options: Any
) -> CachedGenerator:
    config = ModelServer(base_url=server.base_url, model="small", **options)
    described = generators.describe(config)
    engine = ServerEngine(described, config, Patience(sleep=waits or Waits()))
    return client.replies(described, sampling or Sampling(max_tokens=10), config, engine=engine)


def asked(text: str, response_format: ResponseFormat | None = None) -> Request:
    return Request((Message("user", text),), response_format)


@pytest.mark.slow
def test_five_hundred_prompts_through_a_bad_network_none_lost_none_paid_twice(server: ChatServer) -> None:
    chance, waits = random.Random(0), Waits()
    prompts = [f"prompt {number}" for number in range(500)]
    for prompt in prompts:
        server.faults[prompt] = chance.choices(FAULTS, k=chance.choice([0, 0, 1, 1, 2, 3]))
    for prompt in prompts[:3]:
        server.faults[prompt] = ["endless"]
    faults = sum(map(len, server.faults.values()))
    ask = client_of(server, waits, concurrency=8)
    made = ask([asked(prompt) for prompt in prompts])
    assert [reply.text for reply in made] == [prompt.upper() for prompt in prompts]
    assert server.paid == dict.fromkeys(prompts, 1)
    assert len(waits.seconds) == faults == sum(reply.attempts - 1 for reply in made)
    assert max(waits.seconds) <= 60
    assert server.most <= 8
    again = client_of(server)
    assert [r.text for r in again([asked(prompt) for prompt in prompts])] == [prompt.upper() for prompt in prompts]
    assert sum(server.paid.values()) == 500
    assert again.spent.saved_tokens == 500 * 10


def test_waits_double_with_jitter_and_are_never_shorter_than_the_server_asks(server: ChatServer) -> None:
    waits = Waits()
    server.faults["a"] = [
        (500, {}, b""),
        (500, {}, b""),
        (429, {"Retry-After": "30"}, b""),
        (429, {"Retry-After": "900"}, b""),
    ]
    client_of(server, waits)([asked("a")])
    first, second, third, fourth = waits.seconds
    assert 0.5 <= first <= 1.0
    assert 1.0 <= second <= 1.5
    assert 32 <= third <= 32.5
    assert fourth == 60


@pytest.mark.slow
def test_a_server_that_never_answers_is_given_up_and_what_came_is_kept(server: ChatServer) -> None:
    server.faults["b"] = [(500, {}, b"oh")] * 9
    with pytest.raises(RemoteError, match=r"answers 500 .*asked 3 times"):
        client_of(server, retries=2, concurrency=1)([asked("a"), asked("b"), asked("c")])
    made = client_of(server, retries=9)([asked("a"), asked("b"), asked("c")])
    assert [r.cached for r in made] == [True, False, False]
    assert server.paid == {"a": 1, "b": 1, "c": 1}


def test_a_refused_prompt_costs_itself_alone(server: ChatServer) -> None:
    server.faults["b"] = [(400, {}, b"not these words")]
    with pytest.raises(ContractError, match=r"answers 400 .not these words.*beginning 'b'"):
        client_of(server)([asked("a"), asked("b"), asked("c")])
    assert server.paid == {"a": 1, "c": 1}


def test_the_key_goes_into_the_header_and_into_no_message(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(model_server.KEY, "sk-secret")
    server.faults["b"] = [(401, {}, b"no: sk-secret")]
    ask = client_of(server)
    ask([asked("a")])
    with pytest.raises(RemoteError, match=r"no: \[key\].*LLM_FLOWS_GENERATOR_KEY") as caught:
        ask([asked("b")])
    assert server.keys == ["Bearer sk-secret"] * 2
    assert "sk-secret" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "caps", [{"budget_tokens": 200}, {"budget_money": 0.0002, "prices": Prices(completion=1, prompt=1)}]
)
def test_a_budget_is_never_exceeded_and_what_came_is_kept(server: ChatServer, caps: dict[str, Any]) -> None:
    ask = client_of(server, **caps)
    prompts = [asked(f"prompt {number}") for number in range(100)]
    with pytest.raises(BudgetError, match="raise the budget"):
        ask(prompts)
    paid = sum(server.paid.values())
    assert 10 <= paid <= 20  # each costs 10 tokens, at most 51 while it is under way
    assert ask._engine.budget.tokens == paid * 10  # type: ignore[union-attr]
    assert sum(r.cached for r in client_of(server)(prompts)) == paid


def test_a_reply_that_states_no_cost_counts_as_the_most_it_can_be(server: ChatServer) -> None:
    server.usage = None
    (reply,) = client_of(server)([asked("a")])
    assert (reply.prompt_tokens, reply.completion_tokens) == (33, 10)


def test_a_penalty_is_sent_by_the_name_the_server_has_for_it(server: ChatServer) -> None:
    client_of(server)([asked("a")])
    client_of(server, None, Sampling(repetition_penalty=1.2), repetition_penalty_name="repeat_penalty")([asked("a")])
    plain, named = server.asked
    assert plain == {"model": "small", "messages": plain["messages"], "temperature": 0.0, "max_tokens": 10}
    assert named["repeat_penalty"] == 1.2


def test_a_reply_that_goes_round_is_marked_cut_and_counted_and_the_cache_keeps_all_of_it(server: ChatServer) -> None:
    server.say = lambda body: "Sim. " + "N\u00e3o! " * 80
    ask = client_of(server)
    (made,) = ask([asked("a")])
    assert (made.text, made.finish) == ("Sim. N\u00e3o! N\u00e3o!", "repetition")
    assert (ask.spent.repeated, ask.spent.truncated, ask.spent.asked) == (1, 0, 1)
    (again,) = client_of(server)([asked("a")])
    assert (again.text, again.finish, again.cached) == (made.text, "repetition", True)
    (whole,) = client_of(server, None, Sampling(max_tokens=10, end_repetition=False))([asked("a")])
    assert (whole.text.count("N\u00e3o!"), whole.finish) == (80, "stop")


def test_forms_are_asked_for_and_taken_out_of_their_object(server: ChatServer) -> None:
    server.say = lambda body: '{"reply": "yes"}'
    (chosen, matched) = client_of(server)(
        [asked("a", ResponseFormat("choice", choices=("yes", "no"))), asked("b", ResponseFormat("regex", "[a-z]+"))]
    )
    assert (chosen.text, matched.text) == ("yes", "yes")
    schemas = {b["messages"][0]["content"]: b["response_format"]["json_schema"]["schema"] for b in server.asked}
    assert schemas["a"]["properties"]["reply"] == {"type": "string", "enum": ["yes", "no"]}
    assert schemas["b"]["properties"]["reply"] == {"type": "string", "pattern": "^(?:[a-z]+)$"}


def test_several_forms_are_asked_for_within_an_object_which_is_the_root_that_strict_servers_take(
    server: ChatServer,
) -> None:
    forms = [{"type": "object", "properties": {name: {"$ref": "#/$defs/word"}}, "required": [name]} for name in "ab"]
    stated = {"anyOf": forms, "$defs": {"word": {"type": "string"}}}
    server.say = lambda body: '{"reply": {"b": "caf\u00e9"}}'
    (reply,) = client_of(server)([asked("x", ResponseFormat("schema", json.dumps(stated)))])
    assert json.loads(reply.text) == {"b": "caf\u00e9"}
    schema = server.asked[0]["response_format"]["json_schema"]["schema"]
    assert (schema["type"], schema["required"]) == ("object", ["reply"])
    assert schema["properties"]["reply"] == {"anyOf": forms}
    assert schema["$defs"] == stated["$defs"]


def test_a_reply_without_its_form_is_repaired_once_and_then_shown(server: ChatServer) -> None:
    response_format = ResponseFormat(
        "schema", '{"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}'
    )
    server.say = lambda body: '{"n": 3}' if len(body["messages"]) > 1 else '{"n": "three"}'
    (reply,) = client_of(server)([asked("a", response_format)])
    assert reply.text == '{"n": 3}'
    assert "$.n: 'three' is not of type 'integer'" in server.asked[1]["messages"][-1]["content"]
    server.say = lambda body: "I would rather not."
    with pytest.raises(ReplyError, match=r"it is not JSON .*'I would rather not\.'"):
        client_of(server)([asked("b", response_format)])
    with pytest.raises(ReplyError):
        client_of(server)([asked("b", response_format)])
    assert server.paid["b"] == 1  # what is wrong is paid for once as well


def test_who_checks_replies_is_handed_what_has_not_its_form(server: ChatServer) -> None:
    server.say = lambda body: "I would rather not."
    config = ModelServer(base_url=server.base_url, model="small")
    ask = client.replies(generators.describe(config), Sampling(max_tokens=10), config, fix=False)
    (reply,) = ask([asked("a", ResponseFormat("choice", choices=("yes", "no")))])
    assert reply.text == "I would rather not."
    assert len(server.asked) == 1


@pytest.mark.parametrize("address", ["ftp://x/v1", "http://user@x/v1", "http://x/v1?key=1", "http://x:0/v1"])
def test_an_address_that_hides_something_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        ModelServer(base_url=address, model="m")


def test_a_thought_stands_apart_is_kept_and_is_never_sent_back(server: ChatServer) -> None:
    server.say = lambda body: {"content": "<think>13?</think>\n42", "reasoning_content": "Maybe 7."}
    server.usage = None
    (reply,) = client_of(server)([asked("a")])
    assert (reply.text, reply.reasoning, reply.estimated) == ("42", "Maybe 7.\n\n13?", True)
    (again,) = client_of(server)([asked("a")])
    assert (again.text, again.reasoning, again.estimated, again.cached) == ("42", reply.reasoning, True, True)


def test_what_a_server_filters_costs_itself_alone_whichever_way_it_says_so(server: ChatServer) -> None:
    policy = b'{"error": {"message": "The response was filtered due to the content management policy."}}'
    bare = b'{"choices": [{"index": 0, "finish_reason": "content_filter", "content_filter_results": {}}]}'
    server.faults = {"b": [(400, {}, policy)], "c": [(200, {}, bare)]}
    made = client_of(server)([asked("a"), asked("b"), asked("c")])
    assert [reply.finish for reply in made] == ["stop", "refused", "refused"]
    assert "filtered" in made[1].silence
    assert len(server.asked) == 3


def test_a_refusal_costs_itself_alone_and_the_others_are_answered(server: ChatServer) -> None:
    form = ResponseFormat("choice", choices=("yes", "no"))
    words = {"a": {"content": '{"reply":"yes"}'}, "b": {"content": None, "refusal": "No, I cannot."}}
    server.say = lambda body: words[body["messages"][-1]["content"]]
    answered, refused = client_of(server)([asked("a", form), asked("b", form)])
    assert (answered.text, answered.silence) == ("yes", "")
    assert refused.silence == "the server refuses to answer: No, I cannot."
    assert len(server.asked) == 2
