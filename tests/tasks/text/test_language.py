import pytest

from tasks.text.language import commonest_language, find_language

SPOKEN = {
    "en": "The ferry leaves the harbour at seven, and the crew has been on board since dawn.",
    "de": "Die Fähre verlässt den Hafen um sieben, und die Mannschaft ist seit dem Morgen an Bord.",
    "fr": "Le bateau quitte le port à sept heures, et l'équipage est à bord depuis le matin.",
    "es": "El barco sale del puerto a las siete, y la tripulación está a bordo desde la mañana.",
    "pl": "Prom odpływa z portu o siódmej, a załoga jest na pokładzie od samego rana.",
    "tr": "Vapur limandan saat yedide kalkıyor ve mürettebat sabahtan beri gemide bekliyor.",
    "el": "Το πλοίο φεύγει από το λιμάνι στις επτά και το πλήρωμα είναι μέσα από το πρωί.",
    "ru": "Паром отходит из гавани в семь часов, а команда находится на борту с самого утра.",
    "ar": "تغادر العبارة الميناء في الساعة السابعة والطاقم على متنها منذ الصباح الباكر.",
    "hi": "नाव सात बजे बंदरगाह से निकलती है और चालक दल सुबह से जहाज पर मौजूद है।",
    "th": "เรือออกจากท่าเวลาเจ็ดโมงและลูกเรืออยู่บนเรือตั้งแต่เช้าแล้ว",
    "zh": "渡轮七点离开港口，船员从早上起就一直在船上等候。",
    "ja": "フェリーは七時に港を出て、乗組員は朝からずっと船に乗っています。",
    "ko": "배는 일곱 시에 항구를 떠나고 선원들은 아침부터 배에 타고 있습니다.",
}


@pytest.mark.parametrize(("code", "text"), SPOKEN.items(), ids=SPOKEN)
def test_a_sentence_is_known_by_its_language(code: str, text: str) -> None:
    assert find_language(text) == code


@pytest.mark.parametrize(
    "text",
    ["", "12.5 3,000 -- 2026-01-05", "ok", "a1b2c3d4e5f6a7b8c9", "def area(r):\n\treturn 3.14 * r**2", "\x00\ud800"],
    ids=["empty", "numbers", "short", "digest", "code", "not text"],
)
def test_a_text_that_is_too_short_or_no_language_has_an_unknown_one(text: str) -> None:
    assert find_language(text) == "unknown"


def test_numbers_and_signs_around_a_sentence_change_nothing() -> None:
    assert find_language(f"2026-01-05 | 17:30 | {SPOKEN['de']} | 4711 ||| 0.25") == "de"


def test_the_commonest_language_is_among_the_known_ones_and_the_first_by_name_of_equals() -> None:
    assert commonest_language(["unknown", "unknown", "fr", "de", "fr"]) == "fr"
    assert commonest_language(["fr", "de"]) == "de"
    assert commonest_language(["unknown"]) == commonest_language([]) == "unknown"


@pytest.mark.parametrize("text", ["Tape reader inside stays one size.", "Page header inside stays one size."])
def test_a_short_english_sentence_is_not_said_to_be_of_a_relative_of_english(text: str) -> None:
    assert find_language(text) == "unknown"
