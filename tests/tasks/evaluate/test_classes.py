import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

from tasks.evaluate.classes import (
    ScoredTexts,
    calibration_bins,
    class_by_class,
    confusion,
    judge_ways,
    majority,
    mcnemar,
)
from tasks.metrics.classification import decide

RANDOM = np.random.default_rng(5)
TRUE = RANDOM.integers(0, 3, 120)
TARGETS = np.eye(3, dtype=bool)[TRUE]


def way(noise: float, seed: int) -> ScoredTexts:
    random = np.random.default_rng(seed)
    likely = random.dirichlet(np.ones(3), 120) * noise + TARGETS * (1 - noise)
    return ScoredTexts(decide(likely, None), likely)


GOOD, BAD = way(0.6, 1), way(0.95, 2)


@pytest.mark.slow
def test_intervals_are_those_of_texts_drawn_again_and_differences_are_paired() -> None:
    measures, (macro, _) = judge_ways(
        TARGETS, {"good": GOOD, "bad": BAD}, multiple=False, resamples=200, bins=10, seed=7
    )
    random, values = np.random.default_rng(7), []
    for _ in range(200):
        rows = random.integers(0, 120, 120)
        values.append([
            f1_score(TRUE[rows], w.labels[rows].argmax(axis=1), average="macro") for w in (GOOD, BAD)
        ])  # fmt: skip
    good, bad = np.array(values).T
    found = next(m for m in measures if (m.name, m.what) == ("macro-F1", "good"))
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(good, [2.5, 97.5])))
    assert (macro.low, macro.high) == pytest.approx(tuple(np.percentile(good - bad, [2.5, 97.5])))
    assert macro.difference == pytest.approx(
        f1_score(TRUE, GOOD.labels.argmax(axis=1), average="macro")
        - f1_score(TRUE, BAD.labels.argmax(axis=1), average="macro")
    )


def test_the_calibration_error_is_the_sum_over_bins_of_how_far_sure_and_right_are_apart() -> None:
    measures, _ = judge_ways(TARGETS, {"good": GOOD}, multiple=False, resamples=5, bins=10, seed=0)
    error = next(m.value for m in measures if m.name == "calibration error")
    sure, right = GOOD.likely.max(axis=1), GOOD.likely.argmax(axis=1) == TRUE
    expected = 0.0
    for low in np.arange(10) / 10:
        inside = (sure > low) & (sure <= low + 0.1)
        if inside.any():
            expected += inside.mean() * abs(sure[inside].mean() - right[inside].mean())
    assert error == pytest.approx(expected)
    bins = calibration_bins(TARGETS, "good", GOOD, bins=10, multiple=False)
    assert sum(b.count * abs(b.confidence - b.right) for b in bins) / 120 == pytest.approx(expected)


def test_classes_and_confusion_are_scikit_learns() -> None:
    given = GOOD.labels.argmax(axis=1)
    rows = class_by_class(TARGETS, "abc", "good", GOOD)
    theirs = precision_recall_fscore_support(TRUE, given)
    for mine, column in (("precision", 0), ("recall", 1), ("f1", 2), ("support", 3)):
        assert [getattr(row, mine) for row in rows] == pytest.approx(theirs[column])
    cells = {(c.given, c.predicted): c.count for c in confusion(TARGETS, "abc", "good", GOOD)}
    expected = confusion_matrix(TRUE, given)
    assert [[cells.get((a, b), 0) for b in "abc"] for a in "abc"] == expected.tolist()


def test_mcnemar_doubles_the_binomial_tail_of_the_texts_only_one_gets_right() -> None:
    ours = np.array([True] * 9 + [False] * 2 + [True] * 5)
    theirs = np.array([False] * 9 + [True] * 2 + [True] * 5)
    assert mcnemar(ours, theirs) == (pytest.approx(2 * (1 + 11 + 55) / 2**11), 9, 2)
    assert mcnemar(ours, ours) == (1.0, 0, 0)


def test_the_majority_is_always_the_same_class_and_as_sure_as_it_is_common() -> None:
    train = np.eye(3, dtype=bool)[[0, 1, 1, 1]]
    said = majority(train, 2, multiple=False)
    assert said.labels.tolist() == [[False, True, False]] * 2
    assert said.likely.tolist() == [[0.25, 0.75, 0.0]] * 2


def test_of_several_labels_micro_f1_is_measured_too() -> None:
    random = np.random.default_rng(3)
    targets, likely = random.random((80, 3)) < 0.3, random.random((80, 3))
    said = ScoredTexts(decide(likely, [0.5] * 3), likely)
    measures, _ = judge_ways(targets, {"w": said}, multiple=True, resamples=20, bins=5, seed=0)
    found = {m.name: m.value for m in measures}
    assert found["micro-F1"] == pytest.approx(f1_score(targets, said.labels, average="micro"))
    assert found["macro-F1"] == pytest.approx(f1_score(targets, said.labels, average="macro"))
