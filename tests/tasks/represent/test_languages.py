from pathlib import Path

import numpy as np

from configs.represent import Labels
from tasks.data.topics import Topic
from tasks.represent.counts import Counts, count_words, find_languages, read_counts, write_counts
from tasks.represent.labels import label_topics

GERMAN = [
    "Die Bäckerei backt jeden Morgen frisches Brot, und der Teig ruht nicht lange auf dem Blech.",
    "Der Teig für das Brot geht noch eine Stunde, bevor die Bäckerei den Ofen heizt.",
    "Das Brot aus der Bäckerei wird auf einem Blech gebacken und nicht in einer Form.",
    "Frisches Brot und süßer Teig liegen auf dem Tisch, denn die Bäckerei öffnet noch heute.",
]
ENGLISH = [
    "The old sailors die young, and the war took many of the ships in the harbour.",
    "Ships in the harbour wait for the tide, and sailors rest on the deck after the war.",
    "The harbour was full of ships when the war ended and the sailors came home.",
]
FUNCTION = {"die", "das", "der", "und", "nicht", "auf", "noch", "den", "dem", "aus", "eine", "einer"}


def said(counts: Counts, row: int) -> set[str]:
    return {counts.words[column] for column in counts.matrix[row].indices}


def test_german_documents_are_counted_without_their_function_words() -> None:
    counts = count_words(GERMAN, 1, find_languages(GERMAN, "auto"))
    assert not FUNCTION & set(counts.words)
    assert {"bäckerei", "brot", "teig"} <= set(counts.words)
    assert counts.language == "de"


def test_each_document_of_several_languages_lacks_the_stop_words_of_its_own() -> None:
    texts = [GERMAN[0], ENGLISH[0], *GERMAN[1:], *ENGLISH[1:]]
    counts = count_words(texts, 1, find_languages(texts, "auto"))
    assert "die" in said(counts, 1)  # an English verb
    assert "die" not in said(counts, 0)
    assert {"sailors", "harbour"} <= said(counts, 1)
    assert "bäckerei" in said(counts, 0)
    assert not {"the", "and"} & set(counts.words)


def test_english_documents_are_counted_as_if_english_were_named() -> None:
    texts = [*ENGLISH, "ok", "def area(radius): return radius", "12 34"]
    named, found = count_words(texts, 1), count_words(texts, 1, find_languages(texts, "auto"))
    assert found.words == named.words
    assert (found.matrix != named.matrix).nnz == 0
    assert found.language == named.language == "en"


def test_rows_keep_their_order_whatever_the_languages() -> None:
    texts = [GERMAN[0], ENGLISH[0], GERMAN[1], ENGLISH[1]]
    mixed = count_words(texts, 1, ["de", "en", "de", "en"])
    for row, code in enumerate(["de", "en", "de", "en"]):
        assert said(mixed, row) == set(count_words([texts[row]], 1, [code]).words)


def test_no_language_counts_every_word() -> None:
    assert {"die", "und"} <= set(count_words(GERMAN, 1, find_languages(GERMAN, "none")).words)


def test_counts_come_back_with_their_language(tmp_path: Path) -> None:
    counts = count_words(GERMAN, 1, ["de"] * 4)
    write_counts(counts, tmp_path)
    assert read_counts(tmp_path, 4).language == "de"


def test_a_german_topic_is_named_without_function_words() -> None:
    topic = Topic(0, 4, "", ("bäckerei", "brot", "teig"), (0.9, 0.8, 0.7), ())
    (named,) = label_topics(GERMAN, np.zeros(4, dtype=np.int64), [topic], Labels(words=3, holdout=1))
    assert named.label
    assert not FUNCTION & set(named.label.replace(",", "").split())
