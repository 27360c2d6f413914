"""Exact arithmetic on what a model writes: a syntax tree is walked, nothing is ever evaluated as code.

Numbers are fractions, so that 2,249 x 0.85 is 1911.65 and not nearly so. A percentage is a hundredth; added to a value
or taken from it, it is one of that value, as on a pocket calculator: 80 + 25% is 100.
"""

import ast
import operator
import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from tasks.errors import ContractError

LONGEST = 200  # characters of an expression
DIGITS_HELD = 60  # digits of a number on the way, at most
LARGEST = 10**DIGITS_HELD
POWER = 64  # largest exponent
DIGITS = 12  # significant digits of a number that does not end
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
LEADING = re.compile(r"(?<![\d.])0+(?=\d)")  # zeros of 05, which no literal may begin with
TIMES = re.compile(r"(?<=[\d).])\s*[x\u00d7\u00b7]\s*(?=[\d(.])", re.IGNORECASE)
PERCENT = re.compile(r"([\d,]*\.?\d+)\s*(?:%(?!\s*[\d(.])|per ?cent\b)(\s*of\b)?", re.IGNORECASE)
ANY = r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,10})?%?"  # a number where none is given, short enough for `DIGITS_HELD`
SIGNS = " [-+*/] "
EXAMPLES = (  # question, input, answer, thought
    ("What is 8 times 2.5?", "8 * 2.5", "8 times 2.5 is {}.", "8 times 2.5 is a product."),
    ("How much is 6% of 1,450?", "6% of 1,450", "6% of 1,450 is {}.", "6% of 1,450 is a percentage of a number."),
    ("What is 4,100 minus 650?", "4,100 - 650", "4,100 minus 650 is {}.", "4,100 minus 650 is a difference."),
    ("Add 15, 2.5 and 6.", "15 + 2.5 + 6", "The sum is {}.", "15, 2.5 and 6 are added."),
    ("Divide 96 by 4.", "96 / 4", "96 divided by 4 is {}.", "96 is divided by 4."),
    ("What is (7 + 5) * 3?", "(7 + 5) * 3", "(7 + 5) * 3 is {}.", "7 + 5 is multiplied by 3."),
    ("9 chairs at 35.50 each: what do they cost?", "9 * 35.50", "They cost {}.", "9 chairs cost 9 times 35.50."),
    ("4 friends share 30 apples. How many does each get?", "30 / 4", "Each gets {}.", "Each gets 30 divided by 4."),
    ("A lamp costs 70 and is sold with 15% off. What does it cost?", "70 - 15%", "It costs {}.",
     "15% is taken off 70."),
    ("I had 200 and bought 3 shirts at 18.50 each. What is left?", "200 - 3 * 18.50", "{} is left.",
     "3 shirts cost 3 times 18.50, which is taken from 200."),
    ("A plane flies 900 km in 2.5 hours. How far is that an hour?", "900 / 2.5", "It flies {} km an hour.",
     "An hour is 900 divided by 2.5."),
    ("There were 64 birds and 21 flew away. How many stayed?", "64 - 21", "{} birds stayed.",
     "21 is taken away from 64."),
)  # fmt: skip
BINARY: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
    ast.Mod: operator.mod,
}


def calculate(expression: str) -> str:
    """Return the value of an expression of numbers, + - * / // % **, parentheses.

    Also read: x for times, commas of thousands, `18% of 2,350`, `18 percent of 2,350`, `2,249 - 15%`.

    Returns:
        The number, exactly where its decimals end, else with twelve digits after `about`.

    Raises:
        ContractError: It is something else, divides by zero, or grows too large.
    """
    said = expression.strip(" =")
    if not said or len(said) > LONGEST:
        raise ContractError(f"an expression of 1 to {LONGEST} characters was needed but it has {len(said)}")
    shares = PERCENT.sub(lambda m: f"percent({m[1]})" + "*" * bool(m[2]), said)
    text = TIMES.sub("*", LEADING.sub("", THOUSANDS.sub("", shares))).replace("^", "**").replace("\u2212", "-")
    try:
        value = _value(ast.parse(text, mode="eval").body, text)
    except ContractError:
        raise
    except ZeroDivisionError as error:
        raise ContractError(f"{expression!r} divides by zero") from error
    except (SyntaxError, ValueError, InvalidOperation, RecursionError, MemoryError) as error:
        raise ContractError(f"{expression[:80]!r} is not arithmetic; write numbers and + - * / ** ( )") from error
    return _written(value)


def pattern_of(numbers: Sequence[str]) -> str:
    """Return the regular expression of the calculations that can be made with some numbers.

    Args:
        numbers: As they are written, `2,249` or `15%`; none lets any number be used.

    Returns:
        Two numbers or more with signs between, one level of parentheses, or `15% of` one of them. What it matches is
        read by `calculate`, where it has no more than `LONGEST` characters; a value divided by zero is refused there.
    """
    written = sorted(set(numbers), key=len, reverse=True)
    one = f"(?:{'|'.join(map(re.escape, written))})" if written else ANY
    shares = "|".join(re.escape(number) for number in written if number.endswith("%"))
    flat = f"{one}(?:{SIGNS}{one})+"
    part = rf"(?:{one}|\({flat}\))"
    powers = "|".join(n for n in written if n.isascii() and n.isdigit() and 1 < int(n[:3]) == int(n) <= POWER)
    raised = [rf"{part} \*\* (?:{powers})"] if powers else []
    taken = [f"(?:{shares}) of {part}"] if shares else []
    return "|".join([f"{part}(?:{SIGNS}{part})+", *raised, *taken])


def _value(node: ast.expr, text: str) -> Fraction:
    match node:
        case ast.Constant():
            found = _number(ast.get_source_segment(text, node) or "")
        case ast.UnaryOp(op=ast.USub()):
            found = -_value(node.operand, text)
        case ast.UnaryOp(op=ast.UAdd()):
            found = _value(node.operand, text)
        case ast.Call(func=ast.Name(id="percent"), args=[ast.Constant() as number], keywords=[]):
            found = _value(number, text) / 100
        case ast.BinOp():
            found = _joined(node, _value(node.left, text), _value(node.right, text))
        case _:
            raise ValueError(ast.dump(node)[:40])
    if abs(found.numerator) > LARGEST or found.denominator > LARGEST:
        raise ContractError(f"a number with more than {DIGITS_HELD} digits came up; use smaller ones")
    return found


def _joined(node: ast.BinOp, left: Fraction, right: Fraction) -> Fraction:
    """Return what two values give; a percentage that is added to a value, or taken from it, is one of that value."""
    if isinstance(node.op, ast.Pow):
        return _power(left, right)
    if type(node.op) not in BINARY:
        raise ValueError(ast.dump(node)[:40])
    shares = [isinstance(side, ast.Call) for side in (node.left, node.right)]
    if isinstance(node.op, ast.Add | ast.Sub) and shares == [False, True]:
        right *= left
    return BINARY[type(node.op)](left, right)


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
