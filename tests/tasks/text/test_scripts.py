import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.text.scripts import compounds, holds_name, letter_words, names, pairs, spaced, tokens

LATIN = st.text(
    st.characters(max_codepoint=0x2BF) | st.sampled_from("\u2019\u201c\u201d\u2026\u2014 _.-'"), max_size=60
)


@given(LATIN)
def test_words_of_latin_texts_are_those_of_plain_patterns(text: str) -> None:
    assert tokens(text) == re.findall(r"\w+", text)
    assert compounds(text) == re.findall(r"[^\W_]+(?:[._'\u2019-][^\W_]+)*", text)
    assert letter_words(text, 3) == re.findall(r"\b[^\W\d_]{3,}\b", text)
    assert spaced(text) == text


@given(st.text(st.sampled_from("\u4e2d\u0e17\u0e35\u0e48\u0928\u094d aZ9_\u0301\u200c.\u3002-"), max_size=30))
def test_no_letter_of_any_script_is_lost(text: str) -> None:
    kept = "".join(tokens(text))
    assert all(c in kept for c in unicodedata.normalize("NFC", text) if c.isalnum())


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("中", ["中"]),
        ("中文字", ["中文", "文字"]),
        ("ที่นี่", ["ที่นี่"]),
        ("ไม่มี", ["ไม่", "ม่มี"]),
        ("ラーメン", ["ラー", "ーメ", "メン"]),
    ],
)
def test_neighbours_stand_in_pairs_with_their_marks(run: str, expected: list[str]) -> None:
    assert pairs(run) == expected


def test_words_of_letters_have_a_least_length_but_for_pairs() -> None:
    assert letter_words("मरम्मत no x1y 番茄种 ก 12", 3) == ["मरम्मत", "番茄", "茄种"]


def test_names_of_any_script_are_found_but_for_the_first_word() -> None:
    assert names("\u201cThe Öresund and NATO know Anna\u2019s plan.\u201d") == ["Öresund", "NATO", "Anna"]
    assert names("Здесь жил Иванов.") == ["Иванов"]
    assert holds_name("у ивановых дома", "Иванова")
    assert not holds_name("у петровых дома", "Иванова")
    assert not holds_name("smith", "Smithson")
