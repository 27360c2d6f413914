"""The slot of a GPU, over a server that answers as it is told; two real runs share one in tests/faults."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from configs.finetune import Training
from configs.generators import LocalModel, ModelServer
from tasks import hardware
from tasks.data.models import Numerics
from tasks.data.prompts import GeneratorHandle
from tasks.data.vectors import Shard
from tasks.errors import ContractError, RemoteError
from tasks.models.generators import load as generators
from tasks.runtime import accelerator, steps
from tasks.runtime.steps import step
from tasks.store import workspace

GPU = Numerics(precision="bf16", engine="torch-cuda", reason="")
CPU = Numerics(precision="fp32", engine="torch-cpu", reason="")


class Server:
    """What a Prefect server is asked for slots, and answers: statuses in turn, then leases."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.asked: list[str] = []
        self.limits = True
        self.lost: set[UUID] = set()

    def increment_concurrency_slots_with_lease(self, **given: Any) -> httpx.Response:
        self.asked.append("take")
        self._answer()
        return httpx.Response(200, json={"lease_id": str(uuid4()), "limits": [{}] if self.limits else []})

    def renew_concurrency_lease(self, lease: UUID, seconds: float) -> None:
        self.asked.append("renew")
        if lease in self.lost:
            self._fail(accelerator.GONE)
        self._answer()

    def release_concurrency_slots_with_lease(self, lease: UUID) -> None:
        self.asked.append("release")
        self._answer()

    def _answer(self) -> None:
        if self.answers and (status := self.answers.pop(0)) != 200:
            self._fail(status)

    def _fail(self, status: int) -> None:
        if not status:
            raise httpx.ConnectError("refused")
        request = httpx.Request("POST", "http://server")
        raise httpx.HTTPStatusError(str(status), request=request, response=httpx.Response(status, request=request))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()

    @contextmanager
    def client() -> Iterator[Server]:
        yield made

    monkeypatch.setattr(accelerator, "_client", client)
    monkeypatch.setattr(accelerator, "_shared", lambda: True)
    monkeypatch.setattr(accelerator, "_slot", accelerator._Slot())
    monkeypatch.setattr(accelerator, "ASK_S", 0.01)
    monkeypatch.setattr(accelerator, "RENEW_S", 0.01)
    return made


def until(true: Any) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("described", "gpu"),
    [
        (GPU, True),
        (CPU, False),
        ({"index": {"device": "cuda"}}, True),
        ({"device": "cpu"}, False),
        (Training(device="cpu"), False),
        (Training(device="cuda"), True),
        (Training(), True),  # auto, and there is one
        ((CPU, Training()), False),  # the engine of the model decides
        (None, False),
        ([{"numerics": {"engine": "vllm-cuda"}}], True),
    ],
)
def test_engines_say_where_a_step_computes_and_else_devices_do(
    described: Any, gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "has_gpu", lambda: True)
    assert accelerator.on_gpu(described) is gpu


def test_without_a_gpu_auto_is_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "has_gpu", lambda: False)
    assert not accelerator.on_gpu(Training())


def test_a_model_behind_a_server_needs_no_slot_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "has_gpu", lambda: True)
    asked = ModelServer(base_url="http://127.0.0.1:1/v1", model="some")
    assert not accelerator.on_gpu(GeneratorHandle(generator=generators.describe(asked), config=asked))
    assert accelerator.on_gpu(LocalModel())


def test_nested_takes_and_threads_of_a_process_share_one_slot(server: Server) -> None:
    entered = threading.Barrier(3)

    def hold() -> None:
        with accelerator.slot(GPU), accelerator.slot(GPU):
            entered.wait(10)

    threads = [threading.Thread(target=hold) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [one for one in server.asked if one != "renew"] == ["take", "release"]


def test_a_slot_that_is_taken_is_asked_for_until_it_is_free_and_the_time_is_apart(server: Server) -> None:
    server.answers = [accelerator.TAKEN, accelerator.PAUSED, 0, 500, accelerator.TAKEN]
    watch = accelerator.Stopwatch()
    with accelerator.slot(GPU):
        assert server.asked.count("take") == 6
    assert watch.waited >= 5 * 0.01
    assert watch.seconds < 5


def test_on_the_processor_and_without_a_limit_nobody_waits(server: Server) -> None:
    with accelerator.slot(CPU):
        pass
    assert server.asked == []
    server.limits = False
    with accelerator.slot(GPU):
        pass
    server.answers = [accelerator.UNKNOWN]  # a server of another version
    with accelerator.slot(GPU):
        pass
    assert server.asked == ["take", "take"]


def test_the_temporary_server_of_a_run_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(workspace.NO_UI, "1")
    assert not accelerator._shared()


def test_a_lease_is_renewed_while_the_slot_is_held_and_no_longer(server: Server) -> None:
    with accelerator.slot(GPU):
        until(lambda: server.asked.count("renew") >= 3)
    count = len(server.asked)
    time.sleep(0.05)
    assert len(server.asked) <= count + 1


def test_a_lost_lease_is_said_and_taken_again_and_the_step_goes_on(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="tasks")
    with accelerator.slot(GPU):
        first = accelerator._slot.lease
        assert first is not None
        server.lost = {first}
        until(lambda: accelerator._slot.lease != first)
    assert server.asked.count("take") == 2
    server.asked.clear()
    with accelerator.slot(GPU):
        lost = accelerator._slot.lease
        assert lost is not None
        server.lost, server.answers = {lost}, [accelerator.TAKEN] * 3
        until(lambda: "held again" in caplog.text)
    assert "slot of this step is lost, the server has given it up" in caplog.text


def test_a_server_that_stays_away_ends_the_wait_with_the_reason(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerator, "LEASE_S", 0.05)
    server.answers = [0] * 1_000
    with pytest.raises(RemoteError, match=r"has not answered for 0 s \(refused\), so no GPU slot can be had"):
        accelerator._slot.enter()
    server.answers = []
    with accelerator.slot(GPU):
        pass


@pytest.mark.usefixtures("home")
def test_only_a_step_that_computes_takes_a_slot(server: Server) -> None:
    @step(name="test-on-gpu", device_of=("where",))
    def compute(start: int, where: Numerics) -> Shard:
        return Shard(texts=start, tokens=0, padded=0, truncated=0)

    for _ in range(2):
        steps.execute(compute.spec, compute.fn, (1, GPU), {})
    assert [one for one in server.asked if one != "renew"] == ["take", "release"]


def test_a_run_that_needs_a_gpu_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    accelerator.require()
    monkeypatch.setattr(hardware, "has_gpu", lambda: False)
    monkeypatch.setenv(accelerator.NEEDS, "gpu")
    with pytest.raises(ContractError, match="needs a GPU and torch sees none here"):
        accelerator.require()
    monkeypatch.setattr(hardware, "has_gpu", lambda: True)
    accelerator.require()
    monkeypatch.setenv(accelerator.NEEDS, "abacus")
    with pytest.raises(ContractError, match="is 'abacus' but gpu is all that can be needed"):
        accelerator.require()
