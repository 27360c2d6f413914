"""Chains of prompts: steps over earlier outputs, votes, searches of thoughts."""

from tasks.chain.task import (
    chain_link,
    chain_tree,
    chain_vote,
    count_questions,
    make_handle,
    make_small,
    make_small_handle,
    needed,
    take_problems,
    validate_check,
)

__all__ = [
    "chain_link",
    "chain_tree",
    "chain_vote",
    "count_questions",
    "make_handle",
    "make_small",
    "make_small_handle",
    "needed",
    "take_problems",
    "validate_check",
]
