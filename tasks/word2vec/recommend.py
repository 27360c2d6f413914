"""Predict the next item of a list from the items before it, and judge it beside popularity and chance.

With negative sampling the product of two vectors tends to log p(item | list) - log q(item) up to a constant, where q
is how often an item is drawn as a negative: its count to the power `ns_exponent`. Adding log q back gives the chance
of the item itself; popularity is the case without any vector.
Shapes: V items, D width, L items of a list, U lists.
Source: Levy & Goldberg, NeurIPS 2014 (what negative sampling learns); the two baselines are the usual ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from configs.word2vec import Recommended
from tasks.data.evaluation import Scored
from tasks.data.words import Line
from tasks.errors import ContractError, DataError
from tasks.word2vec.train import TrainedVectors

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Held:
    """A list whose next item is known.

    Attributes:
        id: Of the list.
        before: Its items, in order.
        next: The item that came next.
    """

    id: str
    before: tuple[str, ...]
    next: str


def hold_out(lines: Sequence[Line], *, split: str, least_items: int) -> tuple[list[tuple[str, ...]], list[Held]]:
    """Take the last items of lists away.

    Args:
        lines: Lists, in the order of time.
        split: test holds the last item back; development the last but one, and drops the last altogether.
        least_items: Shorter lists are trained on, without the same items, but not judged by.

    Returns:
        What may be trained on, and what is judged by.

    Raises:
        DataError: No list is long enough.
    """
    back = 1 if split == "test" else 2
    train = [line.words[:-back] for line in lines]
    held = [Held(line.id, line.words[:-back], line.words[-back]) for line in lines if len(line.words) >= least_items]
    if not held:
        longest = max((len(line.words) for line in lines), default=0)
        raise DataError(f"the longest list has {longest} items but {least_items} are needed for evaluation; lower it")
    return train, held


def score_items(known: TrainedVectors, before: Sequence[str], config: Recommended, ns_exponent: float) -> Scores:
    """Return the (V,) scores of all items after a list; a list without a known item gives the popular ones.

    Raises:
        ContractError: The vectors of items as neighbours are not known.
    """
    if len(known.output) != len(known.words):
        raise ContractError(
            "these vectors were read from a file that does not say how items follow; train them instead"
        )
    popular = np.log(np.maximum(known.counts, 1).astype(np.float64))
    rows = [row for item in before if (row := known.places.get(item)) is not None][-config.context_items :]
    if not rows:
        return popular
    goes_with: Scores = known.output.astype(np.float64) @ known.vectors[rows].astype(np.float64).mean(axis=0)
    return goes_with + config.popularity * ns_exponent * popular


def recommend(
    known: TrainedVectors, before: Sequence[str], config: Recommended, ns_exponent: float
) -> list[tuple[str, float]]:
    """Return the best `k` items after a list, best first, with their scores."""
    scores = _open_only(known, before, score_items(known, before, config, ns_exponent), config)
    best = np.argsort(-scores, kind="stable")[: config.k]
    return [(known.words[row], float(scores[row])) for row in best if np.isfinite(scores[row])]


def score_lists(
    known: TrainedVectors, held: Sequence[Held], config: Recommended, ns_exponent: float, seed: int
) -> Iterator[Scored]:
    """Yield hit rate and reciprocal rank of every list by word2vec, by popularity and by chance.

    All three choose among the same items. An item that was never trained on is missed by all.
    """
    popular = np.log(np.maximum(known.counts, 1).astype(np.float64))
    random = np.random.default_rng(seed)
    for one in held:
        ways = {
            "word2vec": score_items(known, one.before, config, ns_exponent),
            "popularity": popular,
            "random": random.random(len(popular)),
        }
        for way, scores in ways.items():
            rank = _rank(known, one, _open_only(known, one.before, scores, config))
            yield Scored(one.id, way, f"hit@{config.k}", float(0 < rank <= config.k))
            yield Scored(one.id, way, "mrr", 1 / rank if rank else 0.0)


def _open_only(known: TrainedVectors, before: Sequence[str], scores: Scores, config: Recommended) -> Scores:
    """Leave out items of the list, unless they may come again."""
    if config.repeats:
        return scores
    scores = scores.copy()
    scores[[row for item in set(before) if (row := known.places.get(item)) is not None]] = -np.inf
    return scores


def _rank(known: TrainedVectors, one: Held, scores: Scores) -> int:
    """Return the rank of the item that came next, ties against it; 0 where it cannot be recommended."""
    row = known.places.get(one.next)
    if row is None or not np.isfinite(scores[row]):
        return 0
    return int((scores >= scores[row]).sum())
