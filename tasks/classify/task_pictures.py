"""Task of `classify` that tells pictures apart without training: the class whose words are closest."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from configs.pictures import ZeroShotClasses
from tasks.data.documents import Document, DocumentsRef
from tasks.data.evaluation import Measure, MeasuresRef
from tasks.data.pictures import ClassifiedPictures, PictureClass, PictureClassesRef
from tasks.data.vectors import VectorsRef
from tasks.errors import ContractError
from tasks.metrics.intervals import wilson
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects
from tasks.vectors.arithmetic import normalise

Floats = npt.NDArray[np.float32]
NAMED = 5  # classes of pictures that are none of those asked for


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
    return ClassifiedPictures(
        classes=objects.save_rows(PictureClassesRef, PictureClass, rows),
        measures=objects.save_rows(MeasuresRef, Measure, measures), others=others.total(),
        named=tuple(name for name, _ in others.most_common(NAMED)), unmet=unmet,
    )  # fmt: skip


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
        measures.append(_share(name, int((best == truths).sum()), len(judged)))
    return [*measures, _share("commonest class", int(np.bincount(truths).max()), len(judged))]


def _share(name: str, hits: int, count: int) -> Measure:
    return Measure("accuracy", name, hits / count, *wilson(hits, count), count)
