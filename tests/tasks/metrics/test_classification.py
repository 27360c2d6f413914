import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from tasks.metrics.classification import accuracy, auroc, decide, f1_of, macro_f1, mean_auroc, table


@pytest.mark.parametrize("seed", [0, 1])
def test_macro_f1_and_accuracy_are_scikit_learns(seed: int) -> None:
    random = np.random.default_rng(seed)
    true, given = random.integers(0, 4, 60), random.integers(0, 5, 60)
    targets, said = np.eye(6, dtype=bool)[true], np.eye(6, dtype=bool)[given]
    assert macro_f1(targets, said) == pytest.approx(f1_score(true, given, average="macro"))
    assert accuracy(targets, said) == pytest.approx(accuracy_score(true, given))


def test_of_several_labels_a_text_is_right_when_all_are() -> None:
    random = np.random.default_rng(2)
    targets, said = random.random((50, 3)) < 0.4, random.random((50, 3)) < 0.4
    assert macro_f1(targets, said) == pytest.approx(f1_score(targets, said, average="macro"))
    assert accuracy(targets, said) == pytest.approx(accuracy_score(targets, said))


def test_the_likeliest_class_is_given_or_every_class_that_reaches_its_threshold() -> None:
    likely = np.array([[0.6, 0.4], [0.3, 0.35]])
    assert decide(likely, None).tolist() == [[True, False], [False, True]]
    assert decide(likely, [0.5, 0.35]).tolist() == [[True, True], [False, True]]


def test_a_table_of_labels_leaves_out_what_is_no_class() -> None:
    assert table([("a", "z"), ()], ["a", "b"]).tolist() == [[True, False], [False, False]]


@pytest.mark.parametrize("digits", [1, 8], ids=["ties", "no ties"])
def test_auroc_of_weighted_texts_is_scikit_learns(digits: int) -> None:
    random = np.random.default_rng(3)
    has, scores = random.random(40) < 0.3, random.random(40).round(digits)
    weights = random.integers(0, 4, (6, 40)).astype(float)
    theirs = [roc_auc_score(has, scores, sample_weight=each) for each in weights]
    assert auroc(has, scores, weights) == pytest.approx(theirs)
    assert np.isnan(auroc(has, scores, np.where(has, 0.0, weights))).all()
    assert np.isnan(auroc(np.ones(40, dtype=bool), scores, weights)).all()


def test_the_mean_auroc_leaves_out_classes_that_cannot_be_told_apart() -> None:
    random = np.random.default_rng(4)
    targets, likely = random.random((30, 4)) < 0.5, random.random((30, 4))
    targets[:, 1] = False
    weights = np.ones((2, 30))
    weights[1, targets[:, 2]] = 0  # of the second sample, no text has the third class
    theirs = [roc_auc_score(targets[:, k], likely[:, k]) for k in (0, 2, 3)]
    others = [roc_auc_score(targets[:, k], likely[:, k], sample_weight=weights[1]) for k in (0, 3)]
    assert mean_auroc(targets, likely, weights) == pytest.approx([np.mean(theirs), np.mean(others)])
    assert np.isnan(mean_auroc(targets[:, [1]], likely[:, [1]], weights)).all()


def test_f1_of_a_class_that_no_text_has_and_none_was_given_is_0() -> None:
    right, wrong, missed = np.array([2.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0]), np.array([3.0, 0.0, 4.0])
    assert f1_of(right, wrong, missed).tolist() == [0.5, 0.0, 0.0]


def test_one_class_alone_is_its_own_mean() -> None:
    one = np.array([[True, False], [True, False]])
    assert macro_f1(one, one) == 1.0
    assert macro_f1(np.zeros((2, 2), dtype=bool), np.zeros((2, 2), dtype=bool)) == 0.0
