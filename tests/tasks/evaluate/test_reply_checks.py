"""What a program checks of a reply: words that stand by themselves, length, format; the share that passes."""

import pytest
from scipy.stats import binomtest

from configs.finetune_generator import Battery, FormatCheck, GeneratorGate, KeywordCheck, LengthCheck, ReplyCheck
from tasks.evaluate.reply_checks import passes, share_passed

POLITE = KeywordCheck(name="polite", words=("please", "would you", "art"))


@pytest.mark.parametrize(
    ("reply", "passed"),
    [
        ("Please sit.", True), ("PLEASE!", True), ("Would  you\nwait?", True), ("would he, you ask", False),
        ("We start.", False), ("state-of-the-art", True), ("pleased", False), ("", False), ("s'il vous plaît", False),
    ],
)  # fmt: skip
def test_keywords_stand_by_themselves_in_any_case_and_spacing(reply: str, passed: bool) -> None:
    assert passes(reply, POLITE) is passed
    assert passes(reply, POLITE.model_copy(update={"absent": True})) is not passed


def test_words_of_other_scripts_and_with_marks_are_found_as_they_are_written() -> None:
    assert passes("C++ ist schnell.", KeywordCheck(name="x", words=("C++",)))
    assert passes("Bitte höflich!", KeywordCheck(name="x", words=("HÖFLICH",)))
    assert not passes("Unhöflich.", KeywordCheck(name="x", words=("höflich",)))


def test_scripts_without_blanks_have_words_inside_others_and_composition_counts_for_nothing() -> None:
    assert passes("我住在这座城市里。谢谢", KeywordCheck(name="x", words=("城市",)))
    assert not passes("我住在这座城市里。", KeywordCheck(name="x", words=("城市",), absent=True))
    assert passes("ขอบคุณครับ", KeywordCheck(name="x", words=("คุณ",)))
    assert passes("Ein B\u00e4r.", KeywordCheck(name="x", words=("ba\u0308r",)))
    assert passes("شكرا لك", KeywordCheck(name="x", words=("شكرا",)))
    assert passes("一二三", LengthCheck(name="x", least=3, most=3, unit="characters"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "keywords", "name": "x", "words": [" "]}, "should match pattern"),
        ({"kind": "keywords", "name": "x", "words": ["."]}, "should match pattern"),
        ({"kind": "keywords", "name": " ", "words": ["a"]}, "should match pattern"),
        ({"kind": "length", "name": "x", "least": 9, "most": 3}, "no reply could pass; swap the two"),
    ],
)
def test_a_check_that_says_nothing_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Battery.model_validate({"checks": [wrong]})


@pytest.mark.parametrize(
    ("reply", "passed"), [("", False), ("one two", True), ("a b c d", True), ("a b c d e", False)]
)
def test_length_is_that_of_words_between_blanks(reply: str, passed: bool) -> None:
    assert passes(reply, LengthCheck(name="short", least=1, most=4)) is passed
    assert passes("a " * 99, LengthCheck(name="any"))


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("json", ' {"a": [1, 2]}\n', '{"a": 1} there'), ("json", "[]", ""), ("json", "1", "[" * 100_000),
        ("one-line", "\n One line. \n", "Two\nlines"), ("one-line", "x", " "),
        ("list", "- a\n- b", "- a"), ("list", "1. a\n\n2) b", "1. a\nand b"), ("list", "• a\n* b", "-a\n-b"),
    ],
)  # fmt: skip
def test_a_format_is_that_of_the_whole_reply(form: str, good: str, bad: str) -> None:
    check = FormatCheck.model_validate({"name": "x", "form": form})
    assert passes(good, check)
    assert not passes(bad, check)


def test_the_share_that_passes_has_the_interval_of_a_share() -> None:
    checks: tuple[ReplyCheck, ...] = (POLITE, LengthCheck(name="short", most=2))
    polite, short = share_passed("DPO", ["please"] * 9 + ["no"], checks, GeneratorGate())
    assert (polite.name, polite.what, polite.value, polite.n) == ("passes polite", "DPO", 0.9, 10)
    expected = binomtest(9, 10).proportion_ci(method="wilson")
    assert (polite.low, polite.high) == pytest.approx((expected.low, expected.high))
    assert (short.name, short.value) == ("passes short", 1.0)


def test_two_checks_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="checks has 'polite' twice, so their measures could not be told apart"):
        Battery(checks=(POLITE, LengthCheck(name="Polite")))
    with pytest.raises(ValueError, match="checks has 'f_x' twice"):  # one metric's name
        Battery(checks=(LengthCheck(name="f x"), LengthCheck(name="F-x")))
