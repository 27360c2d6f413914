"""Task of `classify` that tells pictures apart without training: the class whose words are closest."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from configs.pictures import ZeroShotClasses
from tasks.data.documents import Document, DocumentsRef
from tasks.data.evaluation import Measure, MeasuresRef
from tasks.data.pictures import (
    ClassifiedPictures,
    FeaturesRef,
    NearPictures,
    NearPicturesRef,
    PictureClass,
    PictureClassesRef,
)
from tasks.data.vectors import VectorsRef
from tasks.errors import ContractError, DataError
from tasks.metrics.shares import share_measure
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects
from tasks.vectors.arithmetic import normalise

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
NAMED = 5  # classes of pictures that are none of those asked for
LEAST_TOLD = 20  # pictures of the classes, and of others, from which "none of these" is learned
NONE = "none of these"


def class_texts(config: ZeroShotClasses) -> list[str]:
    """Return the sentences about the classes, those of one class behind each other.

    Raises:
        ContractError: There is one class, or a template has no place for it.
    """
    if len(set(config.names)) < 2:
        raise ContractError(f"classes.names has {', '.join(config.names)}; name at least two classes")
    if wrong := [template for template in config.templates if template.count("{}") != 1]:
        raise ContractError(f"classes.templates has {wrong[0]!r}, which must hold {{}} once, where the class stands")
    return [template.replace("{}", name) for name in config.names for template in config.templates]


def cosines_to(pictures: Floats, classes: Floats, *, centred: bool) -> Floats:
    """Return the (N, C) cosines of pictures and classes, without what all of each share where they are centred."""
    if centred:
        pictures, classes = pictures - pictures.mean(0), normalise(classes) - normalise(classes).mean(0)
    return np.asarray(normalise(pictures) @ normalise(classes).T, np.float32)


@step(name="classify-pictures", libraries=("numpy",))
def classify_pictures(
    documents: DocumentsRef, vectors: VectorsRef, held_out: VectorsRef, words: VectorsRef, config: ZeroShotClasses
) -> ClassifiedPictures:
    """Give each picture the class whose words are closest; where the right classes are known, measure it.

    Args:
        documents: N pictures as documents.
        vectors: (N, D) of them, among texts.
        held_out: (N, D) of them by heads that never saw them, by which they are judged; zeros are not.
        words: (C * T, D) of the sentences about the classes.
        config: The classes, and where the right one stands.

    Raises:
        ContractError: No picture has the column of right classes, or none of the classes is in it.
    """
    means = objects.load_array(words).reshape(len(config.names), len(config.templates), -1).mean(1)
    cosines = cosines_to(objects.load_array(vectors), means, centred=config.centred)
    order = np.argsort(-cosines, axis=1, kind="stable")
    rows = [
        PictureClass(
            row, config.names[best], float(cosines[row, best]), float(cosines[row, best] - cosines[row, next_])
        )
        for row, (best, next_) in enumerate(order[:, :2])
    ]
    unmet: tuple[str, ...] = ()
    measures, others = [], Counter[str]()
    if config.truth is not None:
        right = [document.meta.get(config.truth, "") for document in objects.load_rows(documents, Document)]
        measures = _judged(right, objects.load_array(held_out), means, config)
        others = Counter(truth for truth in right if truth and truth not in config.names)
        unmet = tuple(name for name in config.names if name not in right)
    steps.log_metrics(pictures=len(rows))
    steps.log_measures("classes", measures)
    seen = objects.load_array(held_out)
    judged = np.zeros((len(seen), len(means)), np.float32)
    judged[seen.any(1)] = cosines_to(seen[seen.any(1)], means, centred=config.centred)
    return ClassifiedPictures(
        classes=objects.save_rows(PictureClassesRef, PictureClass, rows),
        cosines=objects.save_array(VectorsRef, cosines), held_out=objects.save_array(VectorsRef, judged),
        measures=objects.save_rows(MeasuresRef, Measure, measures), others=others.total(),
        named=tuple(name for name, _ in others.most_common(NAMED)), unmet=unmet,
    )  # fmt: skip


@step(name="classify-none-of-these", libraries=("numpy", "scipy", "scikit-learn"))
def refuse_pictures(
    documents: DocumentsRef, features: FeaturesRef, near: NearPicturesRef, found: ClassifiedPictures,
    config: ZeroShotClasses,
) -> ClassifiedPictures:  # fmt: skip
    """Call pictures none of the classes, as learned from those whose right class is another one.

    Args:
        documents: N pictures as documents.
        features: (N, F) of them.
        near: Near copies, which share a half when it is judged.
        found: The class of each.
        config: How many pictures of the classes may be lost.

    Raises:
        DataError: Too few pictures are of the classes, or of others.
    """
    from tasks.classify import none_of_these as none
    from tasks.vectors.groups import groups_of

    cosines, seen = objects.load_array(found.cosines), objects.load_array(found.held_out)
    known, told = _known(objects.load_rows(documents, Document), seen, config)
    lost = config.none_of_these or 0.0
    groups = groups_of(len(known), [(pair.first, pair.second) for pair in objects.load_rows(near, NearPictures)])
    vectors = np.asarray(objects.load_array(features))
    there = none.ToldPictures(seen[told], vectors[told], known[told])
    measures = none.judge_line(there, groups[told], lost=lost, seed=0)
    line = none.draw_line(there.signs(np.flatnonzero(there.known), groups[told]), there.known, lost)
    nearest = none.nearest_of(vectors, np.flatnonzero(known & told), groups)
    by = none.signs_of(np.where(told[:, None], seen, cosines), nearest)
    refused = line.likely(by) < line.below
    rows = [
        PictureClass(row.picture, NONE, row.score, row.margin) if refused[row.picture] else row
        for row in objects.load_rows(found.classes, PictureClass)
    ]
    steps.log_metrics(refused=int(refused.sum()))
    steps.log_measures("none_of_these", measures)
    measured = [*objects.load_rows(found.measures, Measure), *measures]
    return found.model_copy(update={
        "classes": objects.save_rows(PictureClassesRef, PictureClass, rows),
        "measures": objects.save_rows(MeasuresRef, Measure, measured), "refused": int(refused.sum()),
    })  # fmt: skip


def _known(documents: Sequence[Document], held_out: Floats, config: ZeroShotClasses) -> tuple[Bools, Bools]:
    """Return which pictures are of the classes, and of which it is known whether they are.

    Raises:
        DataError: There are too few of either.
    """
    right = [document.meta.get(config.truth or "", "") for document in documents]
    known, told = np.isin(right, config.names), np.array([bool(name) for name in right]) & held_out.any(1)
    of_them, of_others = int((known & told).sum()), int((~known & told).sum())
    if min(of_them, of_others) < LEAST_TOLD:
        raise DataError(
            f"classes.none_of_these is learned from {LEAST_TOLD} described pictures of classes.names and as many of "
            f"others, but {config.truth!r} holds {of_them} and {of_others}; describe more, or leave it out"
        )
    return known, told


def _judged(right: Sequence[str], held_out: Floats, means: Floats, config: ZeroShotClasses) -> list[Measure]:
    """Return how often the class is right, as it is and centred, beside the commonest class."""
    judged = np.flatnonzero(held_out.any(1) & np.isin(right, config.names))
    if not len(judged):
        known = ", ".join(sorted({truth for truth in right if truth})[:5]) or "nothing"
        raise ContractError(
            f"no described picture has one of classes.names in its column {config.truth!r}, which holds {known}; "
            "name it in source.described.keep, or correct the names"
        )
    truths, measures = np.array([config.names.index(right[int(row)]) for row in judged]), []
    for name, centred in (("zero-shot", False), ("zero-shot, centred", True)):
        best = cosines_to(held_out[judged], means, centred=centred).argmax(1)
        measures.append(share_measure("accuracy", name, int((best == truths).sum()), len(judged)))
    return [*measures, share_measure("accuracy", "commonest class", int(np.bincount(truths).max()), len(judged))]
