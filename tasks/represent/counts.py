"""Count words once; everything that puts topics into words counts from there.

Shapes: N documents, V words.
"""

import functools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.text import terms
from tasks.text.language import UNKNOWN, commonest_language, find_language
from tasks.text.scripts import UNSPACED, spaced
from tasks.text.terms import ENGLISH

LEAST = 3  # letters of a word; what has digits or underscores in it is none
# What `letter_words` finds, as Arrow finds it: twice as fast. Pairs of scripts without blanks have two letters.
BETWEEN = r"[^\p{L}\p{M}\p{N}_]+"
WORD = rf"^(?:[\p{{L}}\p{{M}}\p{{Nl}}\p{{No}}]{{{LEAST},}}|[{UNSPACED}][{UNSPACED}\p{{M}}]+)$"
PART = 10_000  # documents at a time
MIN_SHARE = 0.01  # of the documents that a language needs: rarer ones are mostly names and code taken for it
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
        language: The one most documents are in, whose stems tell words apart; empty for none.
    """

    matrix: Any
    words: tuple[str, ...]
    language: str = ENGLISH


@functools.cache
def stop_words(language: str = ENGLISH) -> frozenset[str]:
    """Return the words of a language that say nothing of a topic; none where its stop words are not known.

    Of English those of scikit-learn, of bm25s, and cut contractions.
    """
    if language != ENGLISH:
        return terms.stop_words(language)
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS) | terms.stop_words(ENGLISH) | frozenset(STUBS)


def find_languages(texts: Sequence[str], wanted: str) -> list[str]:
    """Return whose stop words each text has: its own language, or that of most texts where its own is not known.

    Args:
        texts: N texts.
        wanted: `auto`, `none` for no stop words, or the code of all.

    Returns:
        N codes; empty for no stop words. Where no language at all is known, English.
    """
    if wanted != "auto":
        return ["" if wanted == "none" else wanted] * len(texts)
    found = [find_language(text) for text in texts]
    counted = Counter(found)
    main = commonest_language(found)
    main = ENGLISH if main == UNKNOWN else main
    rare = {code for code, times in counted.items() if code == UNKNOWN or times < MIN_SHARE * len(texts)}
    return [main if code in rare else code for code in found]


def main_of(languages: Sequence[str]) -> str:
    """Return the language that most texts have; English of none."""
    counted = Counter(languages)
    return min(counted, key=lambda code: (-counted[code], code), default=ENGLISH)


def count_words(texts: Sequence[str], min_documents: int, languages: Sequence[str] | None = None) -> Counts:
    """Count the words of documents, in one pass.

    Args:
        texts: N documents.
        min_documents: Documents a word must stand in; of fewer documents than that, all.
        languages: N codes: whose stop words do not count in a document; empty for none. Left out, English.

    Returns:
        The counts of words that are no stop words; without any word V is 0.
    """
    from scipy.sparse import csr_matrix, vstack

    order, parts = _in_parts(languages or [ENGLISH] * len(texts))
    counted = [
        (*_count([texts[row] for row in part]), stop_words(code) if code else frozenset()) for code, part in parts
    ]
    every = sorted({word for _, words, stop in counted for word in words if word not in stop})
    column, rows = {word: number for number, word in enumerate(every)}, []
    for matrix, words, stop in counted:
        to = np.array([-1 if word in stop else column[word] for word in words], dtype=np.int32)
        left = matrix[:, to >= 0]
        shape = (left.shape[0], len(every))
        rows.append(csr_matrix((left.data, to[to >= 0][left.indices], left.indptr), shape=shape))
    found = vstack(rows, format="csr", dtype=np.int32)[order] if rows else csr_matrix((0, 0), dtype=np.int32)
    enough = max(1, min(min_documents, len(texts)))
    kept = np.flatnonzero(np.bincount(found.indices, minlength=len(every)) >= enough)
    found = found[:, kept]
    found.sort_indices()
    return Counts(found, tuple(every[number] for number in kept.tolist()), main_of(languages or []))


def _in_parts(languages: Sequence[str]) -> tuple[npt.NDArray[np.int64], list[tuple[str, list[int]]]]:
    """Deal texts into parts of one language each; and return where each text's row is when parts are put together."""
    rows: dict[str, list[int]] = {}
    for row, code in enumerate(languages):
        rows.setdefault(code, []).append(row)
    parts = [(code, mine[at : at + PART]) for code, mine in rows.items() for at in range(0, len(mine), PART)]
    return np.argsort([row for _, mine in parts for row in mine]), parts


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
    """Write counts into a folder: three arrays without objects, the words a line each, and the language."""
    matrix = counts.matrix.tocsr()
    for name in ("data", "indices", "indptr"):
        np.save(folder / f"{name}.npy", getattr(matrix, name), allow_pickle=False)
    (folder / "words.txt").write_text("\n".join(counts.words), "utf-8")
    (folder / "language.txt").write_text(counts.language, "utf-8")


def read_counts(folder: Path, documents: int) -> Counts:
    """Read counts of so many documents from a folder."""
    from scipy.sparse import csr_matrix

    arrays = [np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("data", "indices", "indptr")]
    said = (folder / "words.txt").read_text("utf-8")
    words = tuple(said.split("\n")) if said else ()
    return Counts(
        csr_matrix(tuple(arrays), shape=(documents, len(words))), words, (folder / "language.txt").read_text("utf-8")
    )
