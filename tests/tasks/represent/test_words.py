import numpy as np
import pytest
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from configs.represent import CTfIdf
from tasks.data.topics import Topic
from tasks.errors import ContractError
from tasks.represent.counts import count_words
from tasks.represent.words import put_into_words
from tasks.vectors.arithmetic import normalise

PETS = [
    "the cat purrs and the dog barks",
    "a dog and a cat play",
    "cat food, dog food and the vet",
    "dogs the cat dog",
]
SHIPS = ["the ship sails the sea", "a harbour for every ship", "ship and sea and harbour", "the sea by the harbour"]
TEXTS = [*PETS, *SHIPS, "nothing alike"]
LABELS = np.array([1] * 4 + [0] * 4 + [-1])
VECTORS = normalise(np.random.default_rng(0).normal(size=(9, 5)))


def topics_of(texts: list[str], labels: list[int] | np.ndarray, **config: int) -> dict[int, Topic]:
    wanted = CTfIdf.model_validate(config)
    counts = count_words(texts, wanted.min_documents)
    found = put_into_words(counts, np.array(labels, dtype=np.int64), VECTORS[: len(texts)], wanted)
    return {topic.topic: topic for topic in found}


def test_clusters_are_put_into_their_own_words() -> None:
    topics = topics_of(TEXTS, LABELS)
    assert set(topics[1].words) >= {"cat", "dog"}
    assert set(topics[0].words) >= {"ship", "sea", "harbour"}
    assert set(topics[0].words).isdisjoint(topics[1].words)


def test_noise_comes_first_and_the_clusters_follow_by_number() -> None:
    assert list(topics_of(TEXTS, LABELS)) == [-1, 0, 1]
    assert list(topics_of(TEXTS[:8], LABELS[:8])) == [0, 1]


def test_numbers_of_clusters_are_kept_even_with_gaps_and_out_of_order() -> None:
    topics = topics_of(TEXTS, [7] * 4 + [3] * 4 + [-1])
    assert list(topics) == [-1, 3, 7]
    assert "dog" in topics[7].words
    assert "ship" in topics[3].words


def test_no_word_is_a_stop_word_and_every_weight_is_positive_and_in_order() -> None:
    for topic in topics_of(TEXTS, LABELS).values():
        assert not set(topic.words) & ENGLISH_STOP_WORDS
        assert len(topic.weights) == len(topic.words)
        assert all(weight > 0 for weight in topic.weights)
        assert list(topic.weights) == sorted(topic.weights, reverse=True)


def test_a_word_must_stand_in_enough_documents() -> None:
    assert "vet" in topics_of(TEXTS, LABELS, min_documents=1)[1].words
    assert "vet" not in topics_of(TEXTS, LABELS, min_documents=2)[1].words


def test_as_many_words_are_kept_and_shown_as_asked_for() -> None:
    topics = topics_of(TEXTS, LABELS, words=3, min_documents=1)
    assert all(len(topic.words) <= 3 for topic in topics.values())
    assert topics[0].label == ", ".join(topics[0].words[:3])
    assert topics[-1].label == "outliers"


def test_sizes_count_the_documents_and_those_nearest_the_centre_stand_for_them() -> None:
    vectors = normalise(np.array([[1, 0], [1, 1], [1, 0.9], [0, 1]]))
    (topic,) = put_into_words(count_words(["cat dog"] * 4, 2), np.zeros(4, dtype=np.int64), vectors, CTfIdf())
    assert topic.size == 4
    by_hand = np.argsort(-(vectors @ vectors.mean(axis=0)))
    assert topic.documents == tuple(by_hand.tolist())


def test_at_most_five_documents_stand_for_a_cluster() -> None:
    (topic,) = put_into_words(count_words(["cat dog"] * 9, 2), np.zeros(9, dtype=np.int64), VECTORS, CTfIdf())
    assert len(set(topic.documents)) == 5


def test_nothing_but_noise_is_one_topic_without_words() -> None:
    (topic,) = topics_of(TEXTS, [-1] * 9).values()
    assert (topic.topic, topic.size, topic.label, topic.words, topic.weights) == (-1, 9, "outliers", (), ())


@pytest.mark.parametrize(
    "texts",
    [
        ["1 2 3"] * 4,
        ["the of and"] * 4,
        ["alpha", "beta", "gamma", "delta"],
        ["cat"] * 4,
        ["我喜欢猫", "今天好", "北京大", "他去学校"],
    ],
    ids=["numbers", "stop words", "no word twice", "one word", "no spaces between words"],
)
def test_clusters_without_a_word_that_counts_have_none(texts: list[str]) -> None:
    topics = topics_of(texts, [0, 0, 1, 1])
    assert [(t.size, t.words) for t in topics.values()] == [(2, ()), (2, ())]


def test_a_cluster_without_words_beside_one_with_words_has_none() -> None:
    topics = topics_of(["cat dog"] * 3 + ["1 2"] * 3, [0, 0, 0, 1, 1, 1])
    assert set(topics[0].words) == {"cat", "dog"}
    assert topics[1].words == ()


def test_words_of_one_letter_or_with_digits_or_underscores_do_not_count() -> None:
    assert set(topics_of(["np x1 snake_case cat a dog"] * 3, [0] * 3)[0].words) == {"cat", "dog"}


def test_no_documents_have_no_topics() -> None:
    assert topics_of([], []) == {}


def test_lengths_that_differ_are_refused_with_all_three() -> None:
    with pytest.raises(ContractError, match="there are 2 texts, 3 labels and 2 vectors; need as many of each"):
        put_into_words(count_words(["a", "b"], 2), np.zeros(3, dtype=np.int64), VECTORS[:2], CTfIdf())
