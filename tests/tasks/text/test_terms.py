import pytest
import Stemmer
from bm25s.stopwords import STOPWORDS_EN_PLUS

from tasks.text.sentences import words
from tasks.text.terms import stemmer, stop_words, stored_languages, terms


@pytest.mark.parametrize(
    ("text", "stems"),
    [
        ("consign consigned consigning consignment", ["consign", "consign", "consign", "consign"]),
        ("knack knackeries knacks", ["knack", "knackeri", "knack"]),
        ("caresses ponies", ["caress", "poni"]),
    ],
)
def test_english_terms_are_the_stems_published_with_the_snowball_stemmer(text: str, stems: list[str]) -> None:
    assert terms(text, ["en"]) == stems


def test_english_terms_are_words_without_the_stop_words_of_bm25s_cut_by_snowball() -> None:
    text = "The StandardScaler was fitted on rows, and the rows of X_train were never scaled twice."
    stem = Stemmer.Stemmer("english").stemWord
    assert terms(text, ["en"]) == [stem(word) for word in words(text) if word not in STOPWORDS_EN_PLUS]


def test_a_text_of_stop_words_has_no_english_terms() -> None:
    assert terms("The of and is to be, or NOT to be.", ["en"]) == []


def test_no_language_keeps_every_word_as_it_is() -> None:
    assert terms("The running of ponies") == ["the", "running", "of", "ponies"]


@pytest.mark.parametrize(
    ("code", "text", "found"),
    [
        ("de", "Die Dächer und das Dach", ["dach", "dach"]),
        ("fr", "les maisons et la maison", ["maison", "maison"]),
        ("tr", "evler ve evi", ["ev", "ev"]),
        ("ru", "дома и домов", ["дом", "дом"]),
    ],
)
def test_terms_of_a_language_have_its_stems_and_not_its_stop_words(code: str, text: str, found: list[str]) -> None:
    assert terms(text, [code]) == found


def test_a_language_without_stop_words_and_stems_keeps_its_words() -> None:
    assert stop_words("xx") == frozenset()
    assert stemmer("xx")("houses") == "houses"


def test_terms_by_several_languages_are_those_of_the_first_and_what_the_others_add() -> None:
    assert terms("war war Dächer", ["en", "de"]) == ["war", "war", "dächer", "dach"]
    assert terms("cats cats", ["en", "de"]) == ["cat", "cat"]


def test_indexes_made_before_state_their_language_by_name() -> None:
    assert stored_languages("english") == ("en",)
    assert stored_languages("none") == ()
    assert stored_languages(["de", "en"]) == ("de", "en")
