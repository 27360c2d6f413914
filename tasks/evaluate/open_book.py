"""Compare answers from passages with answers of the same model from nothing but itself, question by question.

Every question gets both, so differences are of pairs, with bootstrap intervals over questions. Exact match, token F1
and containment count a refusal of a question that has an answer as 0. Sentences without support are counted where both
ways answer; a sentence that no passage stands behind is one, so without passages all are.
Source: "closed book" as in Roberts et al. 2020, arXiv:2002.08910; words are compared as in SQuAD, arXiv:1606.05250.
"""

import re
from collections.abc import Sequence

from configs.evaluate import Evaluate
from tasks.data.answers import Answer
from tasks.data.evaluation import Measure, Question
from tasks.errors import ContractError
from tasks.evaluate.answers import exact_match, holds_span, token_f1
from tasks.metrics.intervals import mean_interval, paired_interval
from tasks.text.sentences import sentences

OPEN, CLOSED = "retrieval", "closed book"
LEAST = 10  # questions; the bootstrap of fewer is too sure of itself to rank by
CITED = re.compile(r"\s*\[\d+\]")


def compare_closed_book(
    questions: Sequence[Question], open_book: Sequence[Answer], closed_book: Sequence[Answer], config: Evaluate
) -> tuple[list[Measure], str, bool]:
    """Measure both ways and their differences.

    Args:
        questions: Q questions.
        open_book: Q answers from passages.
        closed_book: Q answers without.
        config: Resamples, seed.

    Returns:
        Means of each way and of the differences `retrieval - closed book`; what may be said of them, nothing of a
        measure of fewer than ten questions or whose interval holds zero; and whether anything may.

    Raises:
        ContractError: They are not as many.
    """
    if not len(questions) == len(open_book) == len(closed_book):
        raise ContractError(
            f"there are {len(open_book)} and {len(closed_book)} answers to {len(questions)} questions; "
            "each needs one of both"
        )
    both = list(zip(questions, open_book, closed_book, strict=True))
    spans = [(q.spans, a, b) for q, a, b in both if q.spans]
    told = [(a, b) for _, a, b in both if not a.abstained and not b.abstained]
    values = {
        "exact match": [(exact_match(plain(a), s), exact_match(plain(b), s)) for s, a, b in spans],
        "token F1": [(token_f1(plain(a), s), token_f1(plain(b), s)) for s, a, b in spans],
        "answer contained": [(float(holds_span(plain(a), s)), float(holds_span(plain(b), s))) for s, a, b in spans],
        "unsupported sentences": [(unsupported(a), unsupported(b)) for a, b in told],
        "refusals answerable": [(refused(a), refused(b)) for q, a, b in both if q.answers],
        "refusals unanswerable": [(refused(a), refused(b)) for q, a, b in both if not q.answers],
    }
    options = {"resamples": config.resamples, "seed": config.seed}
    measures, said = [], []
    for name, pairs in values.items():
        if not pairs:
            continue
        ours, theirs = ([pair[way] for pair in pairs] for way in (0, 1))
        for way, of in ((OPEN, ours), (CLOSED, theirs)):
            mean, (low, high) = mean_interval(of, **options)
            measures.append(Measure(name, way, mean, low, high, len(of)))
        value, (low, high) = paired_interval(ours, theirs, **options)
        measures.append(Measure(f"{name} difference", f"{OPEN} - {CLOSED}", value, low, high, len(ours)))
        if len(ours) >= LEAST and (low > 0 or high < 0):
            said.append(f"{name} {abs(value):.3f} {'higher' if low > 0 else 'lower'} with retrieval")
    few = f"; fewer than {LEAST} never do" if len(both) < LEAST else ""
    verdict = "; ".join(said) or f"{len(both)} questions do not separate the two: no ranking{few}"
    return measures, verdict, bool(said)


def plain(answer: Answer) -> str:
    """Return the words of an answer without the numbers of its citations."""
    return CITED.sub("", answer.text)


def unsupported(answer: Answer) -> float:
    """Return the share of an answer's sentences that nothing cited holds."""
    return answer.unsupported / max(1, len(list(sentences(plain(answer)))), answer.unsupported)


def refused(answer: Answer) -> float:
    """Return 1 where nothing is answered."""
    return float(bool(answer.abstained))
