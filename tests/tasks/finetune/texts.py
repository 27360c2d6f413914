"""Small texts of two classes, of words that the small encoders know."""

import numpy as np

from tasks.data.classes import Divided, Examples, Target, TargetsRef
from tasks.data.documents import Document, DocumentsRef, Rejected, RejectedRef
from tasks.data.topics import RowsRef
from tasks.store import objects

PLACES = {"cat": ["cat", "mat", "sat", "night"], "dog": ["dog", "ran", "far", "train"]}


def examples(count: int, seed: int, extra: tuple[tuple[str, str], ...] = ()) -> Examples:
    random = np.random.default_rng(seed)
    rows = [(label, " ".join(random.choice([*PLACES[label], "a", "the", "q", "d"], 9)))
            for label in random.choice(list(PLACES), count)]  # fmt: skip
    rows += extra
    documents = [Document(f"{seed}-{at}", text, "", "here", "") for at, (_, text) in enumerate(rows)]
    return Examples(
        documents=objects.save_rows(DocumentsRef, Document, documents), vectors=None,
        targets=objects.save_rows(TargetsRef, Target, [Target((label,)) for label, _ in rows]),
    )  # fmt: skip


def divided(train: Examples, test: Examples) -> Divided:
    return Divided(
        train=train, test=test, classes=("cat", "dog"), multiple=False,
        tried=objects.save_array(RowsRef, np.arange(2)), rejected=objects.save_rows(RejectedRef, Rejected, []),
    )  # fmt: skip
