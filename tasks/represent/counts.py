"""Count words once; everything that puts topics into words counts from there.

Shapes: N documents, V words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.text.scripts import UNSPACED, spaced

LEAST = 3  # letters of a word; what has digits or underscores in it is none
# What `letter_words` finds, as Arrow finds it: twice as fast. Pairs of scripts without blanks have two letters.
BETWEEN = r"[^\p{L}\p{M}\p{N}_]+"
WORD = rf"^(?:[\p{{L}}\p{{M}}\p{{Nl}}\p{{No}}]{{{LEAST},}}|[{UNSPACED}][{UNSPACED}\p{{M}}]+)$"
PART = 10_000  # documents at a time
# What the pattern leaves of contractions, those written without their mark, and verbs that go with everything.
STUBS = re.findall(
    r"\w+",
    """ain aren couldn didn doesn don hadn hasn haven isn mightn mustn needn shan shouldn wasn weren won wouldn let
    cannot dont doesnt isnt wont cant ive youre theyre
    did does doing just make makes making quite really regarding say says unless use used uses using various""",
)


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each document says each word.

    Attributes:
        matrix: (N, V) sparse.
        words: V words, in alphabetical order.
    """

    matrix: Any
    words: tuple[str, ...]


def stop_words() -> frozenset[str]:
    """Return the English words that say nothing of a topic: those of scikit-learn, of bm25s, and cut contractions."""
    from bm25s.stopwords import STOPWORDS_EN_PLUS
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS) | frozenset(STOPWORDS_EN_PLUS) | frozenset(STUBS)


def count_words(texts: Sequence[str], min_documents: int) -> Counts:
    """Count the words of documents, in one pass.

    Args:
        texts: N documents.
        min_documents: Documents a word must stand in; of fewer documents than that, all.

    Returns:
        The counts of words that are no stop words; without any word V is 0.
    """
    from scipy.sparse import csr_matrix, vstack

    parts = [_count(texts[start : start + PART]) for start in range(0, len(texts), PART)]
    every = sorted({word for _, words in parts for word in words} - stop_words())
    column, rows = {word: number for number, word in enumerate(every)}, []
    for matrix, words in parts:
        to = np.array([column.get(word, -1) for word in words], dtype=np.int32)
        left = matrix[:, to >= 0]
        shape = (left.shape[0], len(every))
        rows.append(csr_matrix((left.data, to[to >= 0][left.indices], left.indptr), shape=shape))
    found = vstack(rows, format="csr", dtype=np.int32) if rows else csr_matrix((0, 0), dtype=np.int32)
    enough = max(1, min(min_documents, len(texts)))
    kept = np.flatnonzero(np.bincount(found.indices, minlength=len(every)) >= enough)
    found = found[:, kept]
    found.sort_indices()
    return Counts(found, tuple(every[number] for number in kept.tolist()))


def _count(texts: Sequence[str]) -> tuple[Any, list[str]]:
    """Return how often each of some documents says each word, (N, V) sparse, and the words, stop words among them."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from scipy.sparse import csr_matrix

    lower = pa.array([spaced(text.lower()) for text in texts], pa.large_string())
    said = pc.split_pattern_regex(lower, BETWEEN)
    coded = said.flatten().dictionary_encode()
    shape = (len(texts), len(coded.dictionary))
    ids, bounds = coded.indices.to_numpy().copy(), said.offsets.to_numpy()
    matrix = csr_matrix((np.ones(len(ids), dtype=np.int32), ids, bounds.copy()), shape=shape)
    matrix.sum_duplicates()
    words = np.flatnonzero(pc.match_substring_regex(coded.dictionary, WORD).to_numpy(zero_copy_only=False))
    return matrix[:, words], coded.dictionary.take(pa.array(words)).to_pylist()


def commonest_shares(counts: Counts, labels: npt.NDArray[np.int64]) -> dict[int, float]:
    """Return for each cluster the share of its documents that say its commonest word; 0 where no word is counted.

    Args:
        counts: Words of N documents.
        labels: (N,) cluster of each, -1 for noise.
    """
    said = counts.matrix.tocsr() > 0
    clusters = np.unique(labels[labels >= 0]).tolist()
    return {number: float(said[labels == number].mean(axis=0).max()) if counts.words else 0.0 for number in clusters}


def without_wordless(counts: Counts, labels: npt.NDArray[np.int64], part: float) -> npt.NDArray[np.int64]:
    """Make noise of clusters whose documents have next to no word in common, where others have: they are no topics.

    So texts that are no language lie together without being a topic, and a corpus whose words cannot be counted at all
    keeps its clusters.

    Args:
        counts: Words of N documents.
        labels: (N,) cluster of each, -1 for noise.
        part: Of the median share of documents that say a cluster's commonest word; below that it is noise.

    Returns:
        (N,) labels.
    """
    shares = commonest_shares(counts, labels)
    least = part * float(np.median(list(shares.values()))) if shares else 0.0
    wordless = [number for number, share in shares.items() if share < least]
    return np.where(np.isin(labels, wordless), -1, labels)


def write_counts(counts: Counts, folder: Path) -> None:
    """Write counts into a folder: three arrays without objects, and the words a line each."""
    matrix = counts.matrix.tocsr()
    for name in ("data", "indices", "indptr"):
        np.save(folder / f"{name}.npy", getattr(matrix, name), allow_pickle=False)
    (folder / "words.txt").write_text("\n".join(counts.words), "utf-8")


def read_counts(folder: Path, documents: int) -> Counts:
    """Read counts of so many documents from a folder."""
    from scipy.sparse import csr_matrix

    arrays = [np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("data", "indices", "indptr")]
    said = (folder / "words.txt").read_text("utf-8")
    words = tuple(said.split("\n")) if said else ()
    return Counts(csr_matrix(tuple(arrays), shape=(documents, len(words))), words)
