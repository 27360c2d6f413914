"""Draw the next token of each reply, from its own stream of chance: nothing depends on what else is in the batch.

Shapes: V tokens of the vocabulary, L tokens of a prompt and its reply so far.
Source: nucleus sampling, Holtzman et al. 2020, arXiv:1904.09751; the penalty of repeats, Keskar et al. 2019 (CTRL),
arXiv:1909.05858; both penalties as the logits processors of transformers.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.data.sampling import ResolvedSampling

Logits = npt.NDArray[np.float32]


def stream(seed: int, key: str) -> np.random.Generator:
    """Return the stream of chance of one request, named by its key."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(f"{seed} {key}".encode()).digest()[:16], "big"))


def draw(logits: Logits, sampling: ResolvedSampling, chance: np.random.Generator) -> int:
    """Draw one token.

    Args:
        logits: (V,) of each token; minus infinity for those not allowed.
        sampling: Temperature and what is left out; at temperature 0 the first of the most likely is taken.
        chance: Where the draw comes from.
    """
    if sampling.temperature == 0:
        return int(logits.argmax())
    scaled = (logits.astype(np.float64) - logits.max()) / sampling.temperature
    whole = not sampling.top_k and sampling.top_p == 1
    order = np.arange(len(scaled)) if whole else np.argsort(-scaled, kind="stable")
    if sampling.top_k:
        order = order[: sampling.top_k]
    shares = np.exp(scaled[order])
    shares /= shares.sum()
    if sampling.top_p < 1:
        kept = int(np.searchsorted(np.cumsum(shares), sampling.top_p)) + 1
        order, shares = order[:kept], shares[:kept]
    reached = np.cumsum(shares)
    row = int(np.searchsorted(reached, chance.random() * reached[-1], side="right"))
    last = int(np.flatnonzero(shares)[-1])
    return int(order[min(row, last)])


def penalised(logits: Logits, tokens: Sequence[int], sampling: ResolvedSampling) -> Logits:
    """Make tokens less likely that would repeat what stands there.

    Args:
        logits: (V,) of each token; minus infinity for those not allowed.
        tokens: (L,) of the prompt and the reply so far.
        sampling: The penalties.

    Returns:
        (V,). Where every allowed token would repeat a run, as the signs of a form do, runs may repeat.
    """
    seen, logits = np.asarray(tokens), logits.copy()
    scores = logits[seen]
    penalty = sampling.repetition_penalty
    logits[seen] = np.where(scores < 0, scores * penalty, scores / penalty)
    others = logits.copy()
    others[_completing(seen, sampling.no_repeat_ngram_size)] = -np.inf
    return others if np.isfinite(others).any() else logits


def _completing(tokens: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    """Return the tokens that have followed the last `size` - 1 before."""
    if not size or len(tokens) < size:
        return tokens[:0]
    runs = np.lib.stride_tricks.sliding_window_view(tokens, size)
    same = np.flatnonzero((runs[:, :-1] == tokens[len(tokens) - size + 1 :]).all(1))
    return tokens[same + size - 1]
