"""Chains of prompts: steps over earlier outputs, votes, searches of thoughts."""

from tasks.chain.task import (
    chain_link,
    chain_tree,
    chain_vote,
    make_small,
    needed,
    small_voice,
    take_problems,
    validate_check,
    voice_of,
)

__all__ = [
    "chain_link",
    "chain_tree",
    "chain_vote",
    "make_small",
    "needed",
    "small_voice",
    "take_problems",
    "validate_check",
    "voice_of",
]
