"""Pictures that show none of the classes: the line is drawn where it was asked for, and judged on the other half."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import roc_auc_score

from configs.pictures import ZeroShotClasses
from tasks.classify import none_of_these
from tasks.classify.none_of_these import ToldPictures, draw_line, judge_line, nearest_of, signs_of
from tasks.vectors.arithmetic import normalise
from tasks.vectors.groups import folds_of

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


def told_pictures(count: int, *, apart: float, seed: int) -> ToldPictures:
    """Return pictures of three classes and of others; the more apart, the closer the former are to each other."""
    draw = np.random.default_rng(seed)
    known, of = np.arange(count) % 3 > 0, draw.integers(0, 3, count)
    cosines = 0.2 * draw.normal(size=(count, 3))
    cosines[known, of[known]] += 0.2 * apart
    features = draw.normal(size=(count, 8))
    features[known] += apart * np.eye(3, 8)[of[known]] * 3
    return ToldPictures(cosines.astype(np.float32), features.astype(np.float32), known)


@pytest.mark.long
def test_it_is_judged_on_the_half_it_did_not_learn_from_beside_the_cosine_alone() -> None:
    told = told_pictures(600, apart=1.0, seed=3)
    found = {(m.name, m.what): m for m in judge_line(told, np.arange(600), lost=0.1, seed=0)}
    assert found["AUROC", "cosine alone"].value == pytest.approx(roc_auc_score(told.known, told.cosines.max(1)))
    assert found["AUROC", "none of these"].low > found["AUROC", "cosine alone"].value  # four signs say more than one
    assert found["called none", "pictures of the classes"].value == pytest.approx(0.1, abs=0.05)
    assert found["called none", "pictures of other classes"].low > found["called none", "pictures of the classes"].high
    nothing = judge_line(told_pictures(600, apart=0.0, seed=4), np.arange(600), lost=0.1, seed=0)
    assert nothing[0].value == pytest.approx(0.5, abs=0.07)


def test_a_half_is_not_judged_by_neighbours_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    told, groups, asked = told_pictures(90, apart=1.0, seed=5), np.arange(90) // 2, []
    real = none_of_these.nearest_of
    monkeypatch.setattr(none_of_these, "nearest_of", lambda f, among, g: asked.append(among) or real(f, among, g))
    judge_line(told, groups, lost=0.1, seed=0)
    halves = folds_of(groups, 2, 0)
    assert [among.tolist() for among in asked] == [
        np.flatnonzero(told.known & (halves != half)).tolist() for half in (0, 1)
    ]


def test_it_cannot_be_learned_without_the_right_classes() -> None:
    with pytest.raises(ValueError, match=r"learned from pictures of other classes; name classes\.truth too"):
        ZeroShotClasses(names=("a", "b"), none_of_these=0.05)
