"""Pictures that show none of the classes: the line is drawn where it was asked for, and judged on the other half."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import roc_auc_score

from configs.pictures import ZeroShotClasses
from tasks.classify.none_of_these import draw_line, judge_line, nearest_of, signs_of
from tasks.vectors.arithmetic import normalise

Floats = npt.NDArray[np.float32]


def drawn(count: int, *, apart: float, seed: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return signs of pictures, those of the classes higher in all of them."""
    draw = np.random.default_rng(seed)
    known = np.arange(count) % 3 > 0
    return (draw.normal(size=(count, 4)) + apart * known[:, None]).astype(np.float32), known


def test_signs_are_the_best_cosine_its_lead_the_evenness_and_the_nearest_picture() -> None:
    cosines = np.array([[0.5, 0.2, 0.1], [0.3, 0.3, 0.3]], np.float32)
    found = signs_of(cosines, np.array([0.9, 0.4], np.float32))
    assert found[:, 0].tolist() == pytest.approx([0.5, 0.3])
    assert found[:, 1].tolist() == pytest.approx([0.3, 0.0])
    assert found[1, 2] == pytest.approx(np.log(3))
    assert found[0, 2] < 0.1
    assert found[:, 3].tolist() == pytest.approx([0.9, 0.4])


def test_the_nearest_picture_is_that_of_brute_force_without_near_copies() -> None:
    features = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    groups, known = np.arange(40) // 2, np.arange(0, 40, 3)
    found = nearest_of(features, known, groups)
    rows = normalise(features)
    wanted = [max(float(rows[a] @ rows[b]) for b in known if groups[b] != groups[a]) for a in range(40)]
    assert found.tolist() == pytest.approx(wanted, abs=1e-6)


def test_the_line_loses_as_many_pictures_of_the_classes_as_was_asked_for() -> None:
    signs, known = drawn(3_000, apart=1.0, seed=1)
    for lost in (0.02, 0.1, 0.3):
        line = draw_line(signs, known, lost)
        assert (line.likely(signs[known]) < line.below).mean() == pytest.approx(lost, abs=0.01)
        fresh, of_them = drawn(3_000, apart=1.0, seed=2)
        assert (line.likely(fresh[of_them]) < line.below).mean() == pytest.approx(lost, abs=0.04)


def test_it_is_judged_on_the_half_it_did_not_learn_from_beside_the_cosine_alone() -> None:
    signs, known = drawn(600, apart=1.0, seed=3)
    found = {(m.name, m.what): m for m in judge_line(signs, known, np.arange(600), lost=0.1, seed=0)}
    assert found["AUROC", "cosine alone"].value == pytest.approx(roc_auc_score(known, signs[:, 0]))
    assert found["AUROC", "none of these"].low > found["AUROC", "cosine alone"].value  # four signs say more than one
    assert found["called none", "pictures of the classes"].value == pytest.approx(0.1, abs=0.05)
    assert found["called none", "pictures of other classes"].low > found["called none", "pictures of the classes"].high
    nothing = judge_line(*drawn(600, apart=0.0, seed=4), np.arange(600), lost=0.1, seed=0)
    assert nothing[0].low < 0.5 < nothing[0].high or nothing[0].value == pytest.approx(0.5, abs=0.06)


def test_it_cannot_be_learned_without_the_right_classes() -> None:
    with pytest.raises(ValueError, match=r"learned from pictures of other classes; name classes\.truth too"):
        ZeroShotClasses(names=("a", "b"), none_of_these=0.05)
