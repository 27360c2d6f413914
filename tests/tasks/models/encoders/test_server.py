import json
import logging
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import ValidationError

from configs.embed import Server
from configs.models import EMBEDDED
from tasks.data.models import Fingerprint
from tasks.errors import ContractError, RemoteError
from tasks.models import files as model_files
from tasks.models.encoders import base as encoder_base
from tasks.models.encoders import load as encoders
from tasks.models.encoders import server as encoder_server
from tasks.models.encoders.base import Meter
from tasks.models.encoders.server import RemoteEngine
from tasks.models.openai_http import Passing, Patience
from tests.tasks.models.chat_server import drip

TEXTS = [f"text number {i}" for i in range(10)]
QUICK = Patience(first_s=0.01)
Embeddings = Any  # the local server of conftest


def mark(server: Embeddings, model: str = "small", **changes: Any) -> Fingerprint:
    """Return the fingerprint of a model of the server; the request for its width is not counted."""
    made = encoders.fingerprint(model, "auto", "auto", Server(base_url=server.base_url, **changes))
    server.asked.clear()
    server.keys.clear()
    return made


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    """Forget the widths of servers that had the same port."""
    encoder_server._width.cache_clear()


def expected(server: Embeddings, texts: list[str]) -> npt.NDArray[np.float64]:
    rows = np.stack([server.vector(text) for text in texts])
    return np.asarray(rows / np.sqrt((rows**2).sum(axis=1, keepdims=True)))


def test_vectors_come_in_the_order_of_the_texts_at_unit_length(embeddings_server: Embeddings) -> None:
    engine, meter = RemoteEngine(mark(embeddings_server, texts=3)), Meter()
    made = engine.encode([*TEXTS, TEXTS[0]], meter)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, expected(embeddings_server, [*TEXTS, TEXTS[0]]), atol=1e-6)
    assert sorted(map(len, embeddings_server.asked)) == [1, 3, 3, 3]
    assert sorted(text for texts in embeddings_server.asked for text in texts) == TEXTS
    assert (meter.tokens, meter.padded, meter.truncated) == (1_000, 1_000, 0)


def test_no_texts_send_no_request(embeddings_server: Embeddings) -> None:
    assert RemoteEngine(mark(embeddings_server)).encode([]).shape == (0, 8)
    assert embeddings_server.asked == []


@pytest.mark.slow
def test_at_most_so_many_requests_are_under_way(embeddings_server: Embeddings) -> None:
    under_way, most = 0, 0
    answer = embeddings_server.answer

    def slow(request: dict[str, Any]) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        time.sleep(0.05)
        under_way -= 1
        return answer(request)

    wanted = mark(embeddings_server, texts=1, requests=2)
    embeddings_server.answer = slow
    RemoteEngine(wanted).encode(TEXTS)
    assert most == 2


def test_a_long_text_is_cut_at_the_limit_and_counted(embeddings_server: Embeddings) -> None:
    engine, meter = RemoteEngine(mark(embeddings_server, max_tokens=16)), Meter()
    long = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    made = engine.encode([long, "one two"], meter)
    cut = long[: long.index(" fifteen")]  # fourteen tokens and two special ones
    assert embeddings_server.asked == [[cut, "one two"]]
    np.testing.assert_allclose(made, expected(embeddings_server, [cut, "one two"]), atol=1e-6)
    assert meter.truncated == 1


def test_without_usage_tokens_are_counted_here(embeddings_server: Embeddings) -> None:
    wanted, meter = mark(embeddings_server), Meter()
    embeddings_server.change = lambda reply: {"data": reply["data"]}
    RemoteEngine(wanted).encode(["one two", "three"], meter)
    assert meter.tokens == sum(encoder_base.count_tokens(wanted.encoder, ["one two", "three"])) == 4 + 3


def test_tokens_are_counted_as_the_embedded_model_does(embeddings_server: Embeddings) -> None:
    remote = mark(embeddings_server).encoder
    assert encoder_base.count_tokens(remote, TEXTS) == encoder_base.count_tokens(model_files.describe(EMBEDDED), TEXTS)
    assert remote.tokenizer == model_files.describe(EMBEDDED).tokenizer


@pytest.mark.slow
def test_a_busy_server_is_asked_again_when_it_says_so_and_only_for_what_it_refused(
    embeddings_server: Embeddings,
) -> None:
    engine = RemoteEngine(mark(embeddings_server, texts=5, requests=1), QUICK)
    embeddings_server.canned = [(429, {"Retry-After": "0.3"}, b"busy")]
    started = time.monotonic()
    made = engine.encode(TEXTS)
    assert time.monotonic() - started >= 0.3
    assert embeddings_server.asked == [TEXTS[:5], TEXTS[:5], TEXTS[5:]]
    np.testing.assert_allclose(made, expected(embeddings_server, TEXTS), atol=1e-6)


@pytest.mark.parametrize(
    "after", ["86400", "inf", formatdate(time.time() + 86_400, usegmt=True)], ids=["seconds", "for ever", "a date"]
)
def test_a_server_that_asks_for_a_day_is_not_waited_for_longer_than_the_limit(
    embeddings_server: Embeddings, after: str
) -> None:
    engine = RemoteEngine(mark(embeddings_server), Patience(first_s=0.01, longest_s=0.05))
    embeddings_server.canned = [(503, {"Retry-After": after}, b"")]
    started = time.monotonic()
    assert engine.encode(TEXTS).shape == (10, 8)
    assert 0.05 <= time.monotonic() - started < 5


@pytest.mark.parametrize("after", ["soon", "-3", "", "nan"])
def test_a_wait_that_means_nothing_is_none(embeddings_server: Embeddings, after: str) -> None:
    engine = RemoteEngine(mark(embeddings_server), QUICK)
    embeddings_server.canned = [(408, {"Retry-After": after}, b"")]
    assert engine.encode(TEXTS).shape == (10, 8)


def test_a_server_that_stays_broken_is_given_up_after_five_tries(embeddings_server: Embeddings) -> None:
    engine = RemoteEngine(mark(embeddings_server), QUICK)
    embeddings_server.canned = [(500, {}, b"<h1>out of\n memory</h1>" + b"x" * 900)] * 9
    said = r"127\.0\.0\.1:\d+ answers 500 \(<h1>out of memory</h1>x{178}\), asked 5 times; check the server and run"
    with pytest.raises(RemoteError, match=said):
        engine.encode(TEXTS)
    assert embeddings_server.asked == [TEXTS] * 5


def test_one_request_that_fails_ends_the_waiting_of_the_others(embeddings_server: Embeddings) -> None:
    engine = RemoteEngine(mark(embeddings_server, texts=1, requests=2), Patience(first_s=30))
    embeddings_server.canned = [(503, {}, b"")]
    answer = embeddings_server.answer

    def answers(request: dict[str, Any]) -> Any:
        if request["input"] == [TEXTS[0]]:
            time.sleep(0.1)
            return 404, {}, b"gone"
        return answer(request)

    embeddings_server.answer = answers
    started = time.monotonic()
    with pytest.raises(RemoteError, match="answers 404"):
        engine.encode(TEXTS)
    assert time.monotonic() - started < 10


def test_a_server_that_is_not_there_is_named(embeddings_server: Embeddings) -> None:
    wanted = mark(embeddings_server)
    embeddings_server.shutdown()
    embeddings_server.socket.close()
    with pytest.raises(RemoteError, match=r"127\.0\.0\.1:\d+ does not answer \(Connect.*\), asked 5 times"):
        RemoteEngine(wanted, QUICK).encode(TEXTS)


@pytest.mark.slow
def test_a_server_that_hangs_is_asked_again(embeddings_server: Embeddings) -> None:
    answer, slow = embeddings_server.answer, [1.0]
    wanted = mark(embeddings_server, timeout_s=0.2)

    def hang(request: dict[str, Any]) -> Any:
        if slow:
            time.sleep(slow.pop())
        return answer(request)

    embeddings_server.answer = hang
    np.testing.assert_allclose(
        RemoteEngine(wanted, QUICK).encode(TEXTS), expected(embeddings_server, TEXTS), atol=1e-6
    )


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_wants_a_key_says_where_to_put_it(embeddings_server: Embeddings, status: int) -> None:
    engine = RemoteEngine(mark(embeddings_server), QUICK)
    embeddings_server.canned = [(status, {}, b"no")]
    with pytest.raises(
        RemoteError, match=rf"answers {status} \(no\); set the environment variable LLM_FLOWS_EMBED_KEY"
    ):
        engine.encode(TEXTS)
    assert len(embeddings_server.asked) == 1


@pytest.mark.parametrize("status", [404, 301, 204])
def test_an_answer_of_another_kind_points_at_the_settings(embeddings_server: Embeddings, status: int) -> None:
    engine = RemoteEngine(mark(embeddings_server), QUICK)
    embeddings_server.canned = [(status, {"Location": "http://127.0.0.1:9/"}, b"")]
    with pytest.raises(RemoteError, match=rf"answers {status} .*; check embed.model and embed.server.base_url"):
        engine.encode(TEXTS)
    assert len(embeddings_server.asked) == 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_text_is_the_callers_and_what_was_given_for_others_is_kept(
    embeddings_server: Embeddings, status: int
) -> None:
    engine, meter = RemoteEngine(mark(embeddings_server, texts=5, requests=1)), Meter()
    embeddings_server.canned = [(status, {}, b"no")]
    with pytest.raises(ContractError, match=rf"127\.0\.0\.1:\d+ answers {status} \(no\)"):
        engine.encode(TEXTS, meter)
    made = engine.encode(TEXTS, meter)
    assert embeddings_server.asked == [TEXTS[:5], TEXTS[5:], TEXTS[:5]]
    np.testing.assert_allclose(made, expected(embeddings_server, TEXTS), atol=1e-6)
    assert meter.tokens == 1_000


def test_a_vector_without_direction_is_nan(embeddings_server: Embeddings) -> None:
    wanted = mark(embeddings_server)

    def change(reply: dict[str, Any]) -> dict[str, Any]:
        wrong = [[0.0] * 8, [float("nan"), *[1.0] * 7], [float("inf"), *[1.0] * 7], [None, *[1.0] * 7], [1e308] * 8]
        for item in reply["data"]:
            if item["index"] < len(wrong):
                item["embedding"] = wrong[item["index"]]
        return reply

    embeddings_server.change = change
    made = RemoteEngine(wanted).encode(TEXTS)
    assert np.isnan(made[:5]).all()
    np.testing.assert_allclose(made[5:], expected(embeddings_server, TEXTS[5:]), atol=1e-6)


def test_a_server_that_sends_headers_for_ever_is_given_up_at_the_deadline(
    embeddings_server: Embeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = RemoteEngine(mark(embeddings_server, timeout_s=0.2), Patience(tries=2, first_s=0.01))
    monkeypatch.setattr(embeddings_server.RequestHandlerClass, "do_POST", drip)
    began = time.monotonic()
    with pytest.raises(RemoteError, match=r"does not answer .ReadTimeout.*asked 2 times"):
        engine.encode(TEXTS)
    assert 0.4 <= time.monotonic() - began < 5


Change = Callable[[dict[str, Any]], Any]
WRONG: dict[str, tuple[Change, str]] = {
    "no list": (
        lambda reply: {"embedding": [1.0]},
        r"gives no list of embeddings \(.*\); check embed.server.base_url",
    ),
    "another type": (lambda reply: [1, 2], "gives no list of embeddings"),
    "base64": (lambda reply: {"data": [{"index": 0, "embedding": "AAAA"}] * 10}, "gives no list of embeddings"),
    "no index": (lambda reply: {"data": [{"embedding": [1.0] * 8}] * 10}, "gives no list of embeddings"),
    "one missing": (lambda reply: {"data": reply["data"][1:]}, r"gives vectors of \[8, 7.*\] but 0 to 9 was needed"),
    "one too many": (lambda reply: {"data": [*reply["data"], reply["data"][0]]}, "but 0 to 9 was needed, each once"),
    "one twice": (lambda reply: {"data": [*reply["data"][1:], reply["data"][1]]}, "but 0 to 9 was needed, each once"),
    "index of text": (lambda reply: {"data": [{**r, "index": str(r["index"])} for r in reply["data"]]}, "but 0 to 9"),
    "wrong width": (
        lambda reply: {"data": [{**row, "embedding": [1.0] * 7} for row in reply["data"]]},
        r"gives vectors of shape \[\(7,\)\] but \(8,\) was needed; if small has changed there, give it another name",
    ),
    "mixed width": (
        lambda reply: {"data": [{**reply["data"][0], "embedding": [1.0]}, *reply["data"][1:]]},
        r"gives vectors of shape \[\(1,\), \(8,\)\] but \(8,\) was needed",
    ),
    "no width": (lambda reply: {"data": [{**r, "embedding": 1.0} for r in reply["data"]]}, r"of shape \[\(\)\] but"),
}


@pytest.mark.parametrize(("change", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_reply_of_the_wrong_shape_ends_the_run_with_what_is_wrong(
    embeddings_server: Embeddings, change: Change, said: str
) -> None:
    wanted = mark(embeddings_server)
    embeddings_server.change = change
    with pytest.raises(RemoteError, match=said):
        RemoteEngine(wanted, QUICK).encode(TEXTS)
    assert len(embeddings_server.asked) == 1


@pytest.mark.slow
def test_the_key_is_sent_and_said_nowhere(
    embeddings_server: Embeddings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("LLM_FLOWS_EMBED_KEY", " sk-very-secret\n")
    wanted = mark(embeddings_server)
    engine = RemoteEngine(wanted, QUICK)
    engine.encode(TEXTS)
    assert embeddings_server.keys == ["Bearer sk-very-secret"]
    for status, error in ((401, RemoteError), (400, ContractError), (500, RemoteError), (200, RemoteError)):
        embeddings_server.canned = [(status, {}, json.dumps({"wrong key": "sk-very-secret"}).encode())] * 5
        with pytest.raises(error, match=r"wrong key.*\[key\]") as raised:
            engine.encode(["another text"])
        assert "secret" not in str(raised.value) + repr(raised.value.__cause__)
    assert "secret" not in wanted.model_dump_json() + caplog.text + repr(vars(engine)) + repr(vars(engine.client))


@pytest.mark.parametrize("key", ["sk-\x00secret", "sk-one\nsecret", "sk-sécret"])
def test_a_key_that_no_header_can_hold_is_refused_without_saying_it(
    embeddings_server: Embeddings, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    engine = RemoteEngine(mark(embeddings_server))
    monkeypatch.setattr("os.environ", {"LLM_FLOWS_EMBED_KEY": key})
    with pytest.raises(RemoteError, match="LLM_FLOWS_EMBED_KEY holds characters that no header can") as raised:
        engine.encode(TEXTS)
    assert "cret" not in str(raised.value)


def test_no_key_sends_no_authorization(embeddings_server: Embeddings) -> None:
    RemoteEngine(mark(embeddings_server)).encode(TEXTS)
    assert embeddings_server.keys == [None]


def test_what_decides_a_vector_parts_the_fingerprints_and_how_it_is_asked_for_does_not(
    embeddings_server: Embeddings,
) -> None:
    made = mark(embeddings_server)
    assert (made.encoder.architecture, made.encoder.width, made.encoder.max_tokens) == ("remote", 8, 512)
    assert (made.numerics.precision, made.numerics.engine) == ("server", "openai-api")
    same = embeddings_server.base_url.replace("127.0.0.1", "localhost")
    elsewhere = encoders.fingerprint("small", "auto", "auto", Server(base_url=same))
    others = [mark(embeddings_server, "large"), mark(embeddings_server, max_tokens=100), elsewhere]
    assert len({made.digest, *(other.digest for other in others)}) == 4
    assert mark(embeddings_server, requests=1, texts=1, timeout_s=1).digest == made.digest


def test_the_width_is_asked_for_once(embeddings_server: Embeddings) -> None:
    server = Server(base_url=embeddings_server.base_url + "/")
    first = encoders.fingerprint("small", "auto", "auto", server)
    assert encoders.fingerprint("small", "auto", "auto", server) == first
    assert embeddings_server.asked == [[encoder_server.PROBE]]


def test_a_model_that_the_server_refuses_is_said_when_it_is_described(embeddings_server: Embeddings) -> None:
    embeddings_server.canned = [(400, {}, b"small cannot embed")]
    server = Server(base_url=embeddings_server.base_url)
    with pytest.raises(RemoteError, match=r"answers 400 \(small cannot embed\); check embed.model and embed.server"):
        encoders.fingerprint("small", "auto", "auto", server)
    assert encoders.fingerprint("small", "auto", "auto", server).encoder.width == 8


def test_an_engine_is_made_once_and_belongs_to_a_server(embeddings_server: Embeddings) -> None:
    wanted = mark(embeddings_server)
    assert encoders.engine(wanted) is encoders.engine(wanted)
    assert isinstance(encoders.engine(wanted), RemoteEngine)
    with pytest.raises(ContractError, match="small is behind a server but its transport is None; describe it"):
        RemoteEngine(wanted.model_copy(update={"transport": None}))


@pytest.mark.parametrize(
    ("precision", "device", "said"),
    [("fp32", "auto", "embed.precision is fp32 but embed.server"), ("auto", "cpu", "embed.device is cpu but")],
)
def test_how_a_server_computes_cannot_be_chosen(precision: str, device: str, said: str) -> None:
    with pytest.raises(ContractError, match=rf"{said}.* encodes as it decides; use auto"):
        encoders.fingerprint("small", precision, device, Server(base_url="http://127.0.0.1:9"))


@pytest.mark.parametrize(
    ("base_url", "said"),
    [
        ("ftp://host/v1", "an address such as http"),
        ("file:///etc/passwd", "an address such as http"),
        ("localhost:11434/v1", "an address such as http"),
        ("http:///v1", "an address such as http"),
        ("http://user:key@host/v1", "holds no user, key or question mark; put a key into LLM_FLOWS_EMBED_KEY"),
        ("http://host/v1?key=1", "holds no user, key or question mark"),
        ("http://host/v1#x", "holds no user, key or question mark"),
        ("http://host/a b", "has plain characters"),
        ("http://host:0/v1", "and a port of 1 to 65535"),
        ("http://host:99999/v1", "Port out of range"),
    ],
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused(base_url: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Server(base_url=base_url)


def test_an_error_that_passes_survives_the_way_between_processes() -> None:
    import pickle

    assert str(pickle.loads(pickle.dumps(Passing("busy", 3.0)))) == "busy"  # noqa: S301


def test_the_identity_of_a_local_encoder_is_what_it_was_before_there_were_servers() -> None:
    frozen = "d7cf8e5270b7a38755ae028740d42e475d9f65a2cc43d7571da4a4f00e11fdd4"  # as printed at commit 7b16ed4
    assert model_files.describe(EMBEDDED).identity == frozen
