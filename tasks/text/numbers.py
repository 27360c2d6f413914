"""Numbers and short answers in replies: the only reading of them, shared by votes, judging and the check of figures.

Source: exact match of the last number as for GSM8K, Cobbe et al. 2021, arXiv:2110.14168; ours for the rest. How a
single number is written, `tasks.text.figures` reads.
"""

import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from tasks.text.figures import LONGEST, boxed, numbers_in, values_in
from tasks.text.reasoning import split_reasoning

Kind = Literal["number", "text"]

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
        reply: What a model wrote; what stands in `<think>` is not read, and a reply that ends there answers nothing.
        kind: number takes the last `\boxed{}`, else the first number after `####` or the last `answer is`, else the
            last number of all, a fraction as its value; text takes what stands there, else the last line, in small
            letters without articles and marks at its ends.
    """
    reply = split_reasoning(reply)[1]
    box = boxed(reply)
    marks = list(STATED.finditer(reply)) if box is None else []
    rest = reply[marks[-1].end() :] if marks else reply if box is None else box
    if kind == "number":
        stated = bool(marks) or box is not None
        after = values_in(rest, alone=True) if stated else []
        found = after[:1] or values_in(reply)[-1:]
        return written(found[0]) if found else ""
    lines = [line for line in rest.strip().splitlines() if line.strip()]
    line = (lines[0] if marks else lines[-1]) if lines else ""
    return ARTICLE.sub("", " ".join(line.casefold().split())).strip(EDGES)


def elect(answers: Sequence[str]) -> tuple[str, int]:
    """Return the commonest answer and its votes; a tie goes to the one given first, empty answers have no vote."""
    votes = Counter(answer for answer in answers if answer)
    return votes.most_common(1)[0] if votes else ("", 0)


def unsupported(reply: str, sources: Sequence[str]) -> tuple[str, ...]:
    """Name the numbers of a reply that stand in none of its sources: they are invented, or were reckoned unseen."""
    given = (number.rstrip("%").replace(",", "") for source in sources for number in given_numbers(source))
    known = {number for source in sources for number in (*numbers_in(source), *values_in(source))} | {
        Decimal(number.replace("\u2212", "-")) for number in given
    }
    return tuple(dict.fromkeys(written(number) for number in numbers_in(reply) if number not in known))
