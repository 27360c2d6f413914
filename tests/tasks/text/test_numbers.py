from decimal import Decimal

import pytest

from tasks.text.figures import numbers_in
from tasks.text.numbers import elect, given_numbers, read_answer, unsupported, written
from tasks.text.thoughts import split_thought


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2,249 x 0.85 = 1,911.65", ["2249", "0.85", "1911.65"]),
        ("GPT4 and v1.2.3 are names", []),
        ("from -3 to .5", ["-3", "0.5"]),
        ("It costs $18.", ["18"]),
        ("1,2 and 3", ["1", "2", "3"]),
    ],
)
def test_numbers_are_read_with_signs_of_thousands_and_digits_of_words_are_not(text: str, found: list[str]) -> None:
    assert [written(number) for number in numbers_in(text)] == found


@pytest.mark.parametrize(
    ("reply", "kind", "answer"),
    [
        ("16 - 3 - 4 = 9, so 9 * 2 = 18", "number", "18"),
        ("First the answer is 7. No: the answer is 18.00 dollars, not 20", "number", "18"),
        ("He works 3 hours\n#### 1,200", "number", "1200"),
        ("I do not know", "number", ""),
        ("Thinking.\nThe answer is: The Lighthouse.", "text", "lighthouse"),
        ("Some thought\n\nParis!", "text", "paris"),
        ("", "text", ""),
    ],
)
def test_an_answer_is_read_from_where_it_is_stated_else_from_the_end(reply: str, kind: str, answer: str) -> None:
    assert read_answer(reply, kind) == answer  # type: ignore[arg-type]


def test_the_commonest_answer_wins_a_tie_goes_to_the_first_and_silence_has_no_vote() -> None:
    assert elect(["9", "27", "9", "", "", ""]) == ("9", 2)
    assert elect(["27", "9"]) == ("27", 1)
    assert elect(["", ""]) == ("", 0)


def test_a_number_that_no_source_holds_is_named() -> None:
    assert unsupported("It is 1,911.65, about 1,900", ["2,249 x 0.85", "1911.65"]) == ("1900",)
    assert numbers_in("1911.65") == [Decimal("1911.65")]


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("Was sind 12,5 mal 4?", ("12.5", "4")),
        ("1,5% of 2,350.75", ("1.5%", "2,350.75")),
        ("0,125 and 1,2,3", ("0.125", "1", "2", "3")),
        ("What is 2,249 times 0.85?", ("2,249", "0.85")), ("How much is 18 percent of 2,350?", ("18%", "2,350")),
        ("15% of .5", ("15%", ".5")), ("240km in 3h", ("240", "3")), ("Six friends share half.", ("6", "0.5")),
        ("5 -3", ("5", "3")), ("minus: -3", ("-3",)), ("room B2 of v1.2", ()), ("3 % 2", ("3", "2")), ("", ()),
    ],
)  # fmt: skip
def test_numbers_to_calculate_with_are_given_as_they_are_written(text: str, given: tuple[str, ...]) -> None:
    assert given_numbers(text) == given


def test_a_number_of_forty_characters_is_read_and_a_longer_one_is_no_number() -> None:
    longest = "1" * 40
    assert [str(number) for number in numbers_in(f"{longest} {longest}1 7")] == [longest, "7"]
    assert given_numbers(f"{longest} {longest}1 7") == (longest, "7")


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (r"So \boxed{$9{,}500} remain", "9500"),
        ("The answer is $9{,}500.", "9500"),
        (r"$\boxed{42}$, for 6 times 7 is 42; check: 7", "42"),
        (r"\boxed{-\frac{1}{4}}", "-0.25"),
        (r"The answer is \(\dfrac{3}{4}\).", "0.75"),
        (r"$\frac12$", "0.5"),
        (r"3 \times 10^{5}", "300000"),
        (r"\boxed{\text{12 apples}}", "12"),
        ("about 3.0e5 people", "300000"),
        ("The answer is 3/4", "0.75"),
        ("1 1/2 cups, or 1\u00bd", "1.5"),
        ("due on 3/4/2024", "2024"),
        ("5/0", "0"),
        ("It is 1\u00a0250.", "1250"),
        ("Il faut 1\u202f250 euros", "1250"),
        ("CHF 1\u2019250.50", "1250.5"),
        ("#### 1 000 000", "1000000"),
        ("Das macht 4.200,50 Euro", "4200.5"),
        ("Die Summe ist 12,50 und 1.250 dazu", "1250"),
        ("It is 1.250 m", "1.25"),
        ("1.250.000 Einwohner", "1250000"),
        ("The answer is 240km, of 300km", "240"),
        ("\u0627\u0644\u062c\u0648\u0627\u0628 \u0664\u0662", "42"),
        ("\u8d39\u7528\u4e3a80\u6b27\u5143", "80"),
        ("10^99 grains, and 7e999", ""),
        ("<think> 3 + 4 = 7", ""),
        ("<think>it is 7</think> The answer is 8.", "8"),
        ("so 7</think>8", "8"),
    ],
)
def test_a_number_is_read_as_it_is_written_in_latex_and_in_either_convention(reply: str, answer: str) -> None:
    assert read_answer(reply, "number") == answer


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("4.200,50 Euro und 4.300,50 Euro", ["4200.5", "4300.5"]),
        ("1,500 and 2.75", ["1500", "2.75"]),
        ("12,50 plus 3.000", ["12.5", "3000"]),
        ("1.5,2.5", ["1.5", "2.5"]),
        ("0,125", ["0.125"]),
        ("192.168.0.1", []),
    ],
)
def test_a_text_that_writes_decimals_by_a_comma_is_read_so(text: str, found: list[str]) -> None:
    assert [written(number) for number in numbers_in(text)] == found


@pytest.mark.parametrize(
    ("text", "thought", "reply"),
    [
        ("<think>two\nlines</think>\n\nYes.", "two\nlines", "Yes."),
        ("  <think>cut off", "cut off", ""),
        ("no first mark</think>Yes.", "no first mark", "Yes."),
        ("Yes.", "", "Yes."),
        ("Write <think> and </think> around it.", "", "Write <think> and </think> around it."),
    ],
)
def test_a_thought_is_kept_apart_from_the_reply(text: str, thought: str, reply: str) -> None:
    assert split_thought(text) == (thought, reply)
