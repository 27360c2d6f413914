"""What can be checked of a reply without a judge: words that it holds, how long it is, how it is written.

Source: instructions whose fulfilment a program can verify, IFEval, Zhou et al. 2023, arXiv:2311.07911.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import assert_never

from configs.finetune_generator import FormatCheck, GeneratorGate, KeywordCheck, LengthCheck, ReplyCheck
from tasks.data.evaluation import Measure
from tasks.metrics.intervals import mean_interval

# Scripts without blanks between words: Thai, Lao, Myanmar, Khmer, kana, Han. A word has no edge there.
JOINED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
ITEM = re.compile(r"(?:[-*•]|\d+[.)])\s+\S")  # begins an item of a list


def passes(reply: str, check: ReplyCheck) -> bool:
    """Return whether a reply is as a check asks."""
    match check:
        case KeywordCheck():
            return any(_holds(reply, word) for word in check.words) != check.absent
        case LengthCheck():
            count = len(reply.split()) if check.unit == "words" else len(reply.strip())
            return check.least <= count and (check.most is None or count <= check.most)
        case FormatCheck():
            return _written_as(reply.strip(), check)
        case _:
            assert_never(check)


def _holds(reply: str, word: str) -> bool:
    """Return whether a word or group of words stands in a reply by itself, whatever its case, spacing and composition.

    In a script without blanks it may stand inside others.
    """
    word, reply = unicodedata.normalize("NFC", word), unicodedata.normalize("NFC", reply)
    spaced = r"\s+".join(re.escape(part) for part in word.split())
    before, after = (
        "" if JOINED.match(edge) else mark for edge, mark in ((word[0], r"(?<!\w)"), (word[-1], r"(?!\w)"))
    )
    return re.search(f"{before}{spaced}{after}", reply, re.IGNORECASE) is not None


def _written_as(reply: str, check: FormatCheck) -> bool:
    lines = [line.strip() for line in reply.splitlines() if line.strip()]
    match check.form:
        case "json":
            return _is_json(reply)
        case "one-line":
            return len(lines) == 1
        case "list":
            return len(lines) > 1 and all(ITEM.match(line) for line in lines)
        case _:
            assert_never(check.form)


def _is_json(reply: str) -> bool:
    try:
        json.loads(reply)
    except (ValueError, RecursionError):
        return False
    return True


def share_passed(
    name: str, replies: Sequence[str], checks: Sequence[ReplyCheck], config: GeneratorGate
) -> list[Measure]:
    """Return the share of replies that passes each check.

    Args:
        name: Whose replies they are.
        replies: N replies, at least one.
        checks: What is asked of each.
        config: Resamples and seed of the intervals.
    """
    found = []
    for check in checks:
        passed = [float(passes(reply, check)) for reply in replies]
        share, ends = mean_interval(passed, resamples=config.resamples, seed=config.seed)
        found.append(Measure(f"passes {check.name}", name, share, *ends, len(replies)))
    return found
