"""A linear probe against scikit-learn's own; near copies do not leak; what cannot be learned is refused."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from configs.pictures import PictureProbe
from tasks.classify.picture_probe import held_out, likely_classes, probe_measures
from tasks.classify.task_picture_probe import probe_pictures
from tasks.data.documents import Document, DocumentsRef
from tasks.data.evaluation import Measure
from tasks.data.pictures import FeaturesRef, NearPictures, NearPicturesRef, PictureClass, ProbedPictures
from tasks.errors import DataError
from tasks.store import objects

Floats = npt.NDArray[np.float32]
CONFIG = PictureProbe(C=0.05)


def blobs(count: int, classes: int = 3, seed: int = 0) -> tuple[Floats, npt.NDArray[np.int64]]:
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = 3 * draw.normal(size=(classes, 12))
    return (centres[labels] + draw.normal(size=(count, 12))).astype(np.float32), labels


def test_the_probabilities_are_those_of_scikit_learn() -> None:
    features, labels = blobs(120)
    asked, _ = blobs(30, seed=1)
    scale = StandardScaler().fit(features)
    theirs = LogisticRegression(C=0.05, tol=1e-8, max_iter=5_000).fit(scale.transform(features), labels)
    ours = likely_classes(features, labels, asked, 3, 0.05)
    np.testing.assert_allclose(ours, theirs.predict_proba(scale.transform(asked)), atol=2e-3)


def test_a_picture_is_judged_by_a_probe_that_saw_no_near_copy_of_it() -> None:
    features = np.random.default_rng(3).normal(size=(60, 40)).astype(np.float32)
    features = np.concatenate([features, features + 1e-3])  # every picture twice, its class drawn by lot
    labels = np.tile(np.random.default_rng(4).integers(0, 2, 60), 2)
    near = np.tile(np.arange(60), 2)
    by_copies = held_out(features, labels, np.arange(120), PictureProbe(C=10.0)).argmax(1)
    by_groups = held_out(features, labels, near, PictureProbe(C=10.0)).argmax(1)
    assert (by_copies == labels).mean() > 0.9  # leaks
    assert (by_groups == labels).mean() < 0.7


def test_the_measures_are_those_of_the_held_out_pictures() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    likely = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 1, 0]]
    colours = np.eye(3, dtype=np.float32)[[1, 0, 1, 1, 0, 0]]
    found = {(m.name, m.what): m for m in probe_measures(labels, likely, colours, ("a", "b", "c"), CONFIG)}
    assert found["accuracy", "probe"].value == pytest.approx(4 / 6)
    assert found["accuracy", "colours"].value == pytest.approx(2 / 6)
    assert found["accuracy", "commonest class of the probe"].value == 0.5
    assert found["accuracy difference", "probe - colours"].value == pytest.approx(2 / 6)
    assert (found["accuracy", "probe, c"].value, found["accuracy", "probe, c"].n) == (0.0, 1)
    assert found["accuracy", "probe, c"].high > 0  # one picture says little


def probed(meta: list[dict[str, str]], features: Floats, pairs: list[NearPictures]) -> ProbedPictures:
    rows = [Document(f"{n}.png", "", f"{n}", "s", f"{n}.png", 0, "picture", meta=m) for n, m in enumerate(meta)]
    return probe_pictures.fn(
        objects.save_rows(DocumentsRef, Document, rows), objects.save_array(FeaturesRef, features),
        objects.save_array(FeaturesRef, features[:, :2]), objects.save_rows(NearPicturesRef, NearPictures, pairs),
        PictureProbe(truth="kind", C=0.5),
    )  # fmt: skip


def test_pictures_without_a_class_get_one_and_classes_of_one_picture_are_named(workspace: object) -> None:
    features, labels = blobs(90)
    meta = [{"kind": "xyz"[k]} if n < 80 else {} for n, k in enumerate(labels)]
    meta[79] = {"kind": "rare"}
    made = probed(meta, features, [])
    assert (made.labelled, made.unlabelled, made.too_few) == (79, 10, ("rare",))
    found = objects.load_rows(made.classes, PictureClass)
    assert [row.label for row in found[80:]] == ["xyz"[k] for k in labels[80:]]
    measures = {(m.name, m.what): m for m in objects.load_rows(made.measures, Measure)}
    assert measures["accuracy", "probe"].n == 79
    assert measures["accuracy", "probe"].value > 0.95


def test_a_class_whose_pictures_are_near_copies_of_each_other_is_no_class(workspace: object) -> None:
    features, _ = blobs(30)
    meta = [{"kind": "a" if n < 28 else "b"} for n in range(30)]
    with pytest.raises(
        DataError, match="two classes with 2 pictures each that are no near copies, but 'kind' holds a, b"
    ):
        probed(meta, features, [NearPictures(28, 29, 0.99)])
    with pytest.raises(DataError, match="'kind' holds nothing"):
        probed([{}] * 30, features, [])
