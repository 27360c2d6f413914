"""How often methods answer right, and whether any two of them differ by more than chance.

Two methods are compared on the same questions: of those that only one of them answers right, the share that is the
first one's has an exact interval, and the difference of the two follows from it. No ranking is stated where every such
interval holds zero.
Source: exact interval of a share, Clopper & Pearson 1934, doi:10.1093/biomet/26.4.404; pairs that differ alone decide,
McNemar 1947, doi:10.1007/BF02295996.
"""

import itertools
from collections.abc import Mapping, Sequence

from tasks.data.evaluation import Measure
from tasks.errors import ContractError
from tasks.evaluate.answers import holds_span
from tasks.metrics.intervals import Interval, wilson
from tasks.text.numbers import Kind, read_answer


def right_answers(replies: Sequence[str], expected: Sequence[str], kind: Kind) -> list[bool]:
    """Say which replies hold the answer expected; a reply that holds none is wrong.

    Raises:
        ContractError: They are not as many, or an expected answer is no number where numbers are compared.
    """
    if len(replies) != len(expected):
        raise ContractError(f"there are {len(replies)} replies to {len(expected)} questions; each needs one")
    known = [read_answer(answer, kind) for answer in expected]
    if "" in known:
        raise ContractError(f"the answer {expected[known.index('')]!r} holds no {kind}; correct it, or asking.answer")
    return [read_answer(reply, kind) == answer for reply, answer in zip(replies, known, strict=True)]


def difference(ours: Sequence[bool], theirs: Sequence[bool]) -> tuple[float, Interval]:
    """Return the difference of two shares of right answers to the same questions, and its 95 % interval."""
    from scipy.stats import binomtest

    n = len(ours)
    won = sum(a and not b for a, b in zip(ours, theirs, strict=True))
    lost = sum(b and not a for a, b in zip(ours, theirs, strict=True))
    if won + lost == 0:  # as many as could differ elsewhere, unseen in n
        most = float(binomtest(0, n).proportion_ci(0.95, "exact").high)
        return 0.0, (-most, most)
    share = binomtest(won, won + lost).proportion_ci(0.95, "exact")
    scale = (won + lost) / n
    return (won - lost) / n, ((2 * share.low - 1) * scale, (2 * share.high - 1) * scale)


def judge_methods(
    expected: Sequence[str], replies: Mapping[str, Sequence[str]], tokens: Mapping[str, int], kind: Kind
) -> tuple[list[Measure], str, bool]:
    """Measure methods on the questions whose answers are known.

    Args:
        expected: (N,) answers, empty where not known.
        replies: What each method answered, (N,).
        tokens: What each method took for all N questions, prompts and replies.
        kind: How an answer is read.

    Returns:
        Share of right answers and tokens a question of each method, of texts also the share of replies that name the
        answer; differences of every two; what may be said of them; and whether any two can be told apart.
    """
    rows = [row for row, answer in enumerate(expected) if answer]
    spent = [Measure("tokens a question", name, total / len(expected), total / len(expected), total / len(expected),
                     len(expected)) for name, total in tokens.items()]  # fmt: skip
    if not rows:
        return spent, "no answer is known; nothing is evaluated", False
    right = {
        name: right_answers([texts[row] for row in rows], [expected[row] for row in rows], kind)
        for name, texts in replies.items()
    }
    measures = [
        Measure("exact match", name, sum(mine) / len(rows), *wilson(sum(mine), len(rows)), len(rows))
        for name, mine in right.items()
    ]
    if kind == "text":  # a right sentence is no exact match: both are said
        for name, texts in replies.items():
            held = sum(holds_span(texts[row], [expected[row]]) for row in rows)
            measures.append(Measure("answer contained", name, held / len(rows), *wilson(held, len(rows)), len(rows)))
    said = []
    for one, other in itertools.combinations(right, 2):
        value, (low, high) = difference(right[one], right[other])
        measures.append(Measure("exact match difference", f"{one} - {other}", value, low, high, len(rows)))
        if low > 0 or high < 0:
            better, worse = (one, other) if low > 0 else (other, one)
            said.append(f"{better} is correct more often than {worse} ({abs(value):.3f} of the questions)")
    verdict = "; ".join(said) if said else f"{len(rows)} questions do not separate these methods: no ranking"
    return [*measures, *spent], verdict if len(right) > 1 else "one method; there is no ranking", bool(said)
