"""Generate greedily with and without cache, and measure what it takes.

Shapes: L tokens.
Source: ours; the cache is transformers' own.
"""

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tasks.data.anatomy import Timing

Done = Callable[[int], None]


def unsaid(amount: int) -> None:
    """Say nothing of how far work has come."""


def greedy(model: Any, ids: Sequence[int], count: int, *, cache: bool, done: Done = unsaid) -> tuple[list[int], int]:
    """Generate up to `count` tokens, always the likeliest, until the model ends the text.

    Args:
        model: The model.
        ids: The prompt.
        count: Tokens at most.
        cache: Keep keys and values of earlier tokens; else the whole text goes through the model for every token.
        done: Told of each token, and of all that a model leaves out by ending the text.

    Returns:
        The new tokens, the end token left out; and the bytes of the cache at the end, 0 without one.
    """
    import torch

    known, kept = list(ids), None
    with torch.inference_mode():
        while len(known) - len(ids) < count:
            fed = known[-1:] if kept is not None else known
            found = model(input_ids=torch.tensor([fed]), past_key_values=kept, use_cache=cache)
            kept = found.past_key_values if cache else None
            token = int(found.logits[0, -1].argmax())
            if token in ends(model):
                done(count + len(ids) - len(known))
                break
            known.append(token)
            done(1)
    return known[len(ids) :], cache_bytes(kept)


def ends(model: Any) -> set[int]:
    """Return the tokens that end a text, as the model's generation settings state them, else its config."""
    stated = getattr(model.generation_config, "eos_token_id", None)
    stated = model.config.eos_token_id if stated is None else stated
    return set() if stated is None else {stated} if isinstance(stated, int) else set(stated)


def cache_bytes(kept: Any) -> int:
    """Return the bytes of the tensors of a cache."""
    if kept is None:
        return 0
    tensors = [t for layer in kept.layers for t in (layer.keys, layer.values) if t is not None]
    return sum(t.numel() * t.element_size() for t in tensors)


def time_cache(
    model: Any, ids: Sequence[int], count: int, repeats: int, done: Done = unsaid
) -> tuple[list[Timing], bool, int]:
    """Time generation with and without cache, in turn, after one of each that is not counted.

    Args:
        model: The model.
        ids: The prompt.
        count: Tokens.
        repeats: Times each is timed.
        done: Told of each token.

    Returns:
        The timings; whether both gave the same tokens every time; bytes of the cache.
    """
    timings, seen, size = [], set[tuple[int, ...]](), 0
    for repeat in range(repeats + 1):
        for way, cache in (("with cache", True), ("without cache", False)):
            started = time.perf_counter()
            tokens, kept = greedy(model, ids, count, cache=cache, done=done)
            seconds = time.perf_counter() - started
            seen.add(tuple(tokens))
            size = max(size, kept)
            if repeat:
                timings.append(Timing(way, len(tokens), repeat, seconds, kept))
    return timings, len(seen) == 1, size


def cost_of_length(model: Any, ids: Sequence[int], lengths: Sequence[int], repeats: int) -> Iterator[Timing]:
    """Yield time and memory of one pass over texts of growing length, made of the prompt said over and over."""
    import torch

    from tasks.inspect.memory import peak_bytes

    for length in lengths:
        fed = torch.tensor([(list(ids) * (length // len(ids) + 1))[:length]])
        with torch.inference_mode():
            peak = peak_bytes(functools.partial(model, input_ids=fed, use_cache=False))
            for repeat in range(1, repeats + 1):
                started = time.perf_counter()
                model(input_ids=fed, use_cache=False)
                yield Timing("forward", length, repeat, time.perf_counter() - started, peak)
