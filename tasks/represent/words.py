"""Put clusters of documents into words, one way or several side by side.

Shapes: N documents, D width.
Source: BERTopic, Grootendorst 2022, arXiv:2203.05794; maximal marginal relevance, Carbonell & Goldstein, SIGIR 1998.
"""

from collections.abc import Callable, Sequence
from typing import Any, assert_never

import numpy as np

from configs.represent import CTfIdf
from tasks.data.topics import Topic, Wording
from tasks.errors import ContractError, MissingExtra
from tasks.represent.counts import Counts
from tasks.represent.model import (
    Encode,
    FittedTopics,
    Floats,
    Ints,
    Weighted,
    can_be_put_into_words,
    fit_topics,
    weigh_classes,
)
from tasks.text.terms import stemmer

EXEMPLARS = 5
CANDIDATES = 30  # words BERTopic hands to a way of choosing among them
LABEL_WORDS = 3  # of a label until a better one is made


def put_into_words(counts: Counts, labels: Ints, vectors: Floats, config: CTfIdf) -> list[Topic]:
    """Describe every cluster by the words that set it apart.

    Args:
        counts: Words of N documents.
        labels: (N,) cluster of each, -1 for noise.
        vectors: (N, D) unit-length rows, by which the documents that stand for a cluster are chosen.
        config: How many words.

    Returns:
        Noise first if there is any, then the clusters by number. No word is a stop word; noise alone has no words.

    Raises:
        ContractError: The lengths differ.
    """
    _check_lengths(counts, labels, vectors)
    weighted: Weighted = {}
    if can_be_put_into_words(counts, labels):
        weights = weigh_classes(counts, labels)
        weighted = {int(n): weights.top(row, config.words) for row, n in enumerate(weights.numbers)}
    topics = []
    for number in sorted({int(label) for label in labels}):
        members = np.flatnonzero(labels == number)
        nearest = members[np.argsort(-(vectors[members] @ vectors[members].mean(axis=0)), kind="stable")]
        pairs = weighted.get(number, [])
        named = ", ".join(word for word, _ in pairs[:LABEL_WORDS])
        topics.append(
            Topic(
                topic=number,
                size=len(members),
                label="outliers" if number < 0 else named or f"topic {number}",
                words=tuple(word for word, _ in pairs),
                weights=tuple(weight for _, weight in pairs),
                documents=_different(nearest, vectors),
            )
        )
    return topics


def _different(rows: Ints, vectors: Floats) -> tuple[int, ...]:
    """Return the first few rows of different vectors: a text that is repeated stands for a cluster once."""
    found: dict[bytes, int] = {}
    for row in rows.tolist():
        found.setdefault(vectors[row].tobytes(), row)
        if len(found) == EXEMPLARS:
            break
    return tuple(found.values())


def words_side_by_side(
    counts: Counts, labels: Ints, vectors: Floats, config: CTfIdf, encode: Encode, texts: Sequence[str] = ()
) -> list[Wording]:
    """Describe every cluster in each of the ways asked for.

    Args:
        counts: Words of N documents.
        labels: (N,) cluster of each, -1 for noise.
        vectors: (N, D) unit-length rows of the encoder.
        config: The ways, how many words, how different.
        encode: Encodes words with the encoder of the vectors.
        texts: N documents; needed where parts of speech are tagged.

    Returns:
        By cluster, c-TF-IDF first, then the ways in the order asked for. Of words of one stem mmr keeps the first.

    Raises:
        MissingExtra: Parts of speech were asked for and spaCy, or its pipeline, is not installed.
    """
    _check_lengths(counts, labels, vectors)
    if not can_be_put_into_words(counts, labels):
        return []
    tagger = _tagger(config.tagger) if "part-of-speech" in config.beside else None
    fitted = fit_topics(counts, labels, vectors, max(CANDIDATES, config.words))
    found: dict[str, Weighted] = {"c-tf-idf": fitted.weighted(fitted.model.get_topics())}
    for way in config.beside:
        match way:
            case "keybert":
                found[way] = _keybert(fitted, vectors, config.words, encode)
            case "mmr":
                found[way] = _mmr(fitted, found["c-tf-idf"], config, encode, stemmer(counts.language))
            case "part-of-speech":
                found[way] = _part_of_speech(fitted, texts, config.words, tagger)
            case _:
                assert_never(way)
    numbers = sorted(number for number in found["c-tf-idf"] if number >= 0)
    return [_wording(number, way, found[way].get(number, [])[: config.words]) for number in numbers for way in found]


def noise_by_words(counts: Counts, labels: Ints, threshold: float) -> Ints:
    """Give each document of noise to the topic whose words it is closest to, if that is close enough.

    Args:
        counts: Words of N documents.
        labels: (N,) cluster of each, -1 for noise.
        threshold: Least cosine of the weighted words.

    Returns:
        (N,) labels.
    """
    if not can_be_put_into_words(counts, labels) or not (labels < 0).any():
        return labels
    from sklearn.metrics.pairwise import cosine_similarity

    weights, noise = weigh_classes(counts, labels), np.flatnonzero(labels < 0)
    alike = cosine_similarity(weights.transformer.transform(counts.matrix[noise]), weights.matrix[1:])
    given, best = labels.copy(), alike.argmax(axis=1)
    near = alike[np.arange(len(noise)), best] >= max(threshold, np.finfo(np.float64).tiny)
    given[noise[near]] = weights.numbers[1:][best[near]]
    return given


def _wording(number: int, way: str, pairs: Sequence[tuple[str, float]]) -> Wording:
    return Wording(number, way, tuple(word for word, _ in pairs), tuple(weight for _, weight in pairs))


def _keybert(fitted: FittedTopics, vectors: Floats, words: int, encode: Encode) -> Weighted:
    """Choose the words that are closest to the documents that stand for a topic."""
    from bertopic.representation import KeyBERTInspired

    def embed(texts: Sequence[str]) -> Floats:
        if all(text.isdecimal() for text in texts):  # documents, which the model knows as row numbers
            return np.asarray(vectors[[int(text) for text in texts]])
        return encode(texts)

    # Not given `embeddings`: BERTopic 0.17.4 would take those of the first rows for those of the chosen documents.
    fitted.model.embedding_model = _embedder(embed)
    chosen = KeyBERTInspired(top_n_words=words)
    frame, weights = _frame(fitted), fitted.model.c_tf_idf_
    return fitted.weighted(chosen.extract_topics(fitted.model, frame, weights, fitted.model.get_topics()))


def _mmr(
    fitted: FittedTopics, topics: Weighted, config: CTfIdf, encode: Encode, stem: Callable[[str], str]
) -> Weighted:
    """Choose words close to all of a topic's words and far from one another; of one stem at most one."""
    from bertopic.representation import MaximalMarginalRelevance

    candidates = {topic: _distinct_stems(pairs, stem) for topic, pairs in topics.items()}
    texts = sorted({word for pairs in candidates.values() for word, _ in pairs})
    texts += [" ".join(word for word, _ in pairs) for pairs in candidates.values() if pairs]
    known = dict(zip(texts, encode(texts), strict=True))  # all at once: BERTopic asks topic by topic
    fitted.model.embedding_model = _embedder(lambda asked: np.array([known[text] for text in asked]))
    frame = _frame(fitted)
    chosen: Weighted = {topic: [] for topic in candidates}
    for topic, pairs in candidates.items():
        if pairs:
            way = MaximalMarginalRelevance(config.diversity, min(config.words, len(pairs)))  # BERTopic needs as many
            chosen |= way.extract_topics(fitted.model, frame, fitted.model.c_tf_idf_, {topic: pairs})
    return chosen


def _embedder(embed: Encode) -> Any:
    """Return what BERTopic asks for vectors."""
    from bertopic.backend import BaseEmbedder

    class WordEncoder(BaseEmbedder):  # type: ignore[misc]  # made here, where BERTopic is loaded
        def embed(self, documents: Sequence[str], verbose: bool = False) -> Floats:
            return embed(list(documents))

    return WordEncoder()


def _part_of_speech(fitted: FittedTopics, texts: Sequence[str], words: int, tagger: Any) -> Weighted:
    """Choose nouns and adjectives."""
    from bertopic.representation import PartOfSpeech

    frame, weights = _frame(fitted).assign(Document=list(texts)), fitted.model.c_tf_idf_
    chosen = PartOfSpeech(tagger, top_n_words=words)
    return fitted.weighted(chosen.extract_topics(fitted.model, frame, weights, fitted.model.get_topics()))


def _tagger(name: str) -> Any:
    try:
        import spacy

        return spacy.load(name)
    except ImportError as error:
        raise MissingExtra(
            "part-of-speech was asked for but spaCy is not installed; pip install 'llm-flows[pos]'"
        ) from error
    except OSError as error:
        raise MissingExtra(
            f"part-of-speech was asked for but spaCy has no pipeline {name!r}; python -m spacy download {name}"
        ) from error


def _frame(fitted: FittedTopics) -> Any:
    import pandas as pd

    return pd.DataFrame({"Document": fitted.rows, "ID": range(len(fitted.rows)), "Topic": list(fitted.model.topics_)})


def _distinct_stems(pairs: Sequence[tuple[str, float]], stem: Callable[[str], str]) -> list[tuple[str, float]]:
    """Keep of words of one stem the weightiest: two inflections differ for an encoder, and say one thing."""
    first: dict[str, tuple[str, float]] = {}
    for word, weight in pairs:
        first.setdefault(stem(word), (word, weight))
    return list(first.values())


def _check_lengths(counts: Counts, labels: Ints, vectors: Floats) -> None:
    if not counts.matrix.shape[0] == len(labels) == len(vectors):
        raise ContractError(
            f"there are {counts.matrix.shape[0]} texts, {len(labels)} labels and {len(vectors)} vectors; "
            "need as many of each"
        )
