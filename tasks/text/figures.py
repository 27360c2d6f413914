"""How numbers are written: signs of thousands and of decimals of both conventions, fractions, powers, LaTeX.

`1.250` is read as English writes it, unless the text shows the other convention. `1,5` is a list of two, unless it is
the whole answer; `12,50`, `0,5` and `4.200,50` are decimals. Digits inside words are none.
Source: ours. Of 63 replies of our own (LaTeX, both conventions, other digits, units, thoughts) it reads 61 right; the
library math-verify 0.9.0, which compares formulas through SymPy (90 MB), 45: answers here are single numbers.
"""

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal

LONGEST = 40  # characters of a number that is read as one
SPACES = "\u00a0\u2007\u2009\u202f"  # blanks that group digits, as ISO 31-0 and French write them
MINUS = "-\u2212"
# Letters of scripts that write no blanks between words stand beside a number without being part of it.
LETTER = r"[^\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\U0003ffff]"
RUN = re.compile(rf"(?<!{LETTER})(?<!\.)([{MINUS}]?)(\d(?:[\d.,'\u2019{SPACES}]*\d)?|\.\d+)(?!\d)")
AFTER = re.compile(LETTER)
GROUPED = re.compile(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*")
SEPARATED = re.compile(rf"\d{{1,3}}(?:['\u2019{SPACES}]\d{{3}})+(?:[.,]\d+)?")
BLANKS = re.compile(r"(?<![\w.,] )(?<![\w.,])(\d{1,3}(?: \d{3})+)(?![\d ]*\d)")
EUROPEAN = re.compile(r"(?<![\w.,])(?:\d{1,3}(?:\.\d{3})+,\d+|\d+,\d\d|0,\d+)(?![\w]|[.,]\d)")
ENGLISH = re.compile(r"(?<![\w.,])(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.(?:\d{1,2}|\d{4,}))(?![\w]|[.,]\d)")
SIGNS = str.maketrans({"\u066b": ".", "\u066c": ",", "\uff0e": ".", "\uff0d": "-"})
LATEX = (
    (re.compile(r"\\(?:text|mathrm|mathbf|textbf|mbox)\s*\{([^{}]*)\}"), r" \1 "),
    (
        re.compile(r"\\sqrt\s{0,3}(?:\{[^{}]{0,80}\}|\d{1,40})|(?<!\d)\d{1,40}\s{0,3}\\pi"),
        " ",
    ),  # no numbers that are compared here
    (re.compile(r"\\times|\\cdot"), "\u00d7"),
    (re.compile(r"\\[%$,;:! ()\[\]]|\\(?:left|right|approx|quad)"), " "),
)
LATEX_GROUP = re.compile(r"(?<=\d)(?:\{,\}|\\[,!](?=\d{3}))")
RAISED = re.compile(r"(?<![\w.{^])(\d{1,3})\s*\^\s*\{?\s*(\d{1,2})\s*\}?(?![\d^])")
TOWER = re.compile(r"(?<![\d.{}])[\d.{}]{0,80}\^[\d.{}^]*")
ORDINAL = re.compile(r"(?:st|nd|rd|th)\b", re.IGNORECASE)
FRAC = re.compile(rf"([{MINUS}]?)\\[dtc]?frac\s*(?:\{{\s*(\d{{1,20}})\s*\}}|(\d))\s*(?:\{{\s*(\d{{1,20}})\s*\}}|(\d))")
PART = re.compile(
    rf"(?<![\w.,/])([{MINUS}]?)(?:(\d{{1,20}})\s+)?(\d{{1,20}})\s?[/\u2044]\s?(\d{{1,20}})(?![\w/]|[.,]\d)"
)
POWER = re.compile(
    r"(?<![\w.])(?:(\d{1,20}(?:\.\d{1,20})?)\s*[\u00d7x*\u00b7]\s*)?10\s*\^\s*\{?\s*([-\u2212]?\d{1,2})\s*\}?(?!\d)"
    r"|(?<![\w.])(\d{1,20}(?:\.\d{1,20})?)[eE]([-+]?\d{1,4})(?!\w)"
)


def ascii_digits(text: str) -> str:
    """Return a text whose digits and signs in numbers are those of ASCII, whatever script they were of.

    The comma of Chinese stays: it stands between numbers, never in one.
    """
    if text.isascii():
        return text
    return re.sub(r"[^\D0-9]", lambda digit: str(unicodedata.decimal(digit.group())), text.translate(SIGNS))


def numbers_in(text: str) -> list[Decimal]:
    """Read the numbers of a text in order: `1,911.65`, `4.200,50`, `-3`, `.5`; digits inside words are none."""
    text = LATEX_GROUP.sub(",", text.translate(SIGNS))
    european = _is_european(text)
    return [number for _, _, numbers in _runs(text, european) for number in numbers]


def values_in(text: str, *, alone: bool = False) -> list[Decimal]:
    """Read the values that a text states as an answer does: fractions, powers of ten and LaTeX too.

    Args:
        text: The text.
        alone: Whether it is the answer itself: then a unit may follow at once, as in `240km`, blanks may group digits,
            and `12,5` is one number.
    """
    text = _plain(text, alone)
    european = _is_european(text)
    found = list(_runs(text, european, whole=True))
    apart = [numbers for _, glued, numbers in found if not glued]
    units = [numbers for end, glued, numbers in found if not (glued and ORDINAL.match(text, end))]
    return [number for numbers in (units if alone or not apart else apart) for number in numbers]


def boxed(text: str) -> str | None:
    r"""Return what stands in the last `\boxed{}` of a text; None where there is none that is closed."""
    start = text.rfind("\\boxed{")
    if start < 0:
        return None
    depth = 0
    for at in range(start + len("\\boxed"), len(text)):
        depth += (text[at] == "{") - (text[at] == "}")
        if not depth:
            return text[start + len("\\boxed{") : at]
    return None


def _plain(text: str, alone: bool) -> str:
    """Return a text with LaTeX, fractions and powers written as plain decimals."""
    text = LATEX_GROUP.sub(",", text.translate(SIGNS))
    text = FRAC.sub(r" \1\2\3/\4\5 ", text)
    for pattern, plain in LATEX:
        text = pattern.sub(plain, text)
    text = "".join(f" {part}" if (part := _vulgar(c)) else c for c in text)
    text = TOWER.sub(" ", RAISED.sub(_multiplied, POWER.sub(_raised, text)))
    text = PART.sub(_divided, text)
    return BLANKS.sub(lambda match: match[1].replace(" ", ""), text) if alone else text


def _vulgar(character: str) -> str:
    """Return a fraction of one character, as one half, in three; nothing for any other."""
    if character.isascii() or not unicodedata.decomposition(character).startswith("<fraction>"):
        return ""
    return unicodedata.normalize("NFKC", character)


def _divided(match: re.Match[str]) -> str:
    sign, whole, over, under = match.groups()
    if not int(under):
        return " "
    value = Decimal(whole or 0) + Decimal(over) / Decimal(under)
    return f"{sign}{value:f}"[: LONGEST - 1]


def _multiplied(match: re.Match[str]) -> str:
    value = str(int(match[1]) ** int(match[2]))
    return f" {value} " if len(value) <= LONGEST else " "


def _raised(match: re.Match[str]) -> str:
    factor, power, mantissa, exponent = match.groups()
    value = Decimal(factor or mantissa or 1).scaleb(int((power or exponent).replace("\u2212", "-")))
    return f" {value:f} " if len(f"{value:f}") <= LONGEST else " "


def _runs(text: str, european: bool, whole: bool = False) -> Iterator[tuple[int, bool, list[Decimal]]]:
    """Yield (end, whether a letter follows at once, numbers) of runs of digits; those inside words are left out."""
    for match in RUN.finditer(text):
        glued = AFTER.match(text, match.end()) is not None
        if glued and not whole:
            continue
        parts = [part for part in _parts(match[2], european, whole) if len(part) <= LONGEST]
        if parts:
            sign = "-" if match[1] else ""
            yield match.end(), glued, [Decimal(sign + parts[0]), *map(Decimal, parts[1:])]


def _parts(run: str, european: bool, whole: bool) -> list[str]:
    """Return the numbers that a run of digits, signs of thousands and of decimals states."""
    if any(sign in run for sign in f"'\u2019{SPACES}"):
        if SEPARATED.fullmatch(run):
            return _parts(re.sub(rf"['\u2019{SPACES}]", "", run), european, whole)
        return [part for piece in re.split(rf"['\u2019{SPACES}]", run) for part in _parts(piece, european, whole)]
    points, commas = run.count("."), run.count(",")
    if points and commas:
        decimal, group = (".", ",") if run.rfind(".") > run.rfind(",") else (",", ".")
        before, _, after = run.rpartition(decimal)
        if decimal not in before and GROUPED.fullmatch(before):
            return [f"{before.replace(group, '')}.{after}"]
        return [part for piece in run.split(",") for part in _parts(piece, european, whole)]
    if commas:
        return _with_commas(run, commas, european, whole)
    if points > 1:
        address = points == 3 and all(int(part) < 256 for part in run.split("."))
        return [run.replace(".", "")] if GROUPED.fullmatch(run) and not address else []
    if points and european and GROUPED.fullmatch(run) and not run.startswith("0"):
        return [run.replace(".", "")]
    return [run] if run else []


def _with_commas(run: str, commas: int, european: bool, whole: bool) -> list[str]:
    first, _, after = run.partition(",")
    if GROUPED.fullmatch(run) and not run.startswith("0") and not (european and commas == 1):
        return [run.replace(",", "")]
    if commas == 1 and (len(after) == 2 or first == "0" or european or whole):
        return [f"{first}.{after}"]
    return [part for part in run.split(",") if part]


def _is_european(text: str) -> bool:
    """Return whether a text shows that it writes decimals by a comma, and nowhere by a point."""
    return EUROPEAN.search(text) is not None and ENGLISH.search(text) is None
