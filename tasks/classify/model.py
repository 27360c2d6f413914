"""What predicts, as plain numbers: linear models over words and vectors, and neighbours; and what is made of scores.

Shapes: N texts, K classes, V terms, D width, M remembered texts.
Source: TF-IDF by scikit-learn; temperature, Guo et al. 2017, arXiv:1706.04599.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.errors import ContractError
from tasks.text.scripts import UNSPACED_RUN, tokens
from tasks.vectors.arithmetic import top_k

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
NEIGHBOURS_AT_A_TIME = 1_024
SMOOTHING = 0.5  # votes every class has before any neighbour votes


@dataclass(frozen=True)
class Features:
    """What is known of N texts: their words, and (N, D) vectors where they were asked for."""

    texts: Sequence[str]
    vectors: npt.NDArray[np.float32] | None = None

    def take(self, rows: Ints) -> "Features":
        """Return some of the texts."""
        chosen = [self.texts[row] for row in rows.tolist()]
        return Features(chosen, None if self.vectors is None else np.asarray(self.vectors[rows]))

    @property
    def known_vectors(self) -> npt.NDArray[np.float32]:
        """The vectors.

        Raises:
            ContractError: There are none.
        """
        if self.vectors is None:
            raise ContractError("this classifier needs vectors but none were given; encode the texts first")
        return self.vectors


@dataclass(frozen=True)
class Words:
    """How texts become weighted words.

    Attributes:
        terms: V terms, in the order of the columns.
        idf: (V,) weight of each.
        ngrams: Words a term has at most.
    """

    terms: tuple[str, ...]
    idf: Floats
    ngrams: int

    def matrix(self, texts: Sequence[str]) -> Any:
        """Return the sparse (N, V) weights, unit-length rows."""
        made = vectoriser(self.ngrams, 1)
        made.set_params(vocabulary={term: column for column, term in enumerate(self.terms)})
        made.idf_ = self.idf
        return made.transform(texts)


@dataclass(frozen=True)
class LinearModel:
    """Scores a text by weights of its words, of its vector, or of both.

    Attributes:
        bias: (K,).
        words: How words are weighed, None where they do not count.
        term_weights: (K, V), or None.
        vector_weights: (K, D), or None.
    """

    bias: Floats
    words: Words | None = None
    term_weights: Floats | None = None
    vector_weights: Floats | None = None

    def scores(self, features: Features) -> Floats:
        """Return the (N, K) scores."""
        total = np.tile(self.bias, (len(features.texts), 1))
        if self.words is not None and self.term_weights is not None:
            total += np.asarray(self.words.matrix(features.texts) @ self.term_weights.T)
        if self.vector_weights is not None:
            total += features.known_vectors.astype(np.float64) @ self.vector_weights.T
        return total


@dataclass(frozen=True)
class NeighbourModel:
    """Scores a text by the labels of the remembered texts nearest to it, each counting by its cosine.

    Attributes:
        rows: (M, D) unit-length rows.
        targets: (M, K) labels of each.
        k: Neighbours asked.
        multiple: Whether a text may have several labels.
    """

    rows: npt.NDArray[np.float32]
    targets: Bools
    k: int
    multiple: bool

    def scores(self, features: Features) -> Floats:
        """Return the (N, K) logarithms of shares; where there may be several labels, of odds."""
        vectors = features.known_vectors
        return np.concatenate([
            vote_scores(*nearest(vectors[at : at + NEIGHBOURS_AT_A_TIME], self.rows, self.k), self.targets,
                        k=self.k, multiple=self.multiple)
            for at in range(0, len(vectors), NEIGHBOURS_AT_A_TIME)
        ])  # fmt: skip


Model = LinearModel | NeighbourModel


def vectoriser(ngrams: int, min_documents: int) -> Any:
    """Return scikit-learn's TF-IDF of words, counts damped by their logarithm."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        ngram_range=(1, ngrams), min_df=min_documents, sublinear_tf=True, tokenizer=_words, token_pattern=None
    )


def _words(text: str) -> list[str]:
    """Return the words of two letters or more, as scikit-learn has them, and those of scripts without blanks."""
    return [word for word in tokens(text) if len(word) > 1 or UNSPACED_RUN.match(word)]


def learn_words(texts: Sequence[str], *, ngrams: int, min_documents: int) -> Words:
    """Return the terms of texts and their weights.

    Raises:
        ContractError: No term stands in so many texts.
    """
    made = vectoriser(ngrams, min_documents)
    try:
        made.fit(texts)
    except ValueError as error:
        raise ContractError(
            f"no word stands in {min_documents} of {len(texts)} texts; lower min_documents, or leave words out"
        ) from error
    return Words(tuple(map(str, made.get_feature_names_out())), np.asarray(made.idf_, dtype=np.float64), ngrams)


def first_rows(texts: Sequence[str]) -> Ints:
    """Return (N,) the first row that has the text of each row."""
    first: dict[str, int] = {}
    return np.array([first.setdefault(text, row) for row, text in enumerate(texts)], dtype=np.int64)


def nearest(vectors: npt.NDArray[np.float32], rows: npt.NDArray[np.float32], k: int) -> tuple[Ints, Floats]:
    """Return the `k` rows nearest to each vector and their cosines, nearest first; a tie goes to the lower row."""
    found, cosines = top_k(vectors @ rows.T, k)
    return found, np.asarray(cosines, dtype=np.float64)


def vote_scores(found: Ints, cosines: Floats, targets: Bools, *, k: int, multiple: bool) -> Floats:
    """Return scores (N, K) of the votes of the first `k` neighbours, a vote weighing as much as its cosine.

    Args:
        found: (N, L) rows of the neighbours, nearest first.
        cosines: (N, L) theirs; a negative one counts for nothing.
        targets: (M, K) labels of the rows.
        k: Neighbours that vote.
        multiple: Whether a text may have several labels: then the odds of each, else the shares of all.
    """
    weights = np.maximum(cosines[:, :k], 0.0)
    votes = np.einsum("nk,nkc->nc", weights, targets[found[:, :k]].astype(np.float64)) + SMOOTHING / targets.shape[1]
    if not multiple:
        return np.asarray(np.log(votes / votes.sum(axis=1, keepdims=True)))
    against = np.maximum(weights.sum(axis=1, keepdims=True) + 2 * SMOOTHING / targets.shape[1] - votes, 1e-12)
    return np.asarray(np.log(votes / against))


def probabilities(scores: Floats, *, temperature: float, multiple: bool) -> npt.NDArray[np.float32]:
    """Return (N, K) probabilities: of one class among all, or of each class for itself."""
    from scipy.special import expit, softmax

    scaled = scores / temperature
    return np.asarray(expit(scaled) if multiple else softmax(scaled, axis=1), dtype=np.float32)
