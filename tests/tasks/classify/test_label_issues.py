import numpy as np
import numpy.typing as npt
import pytest
from cleanlab.count import compute_confident_joint, estimate_joint

from tasks.classify.label_issues import (
    class_thresholds,
    confident_labels,
    contradictions,
    expected_wrong,
    probably_wrong,
)


def noisy(seed: int, share: float = 0.1) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    random = np.random.default_rng(seed)
    true = random.integers(0, 4, 400)
    likely = random.dirichlet(np.full(4, 0.4), 400) + 2 * np.eye(4)[true] * random.random((400, 1))
    given = np.where(random.random(400) < share, random.integers(0, 4, 400), true)
    return given, likely / likely.sum(axis=1, keepdims=True)


def test_the_threshold_of_a_class_is_the_mean_over_its_own_texts() -> None:
    likely = np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6]])
    assert class_thresholds(np.array([0, 0, 1]), likely).tolist() == pytest.approx([0.8, 0.6])
    assert confident_labels(np.array([0, 0, 1]), likely).tolist() == [0, -1, 1]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_confident_joint_and_the_number_of_errors_are_those_of_cleanlab(seed: int) -> None:
    given, likely = noisy(seed)
    confident = confident_labels(given, likely)
    joint = np.zeros((4, 4), dtype=int)
    for label, other in zip(given, confident, strict=True):
        if other >= 0:
            joint[label, other] += 1
    assert joint.tolist() == compute_confident_joint(given, likely, calibrate=False).tolist()
    theirs = estimate_joint(given, likely)
    assert abs(expected_wrong(given, likely) - 400 * (1 - theirs.trace())) <= 3  # it rounds every cell


def test_as_many_are_listed_as_are_expected_to_be_wrong_and_most_of_those_turned_are_among_them() -> None:
    given, likely = noisy(1)
    turned, rows = np.flatnonzero(given != noisy(1, share=0.0)[0]), probably_wrong(given, likely)
    assert len(rows) <= expected_wrong(given, likely)
    assert np.isin(turned, rows).mean() > 0.7
    assert (likely[rows].argmax(axis=1) != given[rows]).all()


def test_labels_that_are_least_likely_come_first() -> None:
    given, likely = noisy(4)
    rows = probably_wrong(given, likely)
    values = likely[rows, given[rows]]
    assert len(rows) > 5
    assert (np.diff(values) >= 0).all()


def test_right_labels_are_no_issues() -> None:
    likely = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8]])
    assert probably_wrong(np.array([0, 0, 1]), likely).tolist() == []


def test_rows_that_contradict_most_rows_of_their_text_are_issues() -> None:
    documents = [{"id": str(row), "text": text} for row, text in enumerate("aaabbccd")]
    given = np.array([0, 0, 1, 1, 0, 2, 2, 1])
    likely = np.full((8, 3), 1 / 3) + np.array([0.0, 0.1, 0.2])
    found = contradictions(given, likely, ("x", "y", "z"), documents)
    assert {(issue.row, issue.given, issue.likely) for issue in found} == {(2, "y", "x"), (4, "x", "y")}
