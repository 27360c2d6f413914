"""The global concurrency limits by which steps on accelerators take turns; safe to repeat.

A limit is written once, when it is made: what is changed in the UI stays, and is said.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from tasks.errors import ContractError
from tasks.runtime import accelerator

SLOTS = "LLM_FLOWS_GPU_SLOTS"  # how many steps of all flows may compute on GPUs at once; the pool's file says 1


def apply(pools: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Make the limit of every pool that has slots; yield what was done, in words.

    Raises:
        ContractError: `LLM_FLOWS_GPU_SLOTS` is no number of slots.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
    from prefect.exceptions import ObjectNotFound

    for pool in pools:
        if "slots" not in pool:
            continue
        wanted = slots_of(pool)
        with get_client(sync_client=True) as client:
            try:
                known = client.read_global_concurrency_limit_by_name(accelerator.LIMIT).limit
            except ObjectNotFound:
                client.create_global_concurrency_limit(
                    GlobalConcurrencyLimitCreate(name=accelerator.LIMIT, limit=wanted)
                )
                yield f"limit {accelerator.LIMIT}: made, {wanted} at a time"
                continue
        kept = f"limit {accelerator.LIMIT}: kept, {known} at a time"
        yield (
            kept
            if known == wanted
            else (f"{kept}; {wanted} are stated here: prefect gcl update {accelerator.LIMIT} --limit {wanted}")
        )


def slots_of(pool: dict[str, Any]) -> int:
    """Return how many steps a pool's accelerators take at once: the environment's number, else that of its file.

    Raises:
        ContractError: The environment's is none.
    """
    text = os.environ.get(SLOTS, "")
    if text and not (text.isascii() and text.isdecimal() and 0 < int(text) <= 1_000):
        raise ContractError(f"{SLOTS} is {text!r} but a number from 1 to 1000 was needed; set it, or leave it out")
    return int(text or pool["slots"])
