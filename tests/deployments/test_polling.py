"""A worker outlives a server that is away."""

import asyncio

import httpx
import pytest
from prefect.utilities.services import critical_service_loop

from deployments.polling import patient_loop

AWAY = 15  # attempts, more than Prefect's loop takes


async def asked(loop: object) -> int:
    """Ask a server that is away for some attempts, until it has answered; return how often it was asked."""
    attempts = 0

    async def ask() -> None:
        nonlocal attempts
        attempts += 1
        if attempts <= AWAY:
            raise httpx.ConnectError("refused")
        raise asyncio.CancelledError  # the worker is stopped

    with pytest.raises(asyncio.CancelledError):
        await loop(workload=ask, interval=0.001, jitter_range=0.3, backoff=4)  # type: ignore[operator]
    return attempts


def test_it_goes_on_asking_until_the_server_is_back() -> None:
    assert asyncio.run(asked(patient_loop)) == AWAY + 1


def test_prefect_alone_still_ends_it_so_that_the_loop_of_ours_is_needed() -> None:
    with pytest.raises(RuntimeError, match="exceeded error threshold"):
        asyncio.run(asked(critical_service_loop))


def test_what_is_no_outage_ends_it() -> None:
    async def broken() -> None:
        raise ValueError("a fault of the worker")

    with pytest.raises(ValueError, match="a fault"):
        asyncio.run(patient_loop(broken, 0.001))
