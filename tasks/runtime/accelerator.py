"""The turn of a step on the GPU: a slot of a global concurrency limit of the Prefect server, held while it computes.

A process holds one slot at most, which its threads share, so neither shards nor nested takes wait for themselves.
Servers without the limit, and the temporary one of the command line, make nobody wait. The lease is renewed here:
Prefect's own context (prefect/concurrency/_leases.py) renews at three quarters of it and gives up after three tries,
so that a server away for a minute and a half could lose a slot that is in use.
"""

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from pydantic import BaseModel

from tasks import hardware
from tasks.errors import ContractError, RemoteError
from tasks.store import workspace

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

LIMIT = "gpu"
NEEDS = "LLM_FLOWS_NEEDS"  # set by the job template of a work pool: what its runs cannot do without
LEASE_S = 180.0  # a killed holder's slot is free after this, and a server may be away for it less one renewal
RENEW_S = 15.0
ASK_S = 1.0  # between two questions for a slot; what the server proposes grows to 30 s, in which others go first
REMIND_S = 60.0
TAKEN, PAUSED, GONE, UNKNOWN = 423, 422, 410, 404  # statuses by which Prefect says so

log = logging.getLogger(__name__)


def require() -> None:
    """Make sure that this machine has what runs of its work pool need.

    Raises:
        ContractError: It has not.
    """
    needed = os.environ.get(NEEDS, "")
    if needed not in ("", "gpu"):
        raise ContractError(f"{NEEDS} is {needed!r} but gpu is all that can be needed; mend the work pool")
    if needed == "gpu" and not hardware.has_gpu():
        raise ContractError(
            "this run needs a GPU and torch sees none here: its work pool says so by LLM_FLOWS_NEEDS=gpu; start the "
            "worker where nvidia-smi shows one and torch is a CUDA build, or launch the deployment of the cpu pool"
        )


def on_gpu(*described: object) -> bool:
    """Return whether something computes on a GPU.

    Args:
        described: Models, handles or configs. Where one names the engine of a model, that decides; else the device
            that is asked for does, and `auto` is the GPU that is there.
    """
    return any(_on_gpu(one) for one in described)


def _on_gpu(one: object) -> bool:
    found = list(_said(one))
    if engines := [said for name, said in found if name == "engine"]:
        return any(engine.endswith("-cuda") for engine in engines)
    return any(said == "cuda" or (said == "auto" and hardware.has_gpu()) for _, said in found)


def _said(value: object) -> Iterator[tuple[str, str]]:
    """Yield every engine and device that is named somewhere in a value."""
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        for name, part in value.items():
            if name in ("engine", "device") and isinstance(part, str):
                yield name, part
            yield from _said(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _said(part)


@contextmanager
def slot(*described: object) -> Iterator[None]:
    """Hold a slot of the GPU while the context is open, where what computes does so on one.

    Args:
        described: What computes, as `on_gpu` takes it.

    Raises:
        RemoteError: The server of this run has not answered for `LEASE_S`.
    """
    if not on_gpu(*described):
        yield
        return
    _slot.enter()
    try:
        yield
    finally:
        _slot.leave()


class Stopwatch:
    """Measures from when it is made; what was waited for a GPU meanwhile is apart."""

    def __init__(self) -> None:
        self._started, self._waited = time.perf_counter(), _slot.waited

    @property
    def waited(self) -> float:
        """Seconds this process has waited for a slot; threads that wait for the same one count once."""
        return _slot.waited - self._waited

    @property
    def seconds(self) -> float:
        """Seconds of all else."""
        return time.perf_counter() - self._started - self.waited


class _Slot:
    """The slot of this process: the first of its threads takes it, the last gives it back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.waited = 0.0
        self.lease: UUID | None = None
        self.said: Any = log  # where the run that took it speaks
        self.ended = threading.Event()

    def enter(self) -> None:
        with self.lock:
            if self.users == 0 and _shared():
                self.said = _run_logger()
                self.lease = self._wait()
                if self.lease is not None:
                    self.ended = threading.Event()
                    threading.Thread(target=self._keep, args=(self.ended,), daemon=True, name="gpu-slot").start()
            self.users += 1

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if self.users or self.lease is None:
                return
            self.ended.set()
            lease, self.lease = self.lease, None
            try:
                with _client() as client:
                    client.release_concurrency_slots_with_lease(lease)
            except httpx.HTTPError as error:
                self.said.warning("the GPU slot was not given back (%s); it is free in %.0f s", _brief(error), LEASE_S)

    def _wait(self) -> UUID | None:
        """Return the lease of a slot once there is one; None where the server has no limit."""
        started = heard = said = time.monotonic()
        first = True
        with _client() as client:
            while True:
                try:
                    lease, full = _take(client)
                    heard = time.monotonic()
                    if not full:
                        break
                except httpx.HTTPError as error:
                    if time.monotonic() - heard > LEASE_S:
                        raise RemoteError(
                            f"the Prefect server has not answered for {LEASE_S:.0f} s ({_brief(error)}), so no GPU "
                            "slot can be had; start it and run again: what is finished is stored"
                        ) from error
                if first or time.monotonic() - said > REMIND_S:
                    first, said = False, time.monotonic()
                    self.said.info(
                        "waits for the GPU slot, %.0f s so far; a killed holder's is free after %.0f s, and "
                        "`prefect gcl inspect %s` shows how many are taken", said - started, LEASE_S, LIMIT,
                    )  # fmt: skip
                time.sleep(ASK_S)
        if not first:
            took = time.monotonic() - started
            self.waited += took
            self.said.info("waited %.0f s for the GPU slot", took)
        return lease

    def _keep(self, ended: threading.Event) -> None:
        """Renew the lease until the slot is given back; a lease that is lost is said, and taken anew when it is free.

        The step goes on without it: hours of training are worth more than the memory two models may contend for.
        """
        renewed, lost = time.monotonic(), False
        with _client() as client:
            while not ended.wait(RENEW_S):
                try:
                    if self._renew(client, ended, lost):
                        renewed, lost = time.monotonic(), False
                        continue
                    gone = "the server has given it up"
                except httpx.HTTPError as error:
                    gone = f"the server has not answered for {LEASE_S:.0f} s ({_brief(error)})"
                    if time.monotonic() - renewed < LEASE_S:
                        continue
                if not lost:
                    lost = True
                    self.said.warning(
                        "the GPU slot of this step is lost, %s: another run may compute on the GPU at the same time; "
                        "this step goes on and takes the slot again as soon as it is free", gone,
                    )  # fmt: skip

    def _renew(self, client: "SyncPrefectClient", ended: threading.Event, lost: bool) -> bool:
        """Return whether the slot is held for another `LEASE_S`."""
        if self.lease is None:
            return True
        try:
            client.renew_concurrency_lease(self.lease, LEASE_S)
        except httpx.HTTPStatusError as error:
            if error.response.status_code not in (GONE, UNKNOWN):
                raise
            with self.lock:
                if ended.is_set():
                    return True
                lease, _ = _take(client)
                self.lease = lease or self.lease
            if lease is None:
                return False
        if lost:
            self.said.info("the GPU slot is held again")
        return True


_slot = _Slot()


def _take(client: "SyncPrefectClient") -> tuple[UUID | None, bool]:
    """Ask once for a slot; return its lease, None where there is none, and whether all are taken."""
    try:
        said: Any = client.increment_concurrency_slots_with_lease(
            names=[LIMIT], slots=1, mode="concurrency", lease_duration=LEASE_S, holder=_holder()
        ).json()
    except httpx.HTTPStatusError as error:
        if error.response.status_code in (TAKEN, PAUSED):  # a limit of 0 is less than one slot
            return None, True
        if error.response.status_code == UNKNOWN:
            return None, False
        raise
    return (UUID(said["lease_id"]) if said["limits"] else None), False


def _holder() -> Any:
    """Return who holds the slot, as the server shows it: this flow run."""
    from prefect.runtime import flow_run
    from prefect.types._concurrency import ConcurrencyLeaseHolder

    return ConcurrencyLeaseHolder(type="flow_run", id=UUID(str(flow_run.id))) if flow_run.id else None


def _run_logger() -> Any:
    """Return the logger of the running flow or task, which the console and the pages of Prefect show."""
    from prefect.exceptions import MissingContextError
    from prefect.logging import get_run_logger

    try:
        return get_run_logger()
    except MissingContextError:
        return log


def _shared() -> bool:
    """Return whether other runs ask the server of this one, too: the temporary one of a run dies with it."""
    from prefect.settings import PREFECT_API_URL

    return bool(PREFECT_API_URL.value()) and workspace.NO_UI not in os.environ


def _client() -> "SyncPrefectClient":
    from prefect.client.orchestration import get_client

    return get_client(sync_client=True)


def _brief(error: Exception) -> str:
    return (str(error).strip().partition("\n")[0] or type(error).__name__)[:200]
