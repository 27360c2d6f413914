"""Precision, recall and F1 of entities equal those of seqeval in strict mode."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from tasks.metrics.entities import entity_counts, micro_f1, resampled_f1

LABELS = ["O", "B-x", "I-x", "B-y", "I-y"]


@given(st.integers(0, 2**31))
def test_f1_over_all_entities_and_of_each_type_equals_seqeval(seed: int) -> None:
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 9, 6)
    given_, found = ([random.choice(LABELS, n, p=[0.4, 0.2, 0.2, 0.1, 0.1]).tolist() for n in sizes] for _ in range(2))
    given_[0][0], found[0][0] = "B-x", "B-x"
    counts = entity_counts(given_, found, ["x", "y"])
    theirs = f1_score(given_, found, mode="strict", scheme=IOB2, zero_division=0)
    assert micro_f1(counts) == pytest.approx(theirs)
    right, wrong, missed = counts[:, 0].sum(axis=0)
    only_x = [[[label if label.endswith("x") else "O" for label in row] for row in part] for part in (given_, found)]
    assert 2 * right / (2 * right + wrong + missed) == pytest.approx(
        f1_score(*only_x, mode="strict", scheme=IOB2, zero_division=0)
    )


def test_no_entities_at_all_are_an_f1_of_nothing() -> None:
    assert micro_f1(entity_counts([["O", "O"]], [["O", "O"]], ["x"])) == 0.0


def test_resampling_keeps_sentences_whole() -> None:
    counts = entity_counts([["B-x"], ["O"]] * 50, [["B-x"], ["O"]] * 50, ["x"])
    samples = resampled_f1(counts, resamples=20, seed=0)
    assert samples.shape == (20, 2)
    assert (samples == 1.0).all()
