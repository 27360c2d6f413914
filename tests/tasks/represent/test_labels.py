import numpy as np
import pytest

from configs.represent import CTfIdf, Labels
from tasks.data.topics import Topic
from tasks.represent.counts import count_words, stop_words
from tasks.represent.labels import label_measures, label_topics
from tasks.represent.words import put_into_words
from tasks.vectors.arithmetic import normalise

NOUNS = ["lamp", "lens", "tide", "buoy", "pilot", "rope", "sail", "anchor"]
TRAINS = [f"The night train number {n} has sleeping cars, {NOUNS[n % 8]} and more" for n in range(40)]
BREAD = [f"A sour starter makes rye bread rise; {NOUNS[n % 5]} says the baker" for n in range(40)]
TEXTS = [*TRAINS, *BREAD, "nothing alike"]
LABELS = np.array([0] * 40 + [1] * 40 + [-1])
VECTORS = normalise(np.random.default_rng(0).normal(size=(81, 5)))


def named(texts: list[str] = TEXTS, labels: np.ndarray = LABELS, **config: float) -> dict[int, Topic]:
    topics = put_into_words(count_words(texts, 2), labels, VECTORS[: len(texts)], CTfIdf(words=20))
    return {t.topic: t for t in label_topics(texts, labels, topics, Labels.model_validate(config))}


def test_a_label_is_made_of_words_of_the_topic_s_own_documents() -> None:
    for topic, texts in ((0, TRAINS), (1, BREAD)):
        words = named()[topic].label.split()
        assert set(words) <= {w for text in texts for w in text.lower().replace(",", " ").replace(";", " ").split()}
        assert not set(words) & stop_words()


def test_phrases_that_all_members_have_are_preferred_to_words_some_have() -> None:
    topics = named()
    assert set(topics[0].label.split()) & {"night", "train", "sleeping", "cars"}
    assert not set(topics[0].label.split()) & set(NOUNS)
    assert (topics[0].support, topics[0].general) == (1.0, 0.0)


def test_noise_keeps_its_name_and_is_held_by_none() -> None:
    assert (named()[-1].label, named()[-1].support) == ("outliers", 0.0)


def test_no_two_topics_have_a_label_of_the_same_stems() -> None:
    texts = [f"lighthouse keeper {'lights' if n % 2 else 'light'} the lamp" for n in range(60)]
    topics = named(texts, np.repeat([0, 1, 2], 20))
    import Stemmer

    stem = Stemmer.Stemmer("english").stemWord
    keys = [frozenset(map(stem, t.label.split())) for t in topics.values()]
    assert len(set(keys)) == 3


def test_a_candidate_the_judges_do_not_bear_out_is_replaced_by_the_next() -> None:
    texts = [f"{'rare harbour' if n < 12 else 'ship'} and the sea" for n in range(40)] + ["bread and butter"] * 40
    topic = named(texts, np.repeat([0, 1], 40))[0]
    assert topic.support >= 0.7
    assert "sea" in topic.label


def test_where_no_single_candidate_is_borne_out_two_stand_side_by_side() -> None:
    texts = [f"{NOUNS[n % 2]} {NOUNS[n % 2]}" for n in range(40)] + ["bread and butter"] * 40
    topic = named(texts, np.repeat([0, 1], 40))[0]
    assert set(topic.label.split(", ")) == set(NOUNS[:2])
    assert (topic.support, topic.general) == (1.0, 0.0)


def test_where_none_is_borne_out_the_one_borne_out_most_is_taken_and_its_share_told() -> None:
    texts = [f"{NOUNS[n % 8]} {NOUNS[n % 8]}" for n in range(80)] + ["bread and butter"] * 1
    topic = named(texts, np.repeat([0, 1], [80, 1]))[0]
    assert set(topic.label.split(", ")) <= set(NOUNS)
    assert 0 < topic.support < 0.7


def test_a_topic_without_words_is_named_by_its_number() -> None:
    assert named(["1 2"] * 6 + ["cat dog"] * 6, np.repeat([0, 1], 6))[0].label == "topic 0"


def test_measures_count_supported_labels_and_those_too_general() -> None:
    topics = [Topic(n, 9, "x", (), (), (), support, general) for n, (support, general) in
              enumerate([(1.0, 0.1), (0.8, 0.5), (0.5, 0.1)], start=0)]  # fmt: skip
    found = label_measures([Topic(-1, 3, "outliers", (), (), ()), *topics], 0.7)
    assert found.stated() == pytest.approx({"support": 2.3 / 3, "supported": 2 / 3, "too_general": 1 / 3})
    assert label_measures([], 0.7).stated() == {}


def label_of(texts: list[str], others: list[str] | None = None) -> str:
    others = others or [f"bread number {n} with butter" for n in range(len(texts))]
    return named([*texts, *others], np.repeat([0, 1], [len(texts), len(others)]))[0].label


def test_a_phrase_that_one_word_always_completes_is_no_name() -> None:
    texts = ["large tidal barriers" if n % 5 < 3 else f"tidal and large, {NOUNS[n % 7]}" for n in range(40)]
    assert "large tidal" not in label_of(texts).split(", ")


def test_words_that_rarely_stand_side_by_side_are_no_phrase() -> None:
    texts = [f"the harbour of {NOUNS[n % 8]} and a lighthouse" for n in range(38)] + ["the harbour lighthouse"] * 2
    assert label_of(texts) in {"harbour", "lighthouse"}


def test_what_only_qualifies_the_words_after_it_gives_way_to_what_stands_by_itself() -> None:
    kinds = ["dune", "valley", "gorge", "ridge", "spring"]
    texts = [f"volcanic {kinds[n % 5]} with {NOUNS[n % 4]}{', a crater' if n % 10 else ''}" for n in range(40)]
    assert label_of(texts) == "crater"


def test_a_word_is_named_in_its_commonest_form() -> None:
    kinds = ["slow", "old", "new", "red"]
    texts = [f"they, {kinds[n % 4]}, swim; {'it swims' if n % 4 == 0 else 'a swim'}" for n in range(40)]
    assert label_of(texts) == "swim"


def test_a_word_that_other_topics_have_too_names_none_though_all_members_have_it() -> None:
    theirs = [f"bread and butter {'with models' if n % 5 == 0 else ''}" for n in range(40)]
    texts = [f"models of the {'glacier' if n % 20 < 12 else NOUNS[n % 8]}" for n in range(40)]
    label = label_of(texts, theirs)
    assert "glacier" in label.split(", ")
    assert "models" not in label.split(", ")
