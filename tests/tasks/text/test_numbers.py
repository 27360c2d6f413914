from decimal import Decimal

import pytest

from tasks.text.figures import ascii_digits, numbers_in
from tasks.text.numbers import elect, given_numbers, read_answer, unsupported, written


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
    ("text", "found"),
    [
        ("1\u00a0250 and 1\u202f250 and 1\u2009250 and 1\u2019250", ["1250"] * 4),
        ("1 250", ["1", "250"]),
        ("4.200,50", ["4200.5"]),
        ("1.250.000", ["1250000"]),
        ("1.250", ["1.25"]),
        ("4.200,50 less 1.250 is 2.950,50", ["4200.5", "1250", "2950.5"]),
        ("2,249 less 1.250", ["2249", "1.25"]),
        ("host 192.168.100.200 costs 1.250", ["1.25"]),
        ("\u0664\u0662 \u0967\u0968\u0969 \uff17\uff12 \u0663\u066b\u0665", ["42", "123", "72", "3.5"]),
        ("$9{,}500 or \\$9\\,500", ["9500", "9500"]),
    ],
)
def test_numbers_are_read_in_both_conventions_and_all_scripts(text: str, found: list[str]) -> None:
    assert [written(number) for number in numbers_in(text)] == found


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (r"So it is \boxed{$8{,}400}, not 7", "8400"), ("The answer is $8{,}400.", "8400"), ("5/8", "0.625"),
        (r"\boxed{-\frac{2}{5}}", "-0.4"), (r"\dfrac{7}{2}", "3.5"), ("2\u00bd hours", "2.5"), ("1 3/4", "1.75"),
        ("Das sind 12,5", "12.5"), ("12kg", "12"), (r"45\%", "45"), (r"3 \times 10^5", "300000"), ("2e3", "2000"),
        ("the answer is 2^{10}", "1024"), (r"\boxed{25\text{ cm}}", "25"), ("#### 7/0", ""), (r"\sqrt{16}", ""),
        (r"5\pi", ""), ("the 2nd", ""), ("on 3/4/2024 there were 6", "6"), ("<think>It is 7, or", ""),
        ("<think>It is 7</think>\nThe answer is 8", "8"), (r"\boxed{5", "5"),
    ],
)  # fmt: skip
def test_an_answer_is_a_number_however_it_is_written(reply: str, answer: str) -> None:
    assert read_answer(reply, "number") == answer


@pytest.mark.timeout(60)  # it ends at once, or not in hours
@pytest.mark.parametrize("reply", ["9^{9^{9^{9}}}", "10^{10000000}", "9" * 50_000, "\\sqrt{" * 20_000, "{" * 50_000])
def test_a_reply_that_would_be_long_to_evaluate_is_no_number_and_takes_no_time(reply: str) -> None:
    assert read_answer(rf"\boxed{{{reply}}}", "number") == ""


@pytest.mark.timeout(60)  # a tenth of a second; with the square of the text, many minutes
@pytest.mark.parametrize("sign", ["1.", "1\u00a0000", "1.000", "12 ", "2^", "1,1", "\\frac{", " "])
def test_the_time_of_reading_grows_with_the_text_and_no_faster(sign: str) -> None:
    numbers_in(sign * 20_000)
    read_answer(sign * 20_000, "number")


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
        ("5/0", ""),
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


def test_digits_of_any_script_are_numbers() -> None:
    assert ascii_digits("٨٠٫٥ ８０ २५ x²") == "80.5 80 25 x²"
    assert ascii_digits("80，390") == "80，390"
