"""Exact arithmetic on what a model writes: a syntax tree is walked, nothing is ever evaluated as code.

Numbers are fractions, so that 2,249 x 0.85 is 1911.65 and not nearly so.
"""

import ast
import operator
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from tasks.errors import ContractError

LONGEST = 200  # characters of an expression
DIGITS_HELD = 60  # digits of a number on the way, at most
LARGEST = 10**DIGITS_HELD
POWER = 64  # largest exponent
DIGITS = 12  # significant digits of a number that does not end
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
TIMES = re.compile(r"(?<=[\d).])\s*[x\u00d7\u00b7]\s*(?=[\d(.])", re.IGNORECASE)
BINARY: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
    ast.Mod: operator.mod,
}


def calculate(expression: str) -> str:
    """Return the value of an expression of numbers, + - * / // % **, parentheses; x and thousands commas are read.

    Returns:
        The number, exactly where its decimals end, else with twelve digits after `about`.

    Raises:
        ContractError: It is something else, divides by zero, or grows too large.
    """
    text = TIMES.sub("*", THOUSANDS.sub("", expression)).replace("^", "**").replace("\u2212", "-").strip(" =")
    if not text or len(text) > LONGEST:
        raise ContractError(f"an expression of 1 to {LONGEST} characters was needed but it has {len(text)}")
    try:
        value = _value(ast.parse(text, mode="eval").body, text)
    except ContractError:
        raise
    except ZeroDivisionError as error:
        raise ContractError(f"{expression!r} divides by zero") from error
    except (SyntaxError, ValueError, InvalidOperation, RecursionError, MemoryError) as error:
        raise ContractError(f"{expression[:80]!r} is not arithmetic; write numbers and + - * / ** ( )") from error
    return _written(value)


def _value(node: ast.expr, text: str) -> Fraction:
    match node:
        case ast.Constant():
            found = _number(ast.get_source_segment(text, node) or "")
        case ast.UnaryOp(op=ast.USub()):
            found = -_value(node.operand, text)
        case ast.UnaryOp(op=ast.UAdd()):
            found = _value(node.operand, text)
        case ast.BinOp(op=ast.Pow()):
            found = _power(_value(node.left, text), _value(node.right, text))
        case ast.BinOp() if type(node.op) in BINARY:
            found = BINARY[type(node.op)](_value(node.left, text), _value(node.right, text))
        case _:
            raise ValueError(ast.dump(node)[:40])
    if abs(found.numerator) > LARGEST or found.denominator > LARGEST:
        raise ContractError(f"a number with more than {DIGITS_HELD} digits came up; use smaller ones")
    return found


def _number(written: str) -> Fraction:
    """Read a number as it is written, so that no digit is lost; one too large is refused before it is made."""
    number = Decimal(written)
    if not number.is_finite():
        raise ValueError(written)
    if abs(number.adjusted()) > DIGITS_HELD or len(number.as_tuple().digits) > DIGITS_HELD:
        raise ContractError(f"a number with more than {DIGITS_HELD} digits came up; use smaller ones")
    return Fraction(number)


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1 or abs(exponent) > POWER:
        raise ContractError(f"an exponent is {exponent} but a whole one of at most {POWER} was needed")
    return Fraction(base ** int(exponent))


def _written(value: Fraction) -> str:
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return f"about {float(value):.{DIGITS}g}"
    places = 0
    while value.denominator != 1:  # decimals end: shift until whole
        value *= 10
        places += 1
    text = str(abs(value.numerator)).rjust(places + 1, "0")
    whole = f"{text[:-places]}.{text[-places:]}" if places else text
    return f"-{whole}" if value < 0 else whole
