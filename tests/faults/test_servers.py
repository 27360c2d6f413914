"""Every client of a server before a server that misbehaves in every way that has a name: what becomes of each.

An outcome is an answer, a reply that is marked refused, or an error of `tasks.errors` in one line; anything else is
unclassified and fails. `python -m tests.faults.test_servers` writes the table into docs/measured/server-faults.md.
"""

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from configs.captions import PictureServer
from configs.chat import Buffer
from configs.classify import Prompted
from configs.embed import Server
from configs.generators import ModelServer, Sampling
from configs.represent import Written
from tasks.chat.memory import MemoryModel
from tasks.chat.session import TurnContext, take_turn
from tasks.classify.prompted import Labeller, LabelPrompts, read_label_prompt
from tasks.data.chats import Conversation
from tasks.data.messages import Message, Request
from tasks.errors import BudgetError, FlowError
from tasks.models.encoders import load as encoders
from tasks.models.encoders import server as encoder_server
from tasks.models.encoders.server import RemoteEngine
from tasks.models.generators import client
from tasks.models.generators import load as generators
from tasks.models.generators.server import ServerEngine
from tasks.models.openai_http import Patience
from tasks.models.vision.language_server import PictureServerEngine
from tasks.models.vision.requests import ShownPicture, request_of
from tasks.represent.written import Writer, read_naming_prompt, write_labels
from tasks.store import spending
from tasks.text.prompts import read_template
from tests.faults.behaviours import BODIES, NAMES, STATUSES, WIRE, FaultServer, faulty
from tests.tasks.represent.test_written import CONFIG, LABELS, OWN, TEXTS

SECONDS, TRIES = 1.0, 2  # a request may take, and how often it is asked for
BUDGET = 100_000  # more than all tries of a client may take
SLACK = 3.0  # seconds of a busy machine
FEW = ("a page", "no choices", "half a character", "usage beyond all", "429 for ever", "302 to a file",
       "reset in the body", "two lengths", "gzip that is none", "a status of no number")  # fmt: skip
CLASSIFIED = {"answered", "refused", "RemoteError", "PromptRefused", "RequestRefused"}
PAGE = Path(__file__).parents[2] / "docs" / "measured" / "server-faults.md"
PATIENCE = Patience(first_s=0.0, sleep=lambda seconds: None)
Call = Callable[[FaultServer], Any]


def _config(server: FaultServer) -> dict[str, Any]:
    return {"base_url": server.base_url, "model": "small", "timeout_s": SECONDS, "retries": TRIES - 1,
            "budget_tokens": BUDGET, "concurrency": 2}  # fmt: skip


def _replies(server: FaultServer) -> Any:
    config = ModelServer(**_config(server))
    described = generators.describe(config)
    return client.replies(described, Sampling(max_tokens=10), config, engine=ServerEngine(described, config, PATIENCE))


def generate(server: FaultServer) -> Any:
    return _replies(server)([Request((Message("user", f"prompt {n}"),)) for n in range(3)])


def chat(server: FaultServer) -> Any:
    model = MemoryModel(_replies(server), lambda messages: sum(len(m.content.split()) for m in messages))
    context = TurnContext(Buffer(), (Message("system", "Be brief."),), read_template("chat-summary"), 1_000)
    return take_turn(Conversation(), "Good day", context, model)


def classify(server: FaultServer) -> Any:
    method = Prompted(generator=ModelServer(**_config(server)), enforced=False)
    prompts = LabelPrompts(("BREAD", "SHIPS"), read_label_prompt(method.prompt), method, _words, 500)
    return Labeller(prompts, _replies(server))(["rye dough", "tide and sail"])


def write_names(server: FaultServer) -> Any:
    config = Written(generator=ModelServer(**_config(server)), wording="free")
    writer = Writer(_replies(server), _words, 2_000, read_naming_prompt(config.prompt), config)
    return write_labels(TEXTS, LABELS, OWN, writer, CONFIG)


def caption(server: FaultServer) -> Any:
    config = PictureServer(**_config(server))
    described = generators.describe(ModelServer(**_config(server)))
    engine = PictureServerEngine(described, config, PATIENCE)
    request = request_of("d" * 64, 32, "What is this?")
    engine.pictures = {request.messages[0].content: ShownPicture("a.png", b"\x89PNG")}
    return client.replies(described, Sampling(max_tokens=10), ModelServer(**_config(server)), engine=engine)([request])


def embed(server: FaultServer) -> Any:
    encoder_server._width.cache_clear()
    told, server.always = server.always, None
    server_config = Server(base_url=server.base_url, texts=2, requests=2, timeout_s=SECONDS)
    wanted = encoders.fingerprint("small", "auto", "auto", server_config)
    server.always, server.asked = told, 0
    patience = Patience(tries=TRIES, first_s=0.0, sleep=lambda seconds: None)
    return RemoteEngine(wanted, patience).encode(["one", "two", "three"])


def _words(texts: list[str]) -> list[int]:
    return [len(text.split()) for text in texts]


CLIENTS: dict[str, Call] = {
    "generate": generate, "chat": chat, "classify": classify, "label writer": write_names, "captioner": caption,
    "embeddings": embed,
}  # fmt: skip
REQUESTS = {"generate": 3, "chat": 1, "classify": 2, "label writer": 2, "captioner": 1, "embeddings": 2}


def outcome(name: str, behaviour: str) -> tuple[str, float]:
    """Return what becomes of a client before a behaviour, and the seconds it took.

    Raises:
        AssertionError: It is unclassified, took longer than was stated, or more was asked for than may be paid.
    """
    with (
        tempfile.TemporaryDirectory() as home,
        mock.patch.dict(os.environ, LLM_FLOWS_HOME=home),
        faulty() as server,
        spending.shared(),
    ):
        server.always = behaviour
        started, said = time.monotonic(), ""
        try:
            made = CLIENTS[name](server)
            told = _told(made)
        except FlowError as error:
            told, said = type(error).__name__, str(error)
        seconds = time.monotonic() - started
        asked = server.asked
    most = REQUESTS[name] * TRIES * SECONDS + SLACK
    assert "\n" not in said, (name, behaviour, said)
    assert len(said) < 1_000, (name, behaviour, said)
    assert seconds < most, f"{name} before {behaviour!r} took {seconds:.1f} s, {most} s were stated"
    assert asked <= 2 * REQUESTS[name] * TRIES, (name, behaviour, asked)  # a label may be asked for once more
    return told, seconds


def _told(made: Any) -> str:
    finishes = {reply.finish for reply in made if hasattr(reply, "finish")} if isinstance(made, list) else set()
    return "refused" if finishes == {"refused"} else "answered"


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("LLM_FLOWS_GENERATOR_KEY", raising=False)
    monkeypatch.delenv("LLM_FLOWS_EMBED_KEY", raising=False)
    yield
    encoder_server._width.cache_clear()


def test_there_are_behaviours_enough_and_each_is_named_once() -> None:
    assert len(set(NAMES)) == len(BODIES) + len(STATUSES) + len(WIRE) >= 50


@pytest.mark.parametrize("behaviour", FEW)
def test_a_few_ways_to_misbehave_end_in_words(behaviour: str) -> None:
    for name in ("generate", "embeddings"):
        told, _ = outcome(name, behaviour)
        assert told in CLASSIFIED


@pytest.mark.faults
@pytest.mark.timeout(580)
@pytest.mark.parametrize("name", CLIENTS)
def test_every_way_to_misbehave_ends_in_words_for_every_client(name: str) -> None:
    told = {behaviour: outcome(name, behaviour)[0] for behaviour in NAMES}
    assert set(told.values()) <= CLASSIFIED


def test_a_budget_ends_what_a_server_never_answers() -> None:
    with faulty() as server, spending.shared() as spent, tempfile.TemporaryDirectory() as home:
        server.always = "null content"
        config = ModelServer(**_config(server) | {"budget_tokens": 100, "retries": 9})
        described = generators.describe(config)
        engine = ServerEngine(described, config, PATIENCE)
        asked = [Request((Message("user", f"prompt {n}"),)) for n in range(30)]
        with mock.patch.dict(os.environ, LLM_FLOWS_HOME=home):
            ask = client.replies(described, Sampling(max_tokens=10), config, engine=engine)
            with pytest.raises(BudgetError):
                ask(asked)
        assert server.asked <= 100 // 10 + config.concurrency
        assert spent.tokens <= 100


def main() -> None:
    """Write the table."""
    rows, counts = [], Counter[str]()
    for behaviour in NAMES:
        told = {name: outcome(name, behaviour)[0] for name in CLIENTS}
        if not set(told.values()) <= CLASSIFIED:
            raise AssertionError((behaviour, told))
        counts.update(told.values())
        rows.append(f"| {behaviour} | {' | '.join(told.values())} |")
    found = ", ".join(f"{what}: {number}" for what, number in sorted(counts.items()))
    said = (
        f"{len(NAMES)} behaviours, each of every request; {TRIES} tries of {SECONDS:g} s each. Errors are one "
        f"line. {found}; unclassified: 0, later than stated: 0, asked for more often than tries allow: 0. "
        "That a budget ends them is a test of its own. Written by "
        "`python -m tests.faults.test_servers`, which fails where one of these is not 0."
    )
    head = ["# What becomes of each client before a server that misbehaves", "", said, ""]
    table = [f"| behaviour | {' | '.join(CLIENTS)} |", "|---|" + "---|" * len(CLIENTS), *rows, ""]
    PAGE.write_text("\n".join([*head, *table]), "utf-8")


if __name__ == "__main__":
    main()
