"""The class of a picture is the one whose words are closest; without right classes nothing is measured."""

from pathlib import Path

import numpy as np
import pytest

from configs.pictures import ZeroShotClasses
from tasks.classify.task_pictures import class_texts, classify_pictures, cosines_to
from tasks.data.documents import Document, DocumentsRef
from tasks.data.evaluation import Measure
from tasks.data.pictures import PictureClass
from tasks.data.vectors import VectorsRef
from tasks.errors import ContractError
from tasks.store import objects

ASKED = ZeroShotClasses(names=("cat", "car"), templates=("{}", "a picture of a {}"), truth="kind", centred=False)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "home"))


def documents(*kinds: str) -> DocumentsRef:
    rows = [Document(f"{n}.png", "", "", "in", f"{n}.png", 0, "picture", meta={"kind": kind})
            for n, kind in enumerate(kinds)]  # fmt: skip
    return objects.save_rows(DocumentsRef, Document, rows)


VECTORS = np.array([[1, 0], [0.8, 0.6], [0, 1], [0.1, 0.99]], np.float32)
WORDS = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.2, 0.9]], np.float32)  # two sentences a class


def test_each_picture_has_the_nearest_class_and_the_share_of_right_ones_its_interval() -> None:
    apart = VECTORS[[0, 2, 2, 3]]  # the second is right where no head saw it
    stored = [objects.save_array(VectorsRef, rows) for rows in (VECTORS, apart, WORDS)]
    found = classify_pictures.fn(documents("cat", "car", "car", "bird"), *stored, ASKED)
    assert [row.label for row in objects.load_rows(found.classes, PictureClass)] == ["cat", "cat", "car", "car"]
    measures = {m.what: m for m in objects.load_rows(found.measures, Measure)}
    assert (measures["zero-shot"].value, measures["zero-shot"].n) == (pytest.approx(1.0), 3)  # a bird is no class
    assert measures["commonest class"].value == pytest.approx(2 / 3)
    assert (found.others, found.named, found.unmet) == (1, ("bird",), ())
    assert all(row.margin >= 0 for row in objects.load_rows(found.classes, PictureClass))


def test_a_column_without_any_of_the_classes_and_a_template_without_a_place_are_refused() -> None:
    stored = [objects.save_array(VectorsRef, rows) for rows in (VECTORS, VECTORS, WORDS)]
    with pytest.raises(ContractError, match=r"column 'kind', which holds bird, fish; name it"):
        classify_pictures.fn(documents("bird", "fish", "bird", ""), *stored, ASKED)
    with pytest.raises(ContractError, match="name at least two classes"):
        class_texts(ZeroShotClasses(names=("a", "a")))
    with pytest.raises(ContractError, match=r"has 'a picture', which must hold \{\} once"):
        class_texts(ZeroShotClasses(names=("a", "b"), templates=("a picture",)))
    assert class_texts(ASKED) == ["cat", "a picture of a cat", "car", "a picture of a car"]


def test_what_all_pictures_share_tells_none_apart_where_they_are_centred() -> None:
    pictures = np.array([[1, 0.2, 0.1], [1, 0.1, 0.2], [1, 0.2, 0.1], [1, 0.1, 0.2]], np.float32)
    classes = np.array([[0.2, 1, 0], [1, 0, 0.1]], np.float32)  # the second is near to whatever is common
    assert cosines_to(pictures, classes, centred=False).argmax(1).tolist() != [0, 1, 0, 1]
    assert cosines_to(pictures, classes, centred=True).argmax(1).tolist() == [0, 1, 0, 1]
