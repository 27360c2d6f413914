"""Task of `embed` that divides described pictures into parts, near copies in one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.captions import PictureParts
from tasks.data.captions import DescribedPicture, DescribedPicturesRef, DividedPictures, PicturePart
from tasks.data.documents import Document, DocumentsRef
from tasks.data.pictures import FeaturesRef
from tasks.errors import DataError
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects

TEST, VALIDATION = 0, 1  # parts; the others are learned from


@step(name="embed-divide-pictures", libraries=("numpy", "scipy"))
def divide_pictures(
    documents: DocumentsRef, features: FeaturesRef, named: str | None, config: PictureParts
) -> DividedPictures:
    """Divide pictures into those to learn from, to stop by, to judge by, and those without a description.

    Args:
        documents: N pictures as documents.
        features: (N, F) of them.
        named: Column of their fields that says what a caption must name; None for none.
        config: How many parts.

    Raises:
        DataError: Too few are described, or nearly all are near copies of each other.
    """
    from tasks.vectors.groups import folds_of, groups_of, near_copies

    rows, vectors = objects.load_rows(documents, Document), np.asarray(objects.load_array(features))
    described = np.flatnonzero([bool(row.text) for row in rows])
    if len(described) < config.least:
        raise DataError(
            f"{len(described)} pictures are described but {config.least} are needed to learn captions (parts.least); "
            "describe more in source.described"
        )
    groups = groups_of(len(described), near_copies(vectors[described], config.near_duplicate))
    count = int(groups.max()) + 1
    if count < config.parts:
        raise DataError(
            f"the described pictures are {count} groups of near copies but {config.parts} parts are asked for; lower "
            "parts.parts, raise parts.near_duplicate, or give pictures that differ"
        )
    folds = folds_of(groups, config.parts, config.seed)
    chosen = {
        "test": described[folds == TEST], "validation": described[folds == VALIDATION],
        "train": described[folds > VALIDATION], "new": np.flatnonzero([not row.text for row in rows]),
    }  # fmt: skip
    steps.log_metrics(groups=count, **{name: len(numbers) for name, numbers in chosen.items()})
    return DividedPictures(groups=count, **_saved(chosen, rows, vectors, named))


def _saved(
    chosen: Mapping[str, npt.NDArray[np.int64]], rows: Sequence[Document], vectors: Any, named: str | None
) -> dict[str, PicturePart]:
    """Return the parts, stored."""
    return {
        part: PicturePart(
            pictures=objects.save_rows(
                DescribedPicturesRef, DescribedPicture, [_named(rows[n], named) for n in numbers]
            ),
            features=objects.save_array(FeaturesRef, vectors[numbers]),
        )
        for part, numbers in chosen.items()
    }


def _named(row: Document, column: str | None) -> DescribedPicture:
    return DescribedPicture(row.id, row.text, row.meta.get(column, "") if column is not None else "")
