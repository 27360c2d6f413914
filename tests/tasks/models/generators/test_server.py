import base64
import json
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
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
from tasks.store import spending
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
    made = client_of(server)([asked("a"), asked("b"), asked("c")])
    assert [(r.finish, r.text) for r in made] == [("stop", "A"), ("refused", "not these words"), ("stop", "C")]
    assert made[1].silence == "the server refuses to answer: not these words"
    assert server.paid == {"a": 1, "c": 1}
    (again,) = client_of(server)([asked("b")])
    assert (again.text, again.cached) == ("B", False)  # what cost nothing is not kept: the filter may be another one


def test_a_content_filter_refuses_the_only_prompt_without_an_end_of_the_run(server: ChatServer) -> None:
    server.faults["b"] = [(400, {}, b'{"error": {"message": "triggers our content management policy"}}')]
    (reply,) = client_of(server)([asked("b")])
    assert (reply.finish, reply.text) == ("refused", "triggers our content management policy")


@pytest.mark.parametrize("said", [b"not these words", b"invalid param: stop"])
def test_a_server_that_refuses_every_prompt_or_a_setting_ends_the_run(server: ChatServer, said: bytes) -> None:
    server.faults["b"] = [(400, {}, said)]
    with pytest.raises(ContractError, match=rf"answers 400 .{said.decode()}.*; change"):
        client_of(server)([asked("b")])


def test_the_key_goes_into_the_header_and_into_no_message(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(model_server.KEY, "sk-secret")
    server.faults["b"] = [(401, {}, b"no: sk-secret")]
    ask = client_of(server)
    ask([asked("a")])
    with pytest.raises(RemoteError, match=r"no: \[key\].*LLM_FLOWS_GENERATOR_KEY") as caught:
        ask([asked("b")])
    assert server.keys == ["Bearer sk-secret"] * 2
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize(
    "spelt",
    ["sk-a/b+c", r"sk-a\/b+c", "sk-a%2Fb%2bc", "sk-a%252Fb%252Bc", r"sk-a\u002fb\u002Bc", r"\u0073k-a\\/b+c",
     "sk-a&#47;b&#x2B;c"],
)  # fmt: skip
def test_a_key_is_hidden_in_every_spelling(server: ChatServer, monkeypatch: pytest.MonkeyPatch, spelt: str) -> None:
    monkeypatch.setenv(model_server.KEY, "sk-a/b+c")
    server.faults["a"] = [(401, {}, f"no: {spelt} is unknown".encode())]
    with pytest.raises(RemoteError, match=r"\(no: \[key\] is unknown\)"):
        client_of(server)([asked("a")])


def test_a_filter_that_only_the_code_names_costs_its_prompt_alone(server: ChatServer) -> None:
    error = {"message": "The response was withheld", "code": "content_filter", "param": "prompt"}
    server.faults["a"] = [(400, {}, json.dumps({"error": error}).encode())]
    assert client_of(server)([asked("a")])[0].finish == "refused"


LONG_KEY = "sk-q7/Zw+4xY=9Lm"


@pytest.mark.parametrize(
    "spelt",
    [LONG_KEY.upper(), LONG_KEY.encode().hex(), *(base64.b64encode(before + LONG_KEY.encode()).decode()
     for before in (b"", b"u:", b"me:"))],
)  # fmt: skip
def test_an_encoded_key_is_hidden(server: ChatServer, monkeypatch: pytest.MonkeyPatch, spelt: str) -> None:
    monkeypatch.setenv(model_server.KEY, LONG_KEY)
    server.faults["a"] = [(401, {}, f"no: {spelt} is unknown".encode())]
    with pytest.raises(RemoteError, match=r"\(no: \S{0,6}\[key\]\S{0,4} is unknown\)"):
        client_of(server)([asked("a")])


def test_a_key_that_is_cut_by_the_end_of_an_excerpt_is_hidden(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(model_server.KEY, LONG_KEY)
    spelt = "".join(f"&#{ord(sign):04};" for sign in LONG_KEY)
    server.faults["a"] = [(401, {}, (spelt * 20).encode())]
    with pytest.raises(RemoteError) as caught:
        client_of(server)([asked("a")])
    assert "&#" not in str(caught.value)


def test_a_key_in_a_reply_is_not_kept(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(model_server.KEY, LONG_KEY)
    said = {"message": {"role": "assistant", "content": f"It is {LONG_KEY}."}, "finish_reason": "stop"}
    server.faults["a"] = [(200, {}, json.dumps({"choices": [said]}).encode())]
    reply = client_of(server)([asked("a")])[0]
    assert reply.text == "It is [key]."
    assert "the key of the server in the reply, each shown as [key]: 1" in reply.notes


def test_a_short_key_is_left_in_a_reply(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(model_server.KEY, "none")
    said = {"message": {"role": "assistant", "content": "There is none."}, "finish_reason": "stop"}
    server.faults["a"] = [(200, {}, json.dumps({"choices": [said]}).encode())]
    assert client_of(server)([asked("a")])[0].text == "There is none."


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


def test_all_that_ask_in_a_run_share_what_it_may_cost(server: ChatServer) -> None:
    with spending.shared() as spent:
        client_of(server, budget_tokens=60)([asked("a")])  # costs 10 tokens, at most 43 while it is under way
        client_of(server)([asked("b")])  # without a cap of its own
        with pytest.raises(BudgetError, match="budget_tokens is 60, 20 are spent and a request may take 43"):
            client_of(server, budget_tokens=60)([asked("c")])
        with ThreadPoolExecutor(4) as pool:
            prompts = [asked(f"prompt {number}") for number in range(20)]
            many = [
                pool.submit(copy_context().run, client_of(server, budget_tokens=200), prompts[start:20:4])
                for start in range(4)
            ]
            failed = [future.exception() for future in many]
    assert any(isinstance(error, BudgetError) for error in failed)
    assert 150 <= spent.tokens == 10 * sum(server.paid.values()) <= 200
    assert spent.stated()["budget_tokens remaining"] == 200 - spent.tokens
    with spending.shared() as other:
        assert other.tokens == 0


@pytest.mark.parametrize(
    ("fault", "tokens"),
    [
        ((200, {}, b'{"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 1}}'), 6),
        ((200, {}, b"<html>"), 43),
        ((503, {}, b"busy"), 0),
        ("drip", 43),
    ],
)
def test_what_may_have_been_paid_for_is_never_free(server: ChatServer, fault: Any, tokens: int) -> None:
    server.faults["a"] = [fault]
    with spending.shared() as spent:
        client_of(server, timeout_s=0.2)([asked("a")])
    assert spent.tokens == tokens + 10
    server.faults["b"] = [fault] * 9
    with pytest.raises(BudgetError if tokens else RemoteError):
        client_of(server, timeout_s=0.1, retries=3, budget_tokens=45)([asked("b")])


def test_a_server_that_sends_headers_for_ever_is_given_up_at_the_deadline(server: ChatServer) -> None:
    server.faults["a"] = ["drip"] * 2
    began = time.monotonic()
    with pytest.raises(RemoteError, match=r"does not answer .ReadTimeout.*asked 2 times"):
        client_of(server, timeout_s=0.2, retries=1)([asked("a")])
    assert 0.4 <= time.monotonic() - began < 5


def test_half_a_character_is_replaced_said_and_kept(server: ChatServer) -> None:
    server.say = lambda body: "a\ud800b"
    (reply,) = client_of(server)([asked("a")])
    assert (reply.text, reply.prompt_tokens) == ("a\ufffdb", 7)
    assert "in the reply, each shown as \ufffd: 1" in reply.notes[0]
    (again,) = client_of(server)([asked("a")])
    assert (again.cached, again.text) == (True, "a\ufffdb")
    server.say = lambda body: '{"word": "a\\\\ud800"}'.replace("\\\\", "\\")
    (reply,) = client_of(server)([asked("b", ResponseFormat("schema", '{"type": "object"}'))])
    assert json.loads(reply.text) == {"word": "a\ufffd"}


def test_a_refusal_with_half_a_character_is_one_sentence(server: ChatServer) -> None:
    server.faults["a"] = [(400, {}, b'{"error": {"message": {"no": "\\ud800"}}}')]
    with pytest.raises(ContractError, match=r'answers 400 \(\{"no": "\ufffd"\}\)'):
        client_of(server)([asked("a")])


@pytest.mark.parametrize("count", [10**30, 1e30, True, -1, "7", None])
def test_a_count_that_cannot_be_one_counts_as_not_stated(server: ChatServer, count: Any) -> None:
    server.usage = {"prompt_tokens": count, "completion_tokens": 3}
    (reply,) = client_of(server)([asked("a")])
    assert (reply.prompt_tokens, reply.completion_tokens, reply.estimated) == (33, 10, True)


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
