"""Rounds of whatever goes wrong at random on one small workspace: each rerun ends as a run that nobody disturbed.

`SOAK_SEED` and `SOAK_ROUNDS` choose what happens, and how often. Bytes that are flipped and files that are deleted are
named by `store check`, and nothing else is.
"""

import errno
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from configs.embed import Embed, Server, Shards
from configs.evaluate import Evaluate
from configs.flows import KnowledgeBase
from configs.generate import Extractive
from configs.ingest import Files
from flows.knowledge_base import knowledge_base
from tasks.data.run import Outcome
from tasks.errors import FlowError
from tasks.models.encoders import load as encoders
from tasks.models.encoders import server as encoder_server
from tasks.store import objects
from tests.faults.behaviours import FaultServer, faulty
from tests.faults.conftest import ROOT, check

SEED, ROUNDS = int(os.environ.get("SOAK_SEED", "20261129")), int(os.environ.get("SOAK_ROUNDS", "30"))
pytestmark = [pytest.mark.flow, pytest.mark.faults, pytest.mark.timeout(60 * max(10, ROUNDS))]
KINDS = ("kill", "flip", "delete", "full disk", "second writer", "server", "torn write")
PASSING = ("503", "429 before now", "closed at once", "reset at once", "a length that is too long", "502")
ENDING = ("a page", "404", "an empty object", "cut JSON", "null content", "a message that is a list")
CHECKED = ("objects", "items", "steps")  # `collections` is among what is flipped


class Soak:
    """One workspace, what an unbroken run made of the corpus, and what can go wrong."""

    def __init__(self, home: Path, corpus: Path, server: FaultServer, patch: pytest.MonkeyPatch) -> None:
        self.home, self.corpus, self.server, self.patch = home, corpus, server, patch
        self.draw, self.old = random.Random(SEED), set[str]()
        embed = Embed(model="small", server=Server(base_url=server.base_url, texts=4), shards=Shards(tokens=1_000))
        self.config = KnowledgeBase(
            embed=embed, topics=None, answer=Extractive(no_answer_below=0.1), evaluate=Evaluate(calibrate=None)
        )
        started = time.monotonic()
        self.expected = self.build().refs
        self.seconds = time.monotonic() - started

    def build(self) -> Outcome:
        """Build the corpus as a new process would, trusting nothing it verified before."""
        objects._verified.clear()
        encoder_server._width.cache_clear()
        encoders._engine.cache_clear()
        return knowledge_base(source=Files(path=str(self.corpus)), config=self.config)

    def command(self) -> "subprocess.Popen[str]":
        """Start the same in a process of its own."""
        words = ["knowledge-base", "source.kind=files", f"source.path={self.corpus}", "topics=null",
                 "embed.model=small", f"embed.server.base_url={self.server.base_url}", "embed.server.texts=4",
                 "embed.shards.tokens=1000", "answer.no_answer_below=0.1", "evaluate.calibrate=null"]  # fmt: skip
        return subprocess.Popen([sys.executable, "-m", "flows", *words], cwd=ROOT, env=dict(os.environ), text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip

    def forget(self) -> None:
        """Take away some records of steps, or all vectors, so that the next run has work."""
        records = sorted((self.home / "steps").rglob("*.json"))
        for record in self.draw.sample(records, k=self.draw.randint(1, len(records))):
            record.unlink()
        if self.draw.random() < 0.6:
            shutil.rmtree(self.home / "items", ignore_errors=True)

    def files(self) -> list[Path]:
        found = [path for room in (*CHECKED, "collections") for path in (self.home / room).rglob("*")]
        return sorted(path for path in found if path.is_file() and not path.name.startswith("."))

    def named(self, path: Path, lines: list[str]) -> bool:
        """Whether a finding names a file, or the folder whose manifest speaks for it."""
        return any(str(path) in line or str(path.parent) in line for line in lines)

    def flip(self) -> str:
        hit = self.draw.sample(self.files(), k=self.draw.randint(1, 4))
        for path in hit:
            content = bytearray(path.read_bytes())
            bit = self.draw.randrange(len(content) * 8)
            content[bit // 8] ^= 1 << bit % 8
            path.write_bytes(content)
        self.exactly(hit, hit)
        return f"{len(hit)} bits"

    def delete(self) -> str:
        hit = self.draw.sample(self.files(), k=self.draw.randint(1, 3))
        for path in hit:
            path.unlink()
        inside = [path for path in hit if path.is_relative_to(self.home / "objects")]
        self.exactly(inside, hit)
        return f"{len(hit)} files"

    def torn_write(self) -> str:
        """Cut a file short, as a disk does that lost power."""
        hit = [path for path in self.draw.sample(self.files(), k=2) if path.stat().st_size > 1]
        for path in hit:
            path.write_bytes(path.read_bytes()[: self.draw.randrange(path.stat().st_size)])
        self.exactly(hit, hit)
        return f"{len(hit)} files"

    def exactly(self, wanted: list[Path], hit: list[Path]) -> None:
        """Assert that `store check` names what it must, and nothing that was not hit."""
        lines = check(self.home)["damaged"]
        assert [path for path in wanted if not self.named(path, lines)] == []
        marks = [mark for path in hit for mark in (str(path), str(path.parent), path.parent.name[:12])]
        assert [line for line in lines if line not in self.old and not any(mark in line for mark in marks)] == []

    def kill(self) -> str:
        self.forget()
        process, share = self.command(), self.draw.uniform(0.2, 1.1)
        time.sleep(self.seconds * share)
        process.kill()
        process.communicate()
        return f"after {share:.0%}"

    def full_disk(self) -> str:
        self.forget()
        nth, code, calls, sync = self.draw.randint(1, 60), self.draw.choice([errno.ENOSPC, errno.EIO]), 0, os.fsync

        def refuse(descriptor: int) -> None:
            nonlocal calls
            calls += 1
            if calls >= nth:  # a disk stays full
                raise OSError(code, os.strerror(code))
            sync(descriptor)

        with self.patch.context() as patch:
            patch.setattr(os, "fsync", refuse)
            said = self.ended()
        assert not said or "run again to continue" in said, said
        assert not list(self.home.rglob(".tmp-*"))
        return f"at write {nth} ({'refused' if said else 'not reached'})"

    def second_writer(self) -> str:
        self.forget()
        process = self.command()
        time.sleep(self.draw.uniform(0, self.seconds))
        assert self.build().refs == self.expected
        _, err = process.communicate(timeout=240)
        assert process.returncode == 0, err[-2_000:]
        return "both ended well"

    def server_misbehaves(self) -> str:
        shutil.rmtree(self.home / "items", ignore_errors=True)
        for room in ("embed-join-passages", "embed-shard"):
            shutil.rmtree(self.home / "steps" / room, ignore_errors=True)
        ends = self.draw.random() < 0.4
        self.server.plan = self.draw.choices(PASSING, k=3) + ([self.draw.choice(ENDING)] if ends else [])
        told = ", ".join(self.server.plan)
        said = self.ended()
        self.server.plan = []
        assert "\n" not in said
        return f"{told} ({said[:60] or 'waited for'})"

    def ended(self) -> str:
        """Run once; return what it says where it fails in words, nothing where it does not."""
        try:
            self.build()
        except FlowError as error:
            return str(error)
        return ""


@pytest.fixture
def soak(
    workspace: Path, corpus: Path, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Soak]]:
    """Return a function that begins one."""
    for name, value in (("LLM_FLOWS_HOME", str(workspace)), ("PREFECT_API_URL", prefect_server)):
        monkeypatch.setenv(name, value)
    with faulty() as server:
        yield lambda: Soak(workspace, corpus, server, monkeypatch)


def test_whatever_goes_wrong_the_rerun_ends_as_if_nothing_had(soak: Callable[[], Soak]) -> None:
    run = soak()
    ways: dict[str, Callable[[], str]] = {
        "kill": run.kill, "flip": run.flip, "delete": run.delete, "full disk": run.full_disk,
        "second writer": run.second_writer, "server": run.server_misbehaves, "torn write": run.torn_write,
    }  # fmt: skip
    for number in range(ROUNDS):
        kind = run.draw.choice(KINDS)
        run.old = set(check(run.home)["damaged"])  # vectors in the cache are mended when they are needed
        told: Any = ways[kind]()
        print(f"round {number}: {kind}: {told}", flush=True)  # noqa: T201 (what to say of a long run)
        before = [line for line in check(run.home)["damaged"] if "/items/" not in line]
        assert kind in ("flip", "delete", "torn write") or before == [], (number, kind, told)
        assert run.build().refs == run.expected, (number, kind, told)
        left = [line for line in check(run.home)["damaged"] if "/items/" not in line]
        assert left == [], (number, kind, told)
