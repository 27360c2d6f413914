import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from tasks.metrics.classification import accuracy, decide, macro_f1, table


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
