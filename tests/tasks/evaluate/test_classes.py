import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support, roc_auc_score

from tasks.evaluate.calibration import plain_error
from tasks.evaluate.classes import (
    ScoredTexts,
    calibration_bins,
    class_by_class,
    confidences,
    confusion,
    gains,
    judge_order,
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


def test_the_bins_that_are_drawn_add_up_to_the_plain_calibration_error() -> None:
    bins = calibration_bins(TARGETS, "good", GOOD, bins=10, multiple=False)
    expected = plain_error(np.ones(120), *confidences(TARGETS, GOOD, multiple=False), 10)
    assert sum(b.count * abs(b.confidence - b.right) for b in bins) / 120 == pytest.approx(expected)


@pytest.mark.parametrize("digits", [1, 8], ids=["ties", "no ties"])
def test_auroc_and_its_resamples_are_those_of_scikit_learn(digits: int) -> None:
    likely = GOOD.likely.round(digits)
    likely[:, 0] += 1 - likely.sum(axis=1)
    said = {"good": ScoredTexts(GOOD.labels, likely), "constant": majority(TARGETS, 120, multiple=False)}
    (found,) = judge_order(TARGETS, said, resamples=50, seed=7)
    random = np.random.default_rng(7)
    drawn = [random.integers(0, 120, 120) for _ in range(50)]
    theirs = [
        np.mean([roc_auc_score(TARGETS[rows, k], likely[rows, k]) for k in range(3)])
        for rows in (np.arange(120), *drawn)
    ]
    assert (found.name, found.what, found.n) == ("AUROC", "good", 120)
    assert found.value == pytest.approx(theirs[0])
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(theirs[1:], [2.5, 97.5])))


def test_auroc_leaves_out_resamples_and_classes_that_cannot_be_told_apart() -> None:
    targets = np.eye(3, dtype=bool)[[0, 0, 0, 1]]  # one text of the second class, none of the third
    likely = np.array([[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.4, 0.5, 0.1]])
    (found,) = judge_order(targets, {"w": ScoredTexts(decide(likely, None), likely)}, resamples=100, seed=0)
    assert found.value == pytest.approx((2 / 3 + 1) / 2)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_what_calibration_gains_is_the_paired_difference() -> None:
    _, paired = judge_ways(TARGETS, {"w": GOOD, "w, raw": BAD, "v": BAD}, multiple=False, resamples=50, bins=5, seed=0)
    macro, right = gains(paired, {"w": "w, raw"}, 120)
    assert (macro.name, macro.what) == ("macro-F1 gained by calibration", "w")
    theirs = next(p for p in paired if (p.ours, p.theirs, p.metric) == ("w", "w, raw", "accuracy"))
    assert (right.value, right.low, right.high, right.n) == (theirs.difference, theirs.low, theirs.high, 120)


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
