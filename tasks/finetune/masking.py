"""Hide tokens of a text that a model must guess; what is hidden follows from seed, epoch and row alone.

Source: Devlin et al. 2019, arXiv:1810.04805: of the chosen tokens 80 % are masked, 10 % replaced, 10 % stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.finetune.padding import IGNORED

HELD_OUT = 2**32 - 1  # in place of an epoch, for texts whose masks never change
MASKED, REPLACED = 0.8, 0.1
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Masking:
    """How tokens are hidden.

    Attributes:
        seed: Same seed, same masks.
        probability: Share of the tokens that are guessed.
        mask: The token that hides.
        special: Tokens that are never hidden nor guessed.
        words: Tokens that may stand in place of another.
    """

    seed: int
    probability: float
    mask: int
    special: frozenset[int]
    words: Ids


def masking_of(seed: int, probability: float, mask: int, special: Sequence[int], vocabulary: int) -> Masking:
    """Return how tokens of a vocabulary are hidden; a special token never stands in place of another.

    Args:
        seed: Of the masks.
        probability: Share of the tokens that are guessed.
        mask: The token that hides.
        special: Tokens that are no words, the mask among them.
        vocabulary: Tokens that the model knows.
    """
    words = np.setdiff1d(np.arange(vocabulary), np.array([*special, mask], dtype=np.int64))
    return Masking(seed, probability, mask, frozenset([*special, mask]), words)


def hide(ids: Sequence[int], masking: Masking, epoch: int, row: int) -> tuple[Ids, Ids]:
    """Return the tokens of a text with some hidden, and what stood there; `IGNORED` where nothing is guessed.

    Args:
        ids: L tokens, special ones included.
        masking: How they are hidden.
        epoch: Which pass over the texts; `HELD_OUT` for masks that never change.
        row: Which text.
    """
    random = np.random.default_rng([masking.seed, epoch, row])
    given = np.array(ids, dtype=np.int64)
    chances, ways = random.random(len(given)), random.random(len(given))
    others = random.choice(masking.words, len(given))
    plain = ~np.isin(given, list(masking.special))
    chosen = plain & (chances < masking.probability)
    hidden = np.where(chosen & (ways < MASKED), masking.mask, given)
    hidden = np.where(chosen & (ways >= MASKED) & (ways < MASKED + REPLACED), others, hidden)
    return hidden, np.where(chosen, given, IGNORED)
