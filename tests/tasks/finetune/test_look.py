"""What is said of examples before anything is trained."""

from typing import Any

import pytest

from tasks.errors import DataError
from tasks.finetune import look

SIZE = look.ModelSize(parameters=10_000_000, width=384, layers=6, heads=12)


def test_lengths_and_labels_are_counted() -> None:
    assert look.lengths_of([1, 2, 3, 300], 256) == (2, 300, 0.25)
    assert look.label_counts(["a", "b", "a", ""]) == (("a", 2), ("b", 1))


def test_what_is_odd_is_said_in_words() -> None:
    said = look.warnings_of([("common", 10_000), ("rare", 1)], 0.3, 200, 4, 1_000)
    assert [any(word in line for line in said) for word in ("rare", "30% of the texts", "200 rows", "4 rows")] == [
        True
    ] * 4
    assert look.warnings_of([("a", 10), ("b", 9)], 0.0, 0, 0, 100) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((1, 100, 3, "multiple-negatives", "pairs"), "1 rows are left"),
        ((100, 1, 3, "multiple-negatives", "pairs"), "1 texts are left to judge"),
        ((100, 100, 1, "contrastive", "labels"), "1 label is left"),
        ((100, 100, 3, "multiple-negatives", "labels"), "contrastive"),
    ],
)
def test_what_cannot_be_learned_or_judged_is_refused(given: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        look.require_enough(*given)


def test_estimates_grow_with_the_work() -> None:
    rate = look.product_rate()
    assert rate > 1e8
    small, large = (look.estimate(SIZE, tokens, 64, 32, rate) for tokens in (1_000, 100_000))
    assert large[0] == pytest.approx(100 * small[0])
    assert small[1] == large[1] == 16 * SIZE.parameters + look.activations(SIZE, 64, 32)
    assert look.activations(SIZE, 64, 64) > 2 * look.activations(SIZE, 64, 32)


@pytest.mark.parametrize(
    ("rows", "batch", "epochs", "most", "steps"),
    [(64, 32, 1, None, 2), (65, 32, 1, None, 3), (64, 32, 10, 5, 5), (1, 32, 1, None, 1)],
)
def test_steps_are_counted(rows: int, batch: int, epochs: float, most: int | None, steps: int) -> None:
    assert look.steps_of(rows, batch, epochs, most) == steps


def test_a_decoder_costs_several_passes() -> None:
    assert look.passes_of("tsdae") > look.passes_of("cosine") == 1
