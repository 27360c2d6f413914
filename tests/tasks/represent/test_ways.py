import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import Stemmer
from sklearn.feature_extraction.text import CountVectorizer

from configs.represent import CTfIdf
from tasks.errors import MissingExtra
from tasks.represent.counts import count_words, read_counts, stop_words, write_counts
from tasks.represent.model import CountedWords
from tasks.represent.words import noise_by_words, words_side_by_side
from tasks.vectors.arithmetic import normalise

SHIPS = ["ship ships shipped shipping sail harbour sea", "ship ships shipping sea tide harbour", "ships sail sea tide"]
BREAD = ["bread rye sour starter oven", "rye bread flour oven baker", "bread baker flour starter"]
TEXTS = [*SHIPS * 4, *BREAD * 4, "a ship in the harbour", "seven unrelated things"]
LABELS = np.array([0] * 12 + [1] * 12 + [-1, -1])
AXES = {"ship": 0, "sail": 0, "harbour": 0, "sea": 0, "tide": 0, "bread": 1, "rye": 1, "oven": 1, "baker": 1}


def encode(texts: Sequence[str]) -> np.ndarray:
    """Return vectors by the letters of words: inflections lie close together."""
    rows = np.zeros((len(texts), 32))
    for row, text in enumerate(texts):
        for at, letter in enumerate(text):
            rows[row, ord(letter) % 32] += 1.0 / (1 + at % 9)
    return normalise(rows + 1e-6)


VECTORS = encode(TEXTS)


def side_by_side(**config: object) -> dict[tuple[int, str], tuple[str, ...]]:
    wanted = CTfIdf.model_validate({"words": 6, **config})
    found = words_side_by_side(count_words(TEXTS, 2), LABELS, VECTORS, wanted, encode, TEXTS)
    return {(w.topic, w.way): w.words for w in found}


def test_every_topic_is_worded_in_every_way_asked_for_and_noise_in_none() -> None:
    ways = ("c-tf-idf", "keybert", "mmr")
    assert list(side_by_side()) == [(topic, way) for topic in (0, 1) for way in ways]


def test_words_of_every_way_are_the_topic_s_own() -> None:
    for (topic, way), words in side_by_side().items():
        own = {w for text in (SHIPS, BREAD)[topic] for w in text.split()}
        assert words, way
        assert set(words) <= own, way


def test_mmr_keeps_one_of_the_inflections_that_fill_the_plain_list() -> None:
    stem = Stemmer.Stemmer("english").stemWord
    found = side_by_side()
    assert sum(stem(word) == "ship" for word in found[0, "c-tf-idf"]) > 1
    assert sum(stem(word) == "ship" for word in found[0, "mmr"]) <= 1
    for topic in (0, 1):
        stems = [stem(word) for word in found[topic, "mmr"]]
        assert len(stems) == len(set(stems))


def test_keybert_chooses_words_close_to_the_documents_of_the_topic_itself() -> None:
    words = side_by_side(beside=("keybert",), words=3)[0, "keybert"]
    middle = VECTORS[:12].mean(axis=0)
    all_words = sorted({w for text in SHIPS for w in text.split()})
    closest = [all_words[i] for i in np.argsort(-(encode(all_words) @ middle))[:5]]
    assert words[0] in closest


@pytest.mark.skipif(importlib.util.find_spec("spacy") is not None, reason="spaCy is installed here")
def test_parts_of_speech_without_a_tagger_are_refused_with_what_to_install() -> None:
    with pytest.raises(MissingExtra, match=r"spaCy is not installed; pip install 'llm-flows\[pos\]'"):
        side_by_side(beside=("part-of-speech",))


def test_noise_goes_to_the_topic_it_shares_words_with_and_else_stays() -> None:
    found = noise_by_words(count_words(TEXTS, 2), LABELS, 0.1)
    assert found[:-2].tolist() == LABELS[:-2].tolist()
    assert found[-2:].tolist() == [0, -1]


def test_counts_are_those_of_a_vectoriser_over_the_joined_documents() -> None:
    counts = count_words(TEXTS, 2)
    theirs = CountVectorizer(vocabulary=counts.words).fit_transform([" ".join(TEXTS[:3]), TEXTS[4], ""])
    ours = CountedWords(counts).transform(["0 1 2", "4", ""])
    assert (ours != theirs).nnz == 0


def test_counts_are_read_as_they_were_written(tmp_path: Path) -> None:
    counts = count_words(TEXTS, 2)
    write_counts(counts, tmp_path)
    read = read_counts(tmp_path, len(TEXTS))
    assert read.words == counts.words
    assert (read.matrix != counts.matrix).nnz == 0
    write_counts(count_words(["the of"], 1), tmp_path)
    assert read_counts(tmp_path, 1).words == ()


@pytest.mark.parametrize("word", ["the", "doesn", "won", "using", "cannot"])
def test_what_says_nothing_of_a_topic_is_a_stop_word(word: str) -> None:
    assert word in stop_words()
    assert word not in count_words([f"{word} cat dog"] * 3, 1).words
