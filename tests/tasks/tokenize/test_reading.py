from collections.abc import Sequence

import pytest

from configs.models import EMBEDDED
from tasks.data.reading import ReadingReport
from tasks.models import files as model_files
from tasks.models.encoders import base as encoder_base
from tasks.tokenize.reading import counts_letters, explain_unread, report_reading, unread_tokens, warn_of_language

TEXTS = {
    "en": "The museum opens at nine and shows old maps of the coast.",
    "de": "Das Museum öffnet um neun und zeigt alte Karten der Küste.",
    "tr": "Müze saat dokuzda açılıyor ve kıyının eski haritalarını gösteriyor.",
    "ru": "Музей открывается в девять и показывает старые карты побережья.",
    "el": "Το μουσείο ανοίγει στις εννέα και δείχνει παλιούς χάρτες της ακτής.",
    "ar": "يفتح المتحف في الساعة التاسعة ويعرض خرائط قديمة للساحل.",
    "hi": "संग्रहालय नौ बजे खुलता है और तट के पुराने नक्शे दिखाता है।",
    "th": "พิพิธภัณฑ์เปิดเวลาเก้าโมงและแสดงแผนที่เก่าของชายฝั่ง",
    "zh": "博物馆九点开门，展出海岸的旧地图。",
    "ja": "博物館は九時に開き、海岸の古い地図を展示しています。",
}
READ = ("en", "de", "tr")


def tokens_of(text: str) -> list[str]:
    tokenizer = encoder_base.tokenizer(model_files.describe(EMBEDDED))
    found: list[str] = tokenizer.encode(text, add_special_tokens=False).tokens
    return found


def report(known: Sequence[str], *, measured: bool = True) -> ReadingReport:
    texts = list(TEXTS.values())
    passages = [(row, tokens_of(text)) for row, text in enumerate(texts)]
    return report_reading(texts, passages, known, 0.5, measured=measured)


def test_an_english_encoder_reads_latin_letters_and_no_other_script() -> None:
    found = report(["en"])
    assert found.documents == dict.fromkeys(TEXTS, 1)
    assert set(found.unread) == set(TEXTS) - set(READ)
    assert set(found.untrained) == {"de", "tr"}
    unread, untrained = found.warnings
    assert unread.startswith(
        "7 of 10 passages hold over 50% tokens that the encoder does not know (ru, el, ar, hi, th"
    )
    assert "@multilingual" in unread
    assert untrained.startswith(
        "2 of 10 passages are in languages the encoder was not trained on (de, tr; it states en)"
    )


def test_an_encoder_that_states_no_language_is_judged_by_unknown_tokens_alone() -> None:
    found = report([])
    assert set(found.unread) <= {"th", "zh"}
    assert "th" in found.unread
    assert found.untrained == {}


def test_single_letters_of_a_language_that_the_encoder_states_are_read() -> None:
    found = report(["en", "zh", "ru", "el"])
    assert not {"ru", "el"} & (set(found.unread) | set(found.untrained))
    assert "ar" in found.unread


def test_what_a_server_reads_is_not_claimed_to_be_known() -> None:
    found = report([], measured=False)
    assert (found.unread, found.untrained, found.warnings) == ({}, {}, [])
    assert found.stated() == {"languages": dict.fromkeys(TEXTS, 1), "unread_passages": None, "unread_tokens": None}


def test_tokens_that_say_nothing_are_unknown_ones_bytes_and_where_it_counts_single_letters() -> None:
    tokens = ["[UNK]", "<0xE4>", "<unk>", "##д", "\u2581屋", "x", "##1", "cat", "."]
    assert unread_tokens(tokens, letters=False) == 3
    assert unread_tokens(tokens, letters=True) == 5


@pytest.mark.parametrize(
    ("language", "known", "counted"),
    [
        ("ru", ("en",), True), ("ru", ("en", "ru"), False), ("ru", (), False),
        ("unknown", ("en",), True), ("unknown", ("en", "zh"), False), ("en", ("en",), False),
    ],
)  # fmt: skip
def test_single_letters_count_in_languages_the_encoder_does_not_state(
    language: str, known: tuple[str, ...], *, counted: bool
) -> None:
    assert counts_letters(language, known) is counted


def test_a_question_that_cannot_be_read_is_explained_and_another_is_not() -> None:
    said = explain_unread(TEXTS["zh"], tokens_of(TEXTS["zh"]), ["en"], 0.5, "the question")
    assert said.startswith("the encoder does not know ")
    assert "tokens of the question (zh)" in said
    assert explain_unread(TEXTS["de"], tokens_of(TEXTS["de"]), ["en"], 0.5, "the question") == ""
    short = "番茄"  # too short for its language to be known
    assert explain_unread(short, tokens_of(short), ["en"], 0.5, "the question")


@pytest.mark.parametrize(
    ("question", "known", "language"),
    [
        ("Wie hoch ist der Turm der alten Kirche am Markt?", ["en"], "de"),
        ("¿Quién escribió la novela que leímos en la escuela?", ["en"], "es"),
        ("Wie hoch ist der Turm der alten Kirche am Markt?", ["en", "de"], None),
        ("Wie hoch ist der Turm der alten Kirche am Markt?", [], None),
        ("How high is the tower of the old church?", ["en"], None),
        ("ValueError 0x53", ["en"], None),
    ],
)
def test_a_question_in_a_language_that_the_encoder_does_not_state_is_said(
    question: str, known: list[str], language: str | None
) -> None:
    said = warn_of_language(question, known)
    assert [f"not trained on ({language}; it states en)" in text for text in said] == (
        [] if language is None else [True]
    )
