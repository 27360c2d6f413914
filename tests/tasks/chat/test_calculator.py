from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.chat.calculator import calculate
from tasks.errors import ContractError

NUMBERS = st.decimals(min_value=-10_000, max_value=10_000, places=4)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2,249 x 0.85", "1911.65"),
        ("2249*0.85 =", "1911.65"),
        ("0.1 + 0.2", "0.3"),
        ("(1 + 2) * -3", "-9"),
        ("1 / 8", "0.125"),
        ("1/3", "about 0.333333333333"),
        ("2^10", "1024"),
        ("7 // 2 + 7 % 2", "4"),
        ("3(4)".replace("(", "x("), "12"),
        ("1,000,000 \u00d7 2", "2000000"),
        ("12345678901234567890.123456789 + 0", "12345678901234567890.123456789"),
    ],
)
def test_arithmetic_is_exact(expression: str, value: str) -> None:
    assert calculate(expression) == value


@pytest.mark.slow
@given(NUMBERS, NUMBERS)
def test_sums_and_products_equal_those_of_decimal(a: Decimal, b: Decimal) -> None:
    assert Decimal(calculate(f"({a}) + ({b})")) == a + b
    assert Decimal(calculate(f"({a}) * ({b})")) == a * b


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("__import__('os').system('true')", "is not arithmetic"),
        ("open", "is not arithmetic"),
        ("'a' * 3", "is not arithmetic"),
        ("1 if 1 else 2", "is not arithmetic"),
        ("True + 1", "is not arithmetic"),
        ("(" * 190, "is not arithmetic"),
        ("", "an expression of 1 to 200 characters"),
        ("9" * 300, "an expression of 1 to 200 characters"),
        ("1 / 0", "divides by zero"),
        ("0 ** -1", "divides by zero"),
        ("9 ** 9 ** 9", "an exponent is 387420489"),
        ("1e999999999", "more than 60 digits"),
        ("10**60 * 10", "more than 60 digits"),
        ("2 ** 0.5", "an exponent is 1/2"),
    ],
)
def test_anything_else_is_refused_and_never_run(expression: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        calculate(expression)
