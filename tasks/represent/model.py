"""What BERTopic weighs words by, and a model of it, of clusters that are already there and words already counted.

Its class-based TF-IDF takes counts, which is all that words, noise and slices need. What asks for documents, the
hierarchy and some ways to choose words, is given row numbers for them: what BERTopic calls the text of a topic is then
the numbers of its documents, and counting its words a product of two sparse matrices. So no text is read twice;
`docs/experiments.md` says what reading them would cost.

Shapes: N documents, V words, D width.
Source: BERTopic, Grootendorst 2022, arXiv:2203.05794 (class-based TF-IDF), given our vectors and our labels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.represent.counts import Counts

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Encode = Callable[[Sequence[str]], Floats]
Weighted = dict[int, list[tuple[str, float]]]
MIN_WORDS = 2  # one word sets nothing apart, and BERTopic cannot weigh it


@dataclass(frozen=True, slots=True)
class ClassWeights:
    """What sets the words of each cluster apart.

    Attributes:
        numbers: (T,) our numbers of the clusters, ascending; noise, -1, is one of them.
        matrix: (T, V) weights, sparse.
        words: V words.
        transformer: Gives weights of other counts.
    """

    numbers: Ints
    matrix: Any
    words: Sequence[str]
    transformer: Any

    def top(self, row: int, most: int) -> list[tuple[str, float]]:
        """Return the weightiest words of a cluster, those that weigh nothing left out; ties in the order of words."""
        return top_words(self.matrix[row], self.words, most)


def top_words(weights: Any, words: Sequence[str], most: int) -> list[tuple[str, float]]:
    """Return the words of one (1, V) sparse row by weight, at most so many, none of which weighs nothing."""
    at, values = weights.indices[weights.data > 0], weights.data[weights.data > 0]
    order = np.lexsort((at, -values))[:most]
    return [(words[column], float(value)) for column, value in zip(at[order], values[order], strict=True)]


def weigh_classes(counts: Counts, labels: Ints) -> ClassWeights:
    """Weigh words by class-based TF-IDF.

    Args:
        counts: Words of N documents.
        labels: (N,) cluster of each, -1 for noise.
    """
    from bertopic.vectorizers import ClassTfidfTransformer

    numbers, rows = np.unique(labels, return_inverse=True)
    counted = rows_of(rows, len(numbers)) @ counts.matrix
    transformer = ClassTfidfTransformer(bm25_weighting=True).fit(counted)
    return ClassWeights(numbers, transformer.transform(counted).tocsr(), counts.words, transformer)


def rows_of(groups: Ints, count: int) -> Any:
    """Return the (count, N) sparse matrix that sums up the N rows of each group."""
    from scipy.sparse import csr_matrix

    ones = np.ones(len(groups), dtype=np.int64)
    return csr_matrix((ones, (groups, np.arange(len(groups)))), shape=(count, len(groups)))


class CountedWords:
    """Stands where BERTopic wants a vectoriser; its documents are row numbers with spaces between."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts

    def fit(self, documents: Sequence[str]) -> "CountedWords":
        """Return itself: all words are known."""
        return self

    def transform(self, documents: Sequence[str]) -> Any:
        """Return the (len(documents), V) counts of each text."""
        from scipy.sparse import csr_matrix

        rows = [np.array(text.split(), dtype=np.int64) for text in documents]
        ends = np.cumsum([0, *map(len, rows)])
        numbers = np.concatenate([np.empty(0, dtype=np.int64), *rows])
        chosen = csr_matrix((np.ones(len(numbers), dtype=np.int64), numbers, ends),
                            shape=(len(rows), self.counts.matrix.shape[0]))  # fmt: skip
        return (chosen @ self.counts.matrix).tocsr()

    def fit_transform(self, documents: Sequence[str]) -> Any:
        """Return the counts of each text."""
        return self.transform(documents)

    def get_feature_names_out(self) -> npt.NDArray[np.str_]:
        """Return the V words."""
        return np.array(self.counts.words)


@dataclass(frozen=True, slots=True)
class FittedTopics:
    """A BERTopic model, and how its numbers of topics are ours.

    Attributes:
        model: The model.
        ours: Our number of a topic by BERTopic's, which goes by size.
        rows: What the model knows the documents as.
    """

    model: Any
    ours: Mapping[int, int]
    rows: list[str]

    def weighted(self, topics: Mapping[int, Sequence[tuple[str, float]]]) -> Weighted:
        """Return words and weights of topics by our numbers, without words that weigh nothing."""
        return {self.ours[int(t)]: [(w, float(s)) for w, s in pairs if w and s > 0] for t, pairs in topics.items()}


def fit_topics(counts: Counts, labels: Ints, vectors: Floats, words: int) -> FittedTopics:
    """Fit BERTopic to clusters; nothing is reduced, clustered or encoded for it.

    Args:
        counts: Words of N documents, two different words at least.
        labels: (N,) cluster of each, not all noise.
        vectors: (N, D) vector of each.
        words: Words kept a topic.

    Returns:
        The model.
    """
    from bertopic import BERTopic
    from bertopic.cluster import BaseCluster
    from bertopic.dimensionality import BaseDimensionalityReduction
    from bertopic.vectorizers import ClassTfidfTransformer

    model = BERTopic(
        embedding_model=None,
        umap_model=BaseDimensionalityReduction(),
        hdbscan_model=BaseCluster(),
        vectorizer_model=CountedWords(counts),
        ctfidf_model=ClassTfidfTransformer(bm25_weighting=True),
        top_n_words=words,
    )
    rows = [str(row) for row in range(len(labels))]
    model.fit_transform(rows, embeddings=np.asarray(vectors), y=labels)
    # BERTopic numbers clusters anew by size; what it gave each document says which of ours is which of its.
    ours = {int(theirs): int(label) for theirs, label in zip(model.topics_, labels, strict=True)}
    return FittedTopics(model, ours, rows)


def can_be_put_into_words(counts: Counts, labels: Ints) -> bool:
    """Say whether there is a cluster, and words that can set one apart."""
    return bool((labels >= 0).any()) and len(counts.words) >= MIN_WORDS
