"""Look inside a causal model."""

from tasks.inspect.task import (
    check_cache,
    check_positions,
    cost_by_length,
    describe_causal,
    follow_steps,
    list_stages,
    made_causal,
    make_small,
    map_attention,
    prompt_tokens,
    reply_and_continue,
    train_under_masks,
    try_masks,
)

__all__ = [
    "check_cache",
    "check_positions",
    "cost_by_length",
    "describe_causal",
    "follow_steps",
    "list_stages",
    "made_causal",
    "make_small",
    "map_attention",
    "prompt_tokens",
    "reply_and_continue",
    "train_under_masks",
    "try_masks",
]
