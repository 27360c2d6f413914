"""Of runs that build a collection at once the last one publishes; what was given up publishes nothing."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path

import pytest

from tasks.errors import SupersededError
from tasks.store import collections, durable, leases, objects, workspace
from tasks.store.versions import Versions
from tests.tasks.store.test_collections import generation

pytestmark = pytest.mark.usefixtures("home")
ELSEWHERE = """
import sys, time
from tasks.store import collections, leases
with leases.holding():
    collections.begin("notes", sys.argv[1])
    print("begun", flush=True)
    time.sleep(600)
"""


class Run:
    """A run in this process, in a context of its own."""

    def __init__(self, name: str) -> None:
        self._context = copy_context()
        self._holding = leases.holding()
        begun.append(self)
        self._context.run(self._holding.__enter__)
        self.others = self._context.run(collections.begin, "notes", name)

    def publish(self, mark: str) -> int:
        """Commit a generation as this run."""
        return self._context.run(collections.commit, generation(mark=mark)).number

    def end(self) -> None:
        """End it, as the flow does."""
        begun.remove(self)
        self._context.run(self._holding.__exit__, None, None, None)


begun: list[Run] = []


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    yield
    for run in list(begun):
        run.end()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "PATIENCE_S", 0.05)
    monkeypatch.setattr(leases, "LOOK_S", 0.01)


@contextmanager
def elsewhere(name: str) -> Iterator["subprocess.Popen[str]"]:
    """Begin a run in another process, which stays."""
    command = [sys.executable, "-c", ELSEWHERE, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        yield process
        process.kill()


def builders() -> list[str]:
    return [one.run for one in leases.read(workspace.folder("collections", "notes")).builders]


def test_a_run_publishes_and_its_token_is_given_up() -> None:
    with leases.holding():
        assert collections.begin("notes", "a") == ()
        assert builders() == ["a"]
        assert collections.commit(generation()).number == 1
    assert builders() == []


def test_a_run_that_ends_without_publishing_gives_its_token_up() -> None:
    def stopped() -> None:
        with leases.holding():
            collections.begin("notes", "a")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert builders() == []


def test_of_two_runs_the_later_publishes_and_the_earlier_is_told_who_did() -> None:
    first, second = Run("a"), Run("b")
    assert [one.run for one in second.others] == ["a"]
    assert second.publish("2") == 1
    with pytest.raises(SupersededError, match=r"is now what run b \(began .* published as number 1"):
        first.publish("1")
    assert collections.live("notes").source == "files 2"


def test_the_earlier_waits_for_the_later_and_is_refused_if_that_works_on() -> None:
    first, _ = Run("a"), Run("b")
    with pytest.raises(SupersededError, match=r"is being built by run b .* end it and run again"):
        first.publish("1")
    assert collections.names() == []


def test_the_earlier_publishes_once_the_later_has_ended_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "PATIENCE_S", 20.0)
    first = Run("a")

    def fail_soon() -> None:
        with leases.holding():
            collections.begin("notes", "b")
            works.set()
            time.sleep(0.2)

    works = threading.Event()
    later = threading.Thread(target=fail_soon)
    later.start()
    works.wait()
    assert first.publish("1") == 1
    later.join()


def test_an_equal_generation_changes_nothing_and_is_no_refusal() -> None:
    first, second = Run("a"), Run("b")
    assert second.publish("1") == first.publish("1") == 1


def test_a_killed_run_is_seen_to_be_dead() -> None:
    first = Run("a")
    with elsewhere("b") as later:
        with pytest.raises(SupersededError):
            first.publish("1")
        later.kill()
        later.wait()
        assert first.publish("1") == 1
    assert Run("c").others == ()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP here")
def test_a_stopped_run_still_counts_as_one_that_works() -> None:
    first = Run("a")
    with elsewhere("b") as later:
        os.kill(later.pid, signal.SIGSTOP)
        with pytest.raises(SupersededError):
            first.publish("1")


def test_of_a_run_on_another_machine_nothing_is_known_but_that_it_has_not_ended() -> None:
    first = Run("a")
    folder = workspace.folder("collections", "notes")
    lease = leases.read(folder)
    far = lease.builders[0].model_copy(update={"token": 9, "run": "far", "host": "another", "process": "1 1.0"})
    durable.write_json(
        folder / leases.FILE, lease.model_copy(update={"token": 9, "builders": (far,)}).model_dump(mode="json")
    )
    with pytest.raises(SupersededError, match="on another"):
        first.publish("1")


def test_a_retry_of_the_same_run_takes_a_later_token_and_is_no_other_run() -> None:
    first, again = Run("a"), Run("a")
    assert again.others == ()
    assert again.publish("2") == 1
    with pytest.raises(SupersededError):
        first.publish("1")


@pytest.mark.parametrize("act", ["rollback", "import"])
def test_what_a_person_put_live_meanwhile_stays(act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for mark in ("1", "2"):
        collections.commit(generation(mark=mark))
    first = Run("a")
    if act == "rollback":
        monkeypatch.setattr(objects, "path", lambda ref: Path(ref.digest))
        collections.rollback("notes", 1)
    else:
        collections.commit(generation(mark="3"), by="collections import")
    with pytest.raises(SupersededError, match=f"what collections {act} published"):
        first.publish("4")


def test_a_kill_between_the_note_and_the_pointer_has_published_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Run("a"), Run("b")

    def die(*_: object) -> None:
        raise InterruptedError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Versions, "point", die)
        with pytest.raises(InterruptedError, match="killed"):
            second.publish("2")
    second.end()
    assert leases.read(workspace.folder("collections", "notes")).published is not None
    assert first.publish("1") == 2
    assert collections.live("notes").source == "files 1"


def test_a_damaged_lease_is_said_and_runs_that_began_before_publish_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = Run("a")
    path = workspace.folder("collections", "notes") / leases.FILE
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(SupersededError, match=re.escape("was damaged while this run worked")):
        first.publish("1")
    assert "runs that began before publish nothing" in caplog.text
    assert Run("b").publish("2") == 1
    with pytest.raises(SupersededError):
        first.publish("1")


def test_what_somebody_waits_to_hear_of_is_noted_until_it_is_told() -> None:
    with leases.holding():
        collections.begin("notes", "a", announce=True)
        collections.commit(generation())
        assert collections.published("notes") == 1
    number, place = collections.unannounced("notes")
    assert number == 1
    with leases.holding():
        collections.begin("notes", "b", announce=True)
        collections.commit(generation())
        assert collections.published("notes") == 0
    assert collections.unannounced("notes") == (1, place)
    collections.announced("notes", 1)
    assert collections.unannounced("notes") == (0, place)


def test_nobody_waits_for_what_is_put_live_outside_of_a_run() -> None:
    with leases.holding():
        collections.begin("notes", "a", announce=True)
        collections.commit(generation(mark="1"))
    collections.commit(generation(mark="2"))
    assert collections.unannounced("notes")[0] == 0
