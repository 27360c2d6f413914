import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from tasks.text.sentences import byte_characters, sentences, spreadsheet, unfit, words
from tests.bench.bench_sentences import labelled, sentence_starts

ANY_TEXT = st.text(st.characters(exclude_categories=()))
PROSE = st.text(st.sampled_from("aB1 .!?\n\t-*\"')([:=~^#>_\u200b\u00e9"), max_size=80)


LABELLED = labelled()


def pieces(text: str) -> list[str]:
    """Return the sentences of a text as texts."""
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ("empty", "has no visible character")),
        (" \n\t\r\u00a0\u2003\u2028", ("empty", "has no visible character")),
        ("\u200b\u200c\u200d\u2060\ufeff\u00ad", ("empty", "has no visible character")),
        ("\u0301\ufe0f", ("empty", "has no visible character")),
        ("\x1b\x07", ("empty", "has no visible character")),
        ("ab\x00c", ("binary", "holds a NUL byte at character 2")),
        ("a\ud800", ("lone-surrogate", "holds half a character (a lone surrogate) at character 1")),
        ("\udc80ab", ("lone-surrogate", "holds half a character (a lone surrogate) at character 0")),
        ("\x00\ud800", ("binary", "holds a NUL byte at character 0")),
    ],
    ids=["empty", "spaces", "zero-width", "marks", "controls", "NUL", "high half", "low half", "NUL first"],
)
def test_a_text_that_cannot_be_read_is_refused_with_the_place(text: str, found: tuple[str, str]) -> None:
    assert unfit(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "the of and",
        "[SEP] </s> <|im_end|>",
        "\x1b[31mred\x1b[0m",
        "=1+1",
        "👩\u200d👩\u200d👧",
        "a" + "\u0301" * 10_000,
        "\u202eabc",
        "漢",
        "\ufeffa",
    ],
    ids=["letter", "stops", "special", "ANSI", "formula", "emoji", "zalgo", "right-to-left", "han", "mark-first"],
)
def test_a_text_with_a_visible_character_is_read(text: str) -> None:
    assert unfit(text) is None


@given(ANY_TEXT)
def test_what_is_read_can_be_written_and_has_something_to_see(text: str) -> None:
    found = unfit(text)
    if found is None:
        assert b"\x00" not in text.encode("utf-8")
        assert text.strip()
    elif found[0] == "lone-surrogate":
        with pytest.raises(UnicodeEncodeError):
            text.encode("utf-8")
    elif found[0] == "empty":
        assert all(c.isspace() or unicodedata.category(c) in ("Cf", "Cc", "Mn") for c in text)


@given(PROSE | ANY_TEXT)
def test_sentences_touch_cover_the_text_and_each_says_something(text: str) -> None:
    found = pieces(text)
    assert "".join(found) == (text if text.strip() else "")
    assert all(piece.strip() for piece in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four.", ["One.", " Two!", " Three?", " Four."]),
        ('He said "Nay." Then left.', ['He said "Nay."', " Then left."]),
        ("Pi is 3.14 today. Good.", ["Pi is 3.14 today.", " Good."]),
        ("See e.g. Smith et al. Then Dr. Who of J. Doe.", ["See e.g. Smith et al. Then Dr. Who of J. Doe."]),
        ("scaled by x. y is not", ["scaled by x. y is not"]),
        ("One. (Two) `Three`. `Four`", ["One.", " (Two) `Three`.", " `Four`"]),
        ("Title\n=====\nText", ["Title\n=====\n", "Text"]),
        ("Intro:\n- one\n- two", ["Intro:\n", "- one\n", "- two"]),
        ("First\n\nSecond", ["First\n", "\nSecond"]),
        ("x : int\ny : str", ["x : int\n", "y : str"]),
        ("Do:\n>>> f(1)\n>>> g(2)", ["Do:\n", ">>> f(1)\n", ">>> g(2)"]),
        ("wrapped\nline goes on", ["wrapped\nline goes on"]),
        ("  \n lead and tail. \n ", ["  \n lead and tail. \n "]),
    ],
    ids=[
        "stops",
        "quotes",
        "number",
        "abbreviations",
        "lower-case",
        "brackets",
        "underline",
        "list",
        "blank-line",
        "definitions",
        "doctest",
        "wrapped",
        "blank-ends",
    ],
)
def test_a_text_is_cut_where_a_reader_would(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


@pytest.mark.parametrize("language", sorted(LABELLED))
def test_sentences_of_every_language_end_where_they_are_labelled(language: str) -> None:
    text, starts = LABELLED[language]
    known = {
        "fr": ["av. J.-C. Rien"],  # a name could follow
        "nl": ["zeker [2]. \u2019s Avonds"],  # begins with a small letter
        "ko": ["\ub204\uac00 \ub0b4\ub098\uc694?\u201d \uadf8\ub140"],  # no capital says that the sentence goes on
    }
    found, wanted = set(sentence_starts(text)), set(starts)
    assert len(found ^ wanted) <= len(known.get(language, [])), [text[max(0, n - 20) : n + 10] for n in found ^ wanted]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Preis 80.[1][2] Danach nichts.", ["Preis 80.[1][2]", " Danach nichts."]),
        ("价80\u3002\u30101\u3011胎90\u3002", ["价80\u3002\u30101\u3011", "胎90\u3002"]),
        ("If t<0; Then x", ["If t<0; Then x"]),
        ("It is DIRECT_L. If not", ["It is DIRECT_L.", " If not"]),
        ("Steps:\n1. Go there.\n2. Stay.", ["Steps:\n", "1. Go there.", "\n2. Stay."]),
        ("data " + "QUJD" * 60 + " The meeting is on Thursday.",
         ["data ", "QUJD" * 60, " The meeting is on Thursday."]),
    ],
    ids=["citations", "wide citations", "semicolon", "identifier", "marks of items", "long run"],
)  # fmt: skip
def test_marks_and_data_stay_outside_of_sentences(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


@pytest.mark.slow
@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "unit",
    [
        ".",
        ". ",
        "\n",
        "\n\t",
        "\n-",
        "\n---",
        '."',
        " ",
        "a",
        "\n*",
        ". (",
        ".\u201d",
        "\u3002",
        "1. ",
        ".[1]",
        "\u0e01 ",
    ],
)
def test_a_long_run_of_anything_is_cut_in_linear_time(unit: str) -> None:
    text = "A" + unit * 300_000
    assert "".join(pieces(text)) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sort the rows", ["sort", "the", "rows"]),
        ("sklearn.preprocessing", ["sklearn.preprocessing", "sklearn", "preprocessing"]),
        ("read_csv", ["read_csv", "read", "csv"]),
        ("StandardScaler", ["standardscaler", "standard", "scaler"]),
        ("HTTPServer", ["httpserver", "http", "server"]),
        ("E-42", ["e-42", "42"]),
        ("don't", ["don't", "don"]),
        ("x1 2nd", ["x1", "2nd"]),
        ("\uff21\uff22 \ufb01ne", ["ab", "fine"]),
        ("Größe ÉCOLE", ["größe", "école"]),
        ("\u6f22\u5b57", ["\u6f22\u5b57"]),
        ("\u756a\u8304\u79cd2019\u5e74", ["\u756a\u8304", "\u8304\u79cd", "2019", "\u5e74"]),
        (
            "\u092e\u0930\u092e\u094d\u092e\u0924 \u0915\u093e",
            ["\u092e\u0930\u092e\u094d\u092e\u0924", "\u0915\u093e"],
        ),
        ("\u0643\u0650\u062a\u064e\u0627\u0628\u064c", ["\u0643\u0650\u062a\u064e\u0627\u0628\u064c"]),
        ("cafe\u0301s", ["caf\u00e9s"]),
        ("\u0e17\u0e35\u0e48\u0e19\u0e35\u0e48", ["\u0e17\u0e35\u0e48\u0e19\u0e35\u0e48"]),
        ("\u0645\u06cc\u200c\u0634\u0648\u062f", ["\u0645\u06cc\u0634\u0648\u062f"]),
        ("prix_été", ["prix_été", "prix", "été"]),
        ("... --- !!!", []),
        ("", []),
    ],
    ids=[
        "prose",
        "path",
        "snake",
        "camel",
        "acronym",
        "code",
        "apostrophe",
        "digits",
        "wide",
        "accents",
        "han",
        "pairs",
        "marks",
        "harakat",
        "decomposed",
        "thai",
        "joiner",
        "mixed",
        "signs",
        "empty",
    ],
)
def test_words_are_found_whole_and_in_parts(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.lists(st.from_regex(r"[a-z]{2,8}", fullmatch=True), min_size=1, max_size=5), st.sampled_from("._-'"))
def test_every_part_of_a_compound_finds_it(parts: list[str], sign: str) -> None:
    assert set(parts) <= set(words(f"see {sign.join(parts)} there"))
    assert set(parts) <= set(words("".join(part.title() for part in parts))) | {"".join(parts)}


@given(ANY_TEXT)
def test_words_are_lower_case_without_blanks(text: str) -> None:
    assert all(word == word.lower() and word and not any(c.isspace() for c in word) for word in words(text))


def test_what_begins_like_a_formula_stays_words_in_a_spreadsheet() -> None:
    given = pa.table({"a": ["=1+1", "plain", "@x"], "b": [["-x", "y"], ["z"], []], "c": [1.5, -2.0, 3.0]})
    assert spreadsheet(given).to_pydict() == {
        "a": ["'=1+1", "plain", "'@x"], "b": ["'-x;y", "z", ""], "c": [1.5, -2.0, 3.0]
    }  # fmt: skip


def test_blanks_at_the_end_belong_to_the_last_sentence() -> None:
    assert sentences("One here. Two there.  \n") == [(0, 9), (9, 23)]
    assert sentences("Alone.  ") == [(0, 8)]
    assert sentences("One here. Two there.\n\n \n") == [(0, 9), (9, 24)]
    assert sentences("Alone.\n\n") == [(0, 8)]


def test_bytes_have_the_characters_of_byte_level_vocabularies() -> None:
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    ours = byte_characters()
    assert set(ours.values()) == set(level.alphabet())
    for character in "a !~\x00\x1f\u00a0\u00a1\u00ac\u00ad\u00ae\u00ff\u0100\u6f22":
        ((theirs, _),) = level.pre_tokenize_str(character)
        assert "".join(ours[byte] for byte in character.encode()) == theirs
