"""Numbers and short answers in replies: the only reading of them, shared by votes, judging and the check of figures.

Source: exact match of the last number as for GSM8K, Cobbe et al. 2021, arXiv:2110.14168; ours for the rest.
"""

import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from tasks.text.number_signs import plain, plain_answer
from tasks.text.reasoning import split_reasoning

Kind = Literal["number", "text"]

NUMBER = re.compile(
    r"(?<![\w.])[-\u2212]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\d]|\.\d|\w)|(?<![\w.])[-\u2212]?\.\d+"
)
DECIMAL_COMMA = re.compile(
    r"(?<![\w.,])(0(?=,\d)|\d+(?=,(?:\d\d?|\d{4,})(?!\d))),(\d+)(?![.,]?\d)"
)  # 12,5 as in German
GIVEN = re.compile(
    r"(?<![\w.])([-\u2212]?)((?:\d{1,3}(?:,\d{3})+(?!,?\d)|\d+)(?:\.\d+)?|\.\d+)(\s*(?:%(?!\s*[\d(.])|per ?cent\b))?"
    r"|\b([a-z]+)\b",
    re.IGNORECASE,
)
COUNTED = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
WORDS = {word: str(value) for value, word in enumerate(COUNTED.split())} | {
    "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90",
    "hundred": "100", "thousand": "1000", "million": "1000000", "dozen": "12", "half": "0.5", "quarter": "0.25",
    "twice": "2", "double": "2", "triple": "3", "squared": "2", "cubed": "3",
}  # fmt: skip
STATED = re.compile(r"(?:####|\b(?:final )?answer(?: is|:|\s*=))\s*", re.IGNORECASE)
EDGES = " \t\n.,;:!?\"'()[]*`$\u20ac\u00a3"
ARTICLE = re.compile(r"\b(?:a|an|the)\s+")
BOXED = "\\boxed{"
LONGEST = 40  # characters of a number that is read as one


def numbers_in(text: str) -> list[Decimal]:
    """Read the numbers of a text in order: `1,911.65`, `-3`, `.5`; digits inside words are none.

    Thousands may be set apart by blanks that do not break, or as in LaTeX; `4.200,50` and `1.250.000` are read as they
    are meant, and `1.250` as 1.25 unless the text has such numbers.
    """
    found = (match.group().replace(",", "").replace("\u2212", "-") for match in NUMBER.finditer(plain(text)))
    return [Decimal(number) for number in found if len(number) <= LONGEST]


def written(number: Decimal) -> str:
    """Write a number the one way it is compared: no sign of thousands, no trailing zeros."""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def given_numbers(text: str) -> tuple[str, ...]:
    """Return the numbers that a text gives to calculate with, as they are written, each once.

    A percentage keeps its sign, `18 percent` too; a unit may follow at once, as in `240km`; English words of numbers
    are written in digits. A minus after another number is one of subtraction. A comma before one, two, or more than
    three last digits is one of decimals, which are written with a point.
    """
    found = []
    text = DECIMAL_COMMA.sub(r"\1.\2", text)
    for match in GIVEN.finditer(text):
        sign, number, share, word = match.groups()
        if word is not None:
            found += [WORDS[word.lower()]] if word.lower() in WORDS else []
        elif len(number) <= LONGEST:
            after = text[: match.start()].rstrip()[-1:]
            minus = "-" if sign and not (after.isdigit() or after in (")", "%")) else ""
            found.append(f"{minus}{number}{'%' if share else ''}")
    return tuple(dict.fromkeys(found))


def read_answer(reply: str, kind: Kind) -> str:
    r"""Read what a reply answers, in the form in which answers are compared; empty where it answers nothing.

    Args:
        reply: What a model wrote.
        kind: number takes what is `\boxed`, else the first number after `####` or the last `answer is`, else the last
            of all; fractions, powers and units are read. text takes what stands there, else the last line, in small
            letters without articles and marks at its ends. What a model thought before its reply is not read.
    """
    reply = split_reasoning(reply)[1]
    if (boxed := boxed_in(reply)) is not None:
        reply = boxed
    marks = list(STATED.finditer(reply))
    rest = reply[marks[-1].end() :] if marks else reply
    if kind == "number":
        after = numbers_in(plain_answer(rest)) if marks or boxed is not None else []
        found = after[:1] or numbers_in(plain_answer(reply))[-1:]
        return written(found[0]) if found else ""
    lines = [line for line in rest.strip().splitlines() if line.strip()]
    line = (lines[0] if marks else lines[-1]) if lines else ""
    return ARTICLE.sub("", " ".join(line.casefold().split())).strip(EDGES)


def boxed_in(reply: str) -> str | None:
    r"""Return what the last `\boxed{...}` of a reply holds; None where there is none that is closed."""
    start = reply.rfind(BOXED)
    if start < 0:
        return None
    depth = 1
    for end in range(start + len(BOXED), len(reply)):
        depth += {"{": 1, "}": -1}.get(reply[end], 0)
        if not depth:
            return reply[start + len(BOXED) : end]
    return None


def elect(answers: Sequence[str]) -> tuple[str, int]:
    """Return the commonest answer and its votes; a tie goes to the one given first, empty answers have no vote."""
    votes = Counter(answer for answer in answers if answer)
    return votes.most_common(1)[0] if votes else ("", 0)


def unsupported(reply: str, sources: Sequence[str]) -> tuple[str, ...]:
    """Name the numbers of a reply that stand in none of its sources: they are invented, or were reckoned unseen."""
    given = (number.rstrip("%").replace(",", "") for source in sources for number in given_numbers(source))
    known = {number for source in sources for number in numbers_in(source)} | {
        Decimal(number.replace("\u2212", "-")) for number in given
    }
    return tuple(dict.fromkeys(written(number) for number in numbers_in(reply) if number not in known))
