"""Put clusters of documents into words.

Shapes: N documents, D width.
Source: BERTopic, Grootendorst 2022, arXiv:2203.05794 (class-based TF-IDF), given our vectors and our labels.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from configs.represent import CTfIdf
from tasks.errors import ContractError
from tasks.rows import Topic

TERM = r"(?u)\b[^\W\d_][^\W\d_]{2,}\b"  # three letters or more; digits and underscores are no words
EXEMPLARS = 5


def put_into_words(
    texts: Sequence[str], labels: npt.NDArray[np.int64], vectors: npt.NDArray[np.float32], config: CTfIdf
) -> list[Topic]:
    """Describe every cluster by the words that set it apart.

    Args:
        texts: N documents.
        labels: (N,) cluster of each, -1 for noise.
        vectors: (N, D) unit-length rows, by which the documents that stand for a cluster are chosen.
        config: How many words.

    Returns:
        Noise first if there is any, then the clusters by number. No word is a stop word; noise alone has no words.

    Raises:
        ContractError: The lengths differ.
    """
    if not len(texts) == len(labels) == len(vectors):
        raise ContractError(
            f"there are {len(texts)} texts, {len(labels)} labels and {len(vectors)} vectors; need as many of each"
        )
    weighted = _weighted_words(texts, labels, vectors, config) if (labels >= 0).any() else {}
    topics = []
    for number in sorted({int(label) for label in labels}):
        members = np.flatnonzero(labels == number)
        nearest = members[np.argsort(-(vectors[members] @ vectors[members].mean(axis=0)), kind="stable")]
        pairs = weighted.get(number, [])[: config.words]
        named = ", ".join(word for word, _ in pairs[: config.label_words])
        label = "outliers" if number < 0 else named or f"topic {number}"
        topics.append(
            Topic(
                topic=number,
                size=len(members),
                label=label,
                words=tuple(word for word, _ in pairs),
                weights=tuple(float(weight) for _, weight in pairs),
                documents=tuple(int(row) for row in nearest[:EXEMPLARS]),
            )
        )
    return topics


def _weighted_words(
    texts: Sequence[str], labels: npt.NDArray[np.int64], vectors: npt.NDArray[np.float32], config: CTfIdf
) -> dict[int, list[tuple[str, float]]]:
    from bertopic import BERTopic
    from bertopic.cluster import BaseCluster
    from bertopic.dimensionality import BaseDimensionalityReduction
    from bertopic.vectorizers import ClassTfidfTransformer
    from sklearn.feature_extraction.text import CountVectorizer

    # BERTopic counts words over clusters; which words stand in enough documents is decided before.
    found = CountVectorizer(stop_words="english", token_pattern=TERM, min_df=min(config.min_documents, len(texts)))
    try:
        vocabulary = found.fit(texts).get_feature_names_out()
    except ValueError:  # no word stands in enough documents
        return {}
    if len(vocabulary) == 1:  # sets nothing apart, and BERTopic cannot weigh it
        return {}
    model = BERTopic(
        embedding_model=None,
        umap_model=BaseDimensionalityReduction(),
        hdbscan_model=BaseCluster(),
        vectorizer_model=CountVectorizer(token_pattern=TERM, vocabulary=vocabulary),
        ctfidf_model=ClassTfidfTransformer(bm25_weighting=True, reduce_frequent_words=True),
        top_n_words=config.words,
    )
    model.fit_transform(list(texts), embeddings=np.asarray(vectors), y=labels)
    # BERTopic numbers clusters anew by size; what it gave each document says which of ours is which of its.
    ours = {int(theirs): int(label) for theirs, label in zip(model.topics_, labels, strict=True)}
    return {ours[topic]: [(w, s) for w, s in pairs if w and s > 0] for topic, pairs in model.get_topics().items()}
