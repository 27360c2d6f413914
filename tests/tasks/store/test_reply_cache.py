import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from configs.generators import LocalModel, Sampling
from tasks.data.messages import Generator, Message, Reply, Request
from tasks.data.sampling import ResolvedSampling
from tasks.models.generators import client
from tasks.models.generators.local import Keep
from tasks.store import reply_cache
from tasks.store.reply_cache import ReplyCache, key_of

GENERATOR = Generator(kind="transformers", model="m", revision="r", weights="w")
CONFIG = LocalModel(model="a folder that is gone")


class Scripted:
    """Answers with the last content in capitals; fails at a word."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def answer(self, requests: Sequence[Request], sampling: Sampling, keep: Keep) -> None:
        for position, request in enumerate(requests):
            text = request.messages[-1].content
            if text == "fail":
                raise RuntimeError("gone")
            self.asked.append(text)
            keep({position: Reply(text.upper(), "stop", 3, 2, GENERATOR.digest, 0.5)})


def asked(text: str) -> Request:
    return Request((Message("user", text),))


def test_what_was_paid_for_is_replayed_without_a_model_and_counted(home: Path) -> None:
    engine = Scripted()
    first = client.replies(GENERATOR, Sampling(), CONFIG, engine=engine)([asked("a"), asked("b"), asked("a")])
    assert engine.asked == ["a", "b"]
    assert [(r.text, r.cached) for r in first] == [("A", False), ("B", False), ("A", True)]
    again = client.replies(GENERATOR, Sampling(), CONFIG)  # the folder of its model is not there
    replayed = again([asked("b"), asked("a")])
    assert [(r.text, r.cached, r.attempts) for r in replayed] == [("B", True, 0), ("A", True, 0)]
    assert (again.spent.asked, again.spent.cached, again.spent.saved_tokens) == (2, 2, 10)
    assert again.spent.completion_tokens == 0


def test_what_came_before_a_failure_is_kept(home: Path) -> None:
    engine = Scripted()
    ask = client.replies(GENERATOR, Sampling(), CONFIG, engine=engine)
    with pytest.raises(RuntimeError, match="gone"):
        ask([asked("a"), asked("fail"), asked("b")])
    ask([asked("a"), asked("b")])
    assert engine.asked == ["a", "b"]


def test_a_reply_of_an_older_version_is_found_again() -> None:
    described = GENERATOR.model_copy(update={"tokenizer": "t", "template": "p", "settings": "s", "context": 64})
    assert described.digest == "d330a4ce422e991905766e7abb120ed099566f0d846c6a3c11376addede721ba"
    assert (
        key_of(asked("hello"), ResolvedSampling())
        == "94c205c235e50559f58348ba4824aa354e59c08b4148a98372712a6665055c3a"
    )


def test_a_key_holds_what_decides_a_reply_and_nothing_else() -> None:
    request, sampled = asked("a"), ResolvedSampling(temperature=1.0)
    key = key_of(request, sampled)
    assert key != key_of(request, sampled.model_copy(update={"seed": 1}))
    assert key != key_of(replace(request, draw=1), sampled)
    assert key != key_of(Request((Message("system", "a"),)), sampled)
    other = ResolvedSampling(seed=1, top_p=0.5)
    assert key_of(request, other) == key_of(replace(request, draw=2), ResolvedSampling())
    for name, value in {"repetition_penalty": 1.1, "no_repeat_ngram_size": 3, "end_repetition": False}.items():
        assert key_of(request, ResolvedSampling(**{name: value})) != key_of(request, ResolvedSampling())
    assert GENERATOR.digest == GENERATOR.model_copy(update={"model": "n", "revision": "s"}).digest
    assert GENERATOR.digest != GENERATOR.model_copy(update={"template": "t"}).digest


def test_segments_are_merged_and_nothing_is_lost(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reply_cache, "MAX_SEGMENTS", 4)
    made, other = ReplyCache(GENERATOR), ReplyCache(GENERATOR)
    for number in range(23):
        made.add({f"{number:02}": Reply(f"text {number}", "stop", 1, 1, "g")})
        assert other.read(["00"])["00"].text == "text 0"
    assert len(list(made.folder.glob("[!.]*"))) <= 5
    found = ReplyCache(GENERATOR).read([f"{number:02}" for number in range(23)])
    assert [found[f"{number:02}"].text for number in range(23)] == [f"text {number}" for number in range(23)]


def test_a_damaged_segment_is_dropped_and_said(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = ReplyCache(GENERATOR)
    made.add({"k": Reply("right", "stop", 1, 1, "g")})
    (path,) = made.folder.glob("*/replies.jsonl")
    path.write_text(path.read_text("utf-8").replace("right", "wrong"), "utf-8")
    with caplog.at_level(logging.WARNING):
        assert ReplyCache(GENERATOR).read(["k"]) == {}
    assert "damaged" in caplog.text
