"""Tokens are hidden as BERT hides them, by seed, epoch and row alone."""

import numpy as np
import pytest

from tasks.finetune.masking import HELD_OUT, Masking, hide, masking_of
from tasks.finetune.padding import IGNORED

SPECIAL = (0, 1, 2, 3)
VOCABULARY, MASK = 1_000, 4
TEXT = [2, *range(10, 990), 1, 3]


def masking(probability: float = 0.15, seed: int = 0) -> Masking:
    return masking_of(seed, probability, MASK, SPECIAL, VOCABULARY)


def hidden(count: int, probability: float = 0.15) -> tuple[np.ndarray, np.ndarray]:
    pairs = [hide(TEXT, masking(probability), 0, row) for row in range(count)]
    return np.array([given for given, _ in pairs]), np.array([truth for _, truth in pairs])


@pytest.mark.parametrize("probability", [0.15, 0.4])
def test_the_share_of_guessed_tokens_lies_within_the_bounds_of_a_binomial(probability: float) -> None:
    _, truth = hidden(50, probability)
    words = 50 * 980
    spread = np.sqrt(words * probability * (1 - probability))
    assert abs((truth != IGNORED).sum() - words * probability) < 4 * spread


def test_of_ten_guessed_tokens_eight_are_masked_one_is_another_word_and_one_stays() -> None:
    given, truth = hidden(50)
    chosen = truth != IGNORED
    total = chosen.sum()
    masked, same = (given[chosen] == MASK).mean(), (given[chosen] == truth[chosen]).mean()
    for share, expected in ((masked, 0.8), (same, 0.1), (1 - masked - same, 0.1)):
        assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / total)


def test_what_is_not_guessed_stays_and_what_is_guessed_is_what_stood_there() -> None:
    given, truth = hidden(5)
    every = np.array([TEXT] * 5)
    assert np.array_equal(given[truth == IGNORED], every[truth == IGNORED])
    assert np.array_equal(truth[truth != IGNORED], every[truth != IGNORED])


def test_no_special_token_is_hidden_or_stands_in_place_of_a_word() -> None:
    given, truth = hidden(50, 0.9)
    assert np.array_equal(np.isin(given, SPECIAL), np.isin([TEXT] * 50, SPECIAL))
    assert not np.isin(truth, (*SPECIAL, MASK)).any()


def test_masks_follow_from_seed_epoch_and_row_and_from_nothing_else() -> None:
    first = hide(TEXT, masking(), 3, 7)
    np.random.default_rng().random(10)
    again = hide(TEXT, masking(), 3, 7)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    for other in (hide(TEXT, masking(seed=1), 3, 7), hide(TEXT, masking(), 4, 7), hide(TEXT, masking(), 3, 8),
                  hide(TEXT, masking(), HELD_OUT, 7)):  # fmt: skip
        assert not np.array_equal(first[1], other[1])
