"""The global concurrency limits by which steps on accelerators take turns; safe to repeat.

A limit is written once, when it is made: what is changed in the UI stays, and is said.
"""

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from deployments.watching import Said
from tasks.errors import ContractError
from tasks.runtime import accelerator

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

SLOTS = "LLM_FLOWS_GPU_SLOTS"  # how many steps of all flows may compute on GPUs at once; the pool's file says 1


def apply(pools: Sequence[dict[str, Any]], client: "SyncPrefectClient", *, check: bool = False) -> Iterator[Said]:
    """Make the limit of every pool that has slots; yield what was done, in words.

    Args:
        pools: As they are written down.
        client: Of the server.
        check: Whether to change nothing.

    Raises:
        ContractError: `LLM_FLOWS_GPU_SLOTS` is no number of slots.
    """
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
    from prefect.exceptions import ObjectNotFound

    what = f"limit {accelerator.LIMIT}"
    for pool in pools:
        if "slots" not in pool:
            continue
        wanted = slots_of(pool)
        try:
            known = client.read_global_concurrency_limit_by_name(accelerator.LIMIT).limit
        except ObjectNotFound:
            if not check:
                made = GlobalConcurrencyLimitCreate(name=accelerator.LIMIT, limit=wanted)
                client.create_global_concurrency_limit(made)
            yield Said(f"{what}: {'not on the server' if check else f'made, {wanted} at a time'}", True)
            continue
        way = f"prefect gcl update {accelerator.LIMIT} --limit {wanted}"
        other = "" if known == wanted else f"; {wanted} are stated here: {way}"
        yield Said(f"{what}: kept, {known} at a time{other}")  # a person's number is no difference


def slots_of(pool: dict[str, Any]) -> int:
    """Return how many steps a pool's accelerators take at once: the environment's number, else that of its file.

    Raises:
        ContractError: The environment's is none.
    """
    text = os.environ.get(SLOTS, "")
    if text and not (text.isascii() and text.isdecimal() and 0 < int(text) <= 1_000):
        raise ContractError(f"{SLOTS} is {text!r} but a number from 1 to 1000 was needed; set it, or leave it out")
    return int(text or pool["slots"])
