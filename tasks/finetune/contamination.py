"""Keep training data apart from what is judged by: equal texts and nearly equal ones are found.

Two texts are equal if their letters and digits are, whatever their case, spacing and punctuation. They are nearly
equal by the share of runs of four characters that they have in common (Jaccard index); a changed word of a sentence of
ten leaves about 0.75. A short text inside a long one is not found: the long one says much besides.

Shapes: N texts judged by, T texts trained on, G runs of characters.
Source: shingles, Broder 1997, doi:10.1109/SEQUEN.1997.666900; compared exactly, as a product of sparse matrices.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

RUN = 4  # characters
BLOCK = 512  # texts compared with all others at a time: bounds memory


@dataclass(frozen=True, slots=True)
class Repeat:
    """A training text that repeats one that is judged by.

    Attributes:
        text: Its number.
        of: Number of the text that is judged by.
        kind: exact, or near.
        share: Of the runs of characters; 1 of equal texts.
    """

    text: int
    of: int
    kind: Literal["exact", "near"]
    share: float


def plain(text: str) -> str:
    """Return letters and digits of a text, in small letters, one blank between words; other marks if none."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(c if c.isalnum() else " " for c in folded)
    return " ".join(kept.split()) or " ".join(folded.split())


def repeats(train: Sequence[str], judged: Sequence[str], *, near: float) -> list[Repeat]:
    """Find the training texts that repeat one that is judged by, each with the text it is most like.

    Args:
        train: T texts.
        judged: N texts.
        near: Least share of runs in common, above 0; from 1 on, only equal texts are found.

    Returns:
        In the order of the training texts.
    """
    first: dict[str, int] = {}
    for number, text in enumerate(judged):
        first.setdefault(plain(text), number)
    flat = [plain(text) for text in train]
    equal = {number: first[text] for number, text in enumerate(flat) if text in first}
    found = [Repeat(number, of, "exact", 1.0) for number, of in equal.items()]
    if near < 1 and judged:
        others = [number for number in range(len(flat)) if number not in equal]
        found += [
            Repeat(others[row], of, "near", share) for row, of, share in _near([flat[n] for n in others], first, near)
        ]
    return sorted(found, key=lambda repeat: repeat.text)


def _near(train: list[str], judged: dict[str, int], near: float) -> Iterator[tuple[int, int, float]]:
    """Yield (row of train, number of judged, share) of the closest judged text that is close enough."""
    vocabulary: dict[str, int] = {}
    names, numbers = list(judged), np.fromiter(judged.values(), dtype=np.int64)
    right = _matrix(names, vocabulary)
    sizes = np.asarray(right.sum(axis=1)).ravel()
    turned = right.T.tocsr()
    known = len(vocabulary)
    for start in range(0, len(train), BLOCK):
        part = train[start : start + BLOCK]
        runs = [_runs(text) for text in part]
        left = _matrix(part, vocabulary, known)
        shared = (left @ turned).tocsr()
        for row, mine in enumerate(runs):
            among = shared.indices[shared.indptr[row] : shared.indptr[row + 1]]
            if not len(among):
                continue
            common = shared.data[shared.indptr[row] : shared.indptr[row + 1]]
            shares = common / (len(mine) + sizes[among] - common)
            best = int(shares.argmax())
            if shares[best] >= near:
                yield start + row, int(numbers[among[best]]), float(shares[best])


def _matrix(texts: Sequence[str], vocabulary: dict[str, int], known: int | None = None) -> Any:
    """Return (texts, G) of ones where a text has a run; past `known` runs none is added to the vocabulary."""
    from scipy.sparse import csr_matrix

    ends, columns = [0], []
    for text in texts:
        if known is None:
            columns += [vocabulary.setdefault(run, len(vocabulary)) for run in sorted(_runs(text))]
        else:
            columns += [vocabulary[run] for run in sorted(_runs(text)) if run in vocabulary]
        ends.append(len(columns))
    values = np.ones(len(columns), dtype=np.float32)
    width = len(vocabulary) if known is None else known
    return csr_matrix((values, columns, ends), shape=(len(texts), max(width, 1)))


def _runs(text: str) -> set[str]:
    return {text[start : start + RUN] for start in range(max(1, len(text) - RUN + 1))}
