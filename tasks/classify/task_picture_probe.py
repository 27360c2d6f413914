"""Task of `classify` that learns classes from pictures whose class is known, and gives the others theirs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from configs.pictures import PictureProbe
from tasks.data.documents import Document, DocumentsRef
from tasks.data.evaluation import Measure, MeasuresRef
from tasks.data.pictures import (
    FeaturesRef,
    NearPictures,
    NearPicturesRef,
    PictureClass,
    PictureClassesRef,
    ProbedPictures,
)
from tasks.errors import DataError
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects

LEAST = 2  # pictures of a class, from different groups


@dataclass(frozen=True, slots=True)
class KnownClasses:
    """What is known of pictures before any is learned from.

    Attributes:
        said: (N,) class of each, empty where it has none.
        groups: (N,) groups of near copies.
        classes: That have pictures enough.
        too_few: Classes that have not.
    """

    said: list[str]
    groups: npt.NDArray[np.int64]
    classes: list[str]
    too_few: tuple[str, ...]


@step(name="classify-probe-pictures", libraries=("numpy", "scipy", "scikit-learn"))
def probe_pictures(
    documents: DocumentsRef, features: FeaturesRef, colours: FeaturesRef, near: NearPicturesRef, config: PictureProbe
) -> ProbedPictures:
    """Give each picture a class by a linear probe: a known one is judged by a probe that never saw the picture.

    Args:
        documents: N pictures as documents, some of which have a class.
        features: (N, F) of them.
        colours: (N, C) of them, which features must beat.
        near: Near copies, which share a fold.
        config: Where the classes stand, and how they are learned.

    Raises:
        DataError: There are not two classes with pictures enough.
    """
    from tasks.classify import picture_probe as probe

    known = _known(objects.load_rows(documents, Document), objects.load_rows(near, NearPictures), config)
    said, classes, groups = known.said, known.classes, known.groups
    rows = np.flatnonzero([name in classes for name in said])
    labels = np.array([classes.index(said[int(row)]) for row in rows])
    ours, theirs = objects.load_array(features), objects.load_array(colours)
    likely = np.zeros((len(said), len(classes)), np.float32)
    likely[rows] = probe.held_out(ours[rows], labels, groups[rows], config)
    by_colours = probe.held_out(theirs[rows], labels, groups[rows], config)
    others = np.setdiff1d(np.arange(len(said)), rows)
    if len(others):
        likely[others] = probe.likely_classes(ours[rows], labels, ours[others], len(classes), config.C)
    measures = probe.probe_measures(labels, likely[rows], by_colours, classes, config)
    steps.log_metrics(labelled=len(rows), unlabelled=len(others))
    steps.log_measures("classes", measures)
    return ProbedPictures(
        classes=objects.save_rows(PictureClassesRef, PictureClass, _given(likely, classes)),
        measures=objects.save_rows(MeasuresRef, Measure, measures), truth=config.truth, labelled=len(rows),
        unlabelled=sum(not said[int(n)] for n in others),
        too_few=known.too_few,
    )  # fmt: skip


def _known(documents: Sequence[Document], near: Sequence[NearPictures], config: PictureProbe) -> KnownClasses:
    """Return what is known of pictures.

    Raises:
        DataError: There are not two classes with pictures enough.
    """
    from tasks.vectors.groups import groups_of

    said = [document.meta.get(config.truth, "") for document in documents]
    groups = groups_of(len(said), [(pair.first, pair.second) for pair in near])
    different = {(name, int(group)) for name, group in zip(said, groups, strict=True) if name}
    counted = Counter(name for name, _ in different)
    classes = sorted(name for name, count in counted.items() if count >= LEAST)
    if len(classes) < LEAST:
        there = ", ".join(sorted(counted)[:5]) or "nothing"
        raise DataError(
            f"a probe needs two classes with {LEAST} pictures each that are no near copies, but {config.truth!r} "
            f"holds {there}; name the column of classes in probe.truth, or sort pictures into a folder a class"
        )
    return KnownClasses(said, groups, classes, tuple(sorted(counted.keys() - set(classes))))


def _given(likely: npt.NDArray[np.float32], classes: Sequence[str]) -> list[PictureClass]:
    best = np.sort(likely, axis=1)
    return [
        PictureClass(n, classes[int(row.argmax())], float(best[n, -1]), float(best[n, -1] - best[n, -2]))
        for n, row in enumerate(likely)
    ]
