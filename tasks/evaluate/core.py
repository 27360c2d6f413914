"""Judge rankings and answers by questions whose answers are known."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from itertools import combinations

from configs.evaluate import Evaluate
from tasks.data import Answer
from tasks.evaluate.metrics import bootstrap_mean, ndcg_at, paired_bootstrap, recall_at, reciprocal_rank, wilson
from tasks.findings import Comparison
from tasks.rows import Measure, Question

METRICS = {"recall": recall_at, "mrr": reciprocal_rank, "ndcg": ndcg_at}
Rankings = Sequence[Sequence[str]]


def judge_rankings(questions: Sequence[Question], rankings: Mapping[str, Rankings], config: Evaluate) -> list[Measure]:
    """Measure each ranking, and the difference in nDCG of every two.

    Args:
        questions: All questions; those that nothing answers are left out.
        rankings: Name to, for each question, ids of documents, best first.
        config: Depth, resamples, seed.

    Returns:
        For every ranking `recall@k`, `mrr@k`, `ndcg@k` with intervals; for every two, `ndcg@k difference`.
    """
    asked = [number for number, question in enumerate(questions) if question.answers]
    measures: list[Measure] = []
    per_question: dict[str, list[float]] = {}
    for name, lists in rankings.items():
        for metric, measure in METRICS.items():
            values = [measure(lists[n], questions[n].answers, config.k) for n in asked]
            mean, (low, high) = bootstrap_mean(values, resamples=config.resamples, seed=config.seed)
            measures.append(Measure(f"{metric}@{config.k}", name, mean, low, high, len(values)))
        per_question[name] = values
    for a, b in combinations(rankings, 2):
        mean, (low, high) = paired_bootstrap(
            per_question[b], per_question[a], resamples=config.resamples, seed=config.seed
        )
        measures.append(Measure(f"ndcg@{config.k} difference", f"{b} - {a}", mean, low, high, len(asked)))
    return measures


def held_by_both(questions: Sequence[Question], ours: Set[str], theirs: Set[str]) -> list[Question]:
    """Return the questions that two collections can be compared by, with the answers they hold.

    Args:
        questions: With all their answers; those of the test split are left out.
        ours: Ids of the documents of the one.
        theirs: Ids of the documents of the other.

    Returns:
        Questions of whose answers both hold the same, and at least one.
    """
    found = []
    for question in questions:
        held = [name for name in question.answers if name in ours]
        if question.split != "test" and held and held == [name for name in question.answers if name in theirs]:
            found.append(replace(question, answers=tuple(held)))
    return found


def judge_release(
    questions: Sequence[Question], new: Rankings, live: Rankings, config: Evaluate, tolerance: float
) -> Comparison:
    """Compare a new generation with the live one by nDCG, question by question.

    Args:
        questions: Questions that both can answer.
        new: For each, ids of documents of the new generation, best first.
        live: The same of the live one.
        config: Depth, resamples, seed.
        tolerance: How much worse the new one may be.

    Returns:
        Both means and the interval of their difference; refused if all of it lies below `-tolerance`.
    """
    ours, theirs = (
        [ndcg_at(ranked, question.answers, config.k) for ranked, question in zip(lists, questions, strict=True)]
        for lists in (new, live)
    )
    _, (low, high) = paired_bootstrap(ours, theirs, resamples=config.resamples, seed=config.seed)
    return Comparison(
        metric=f"ndcg@{config.k}",
        questions=len(questions),
        live=sum(theirs) / len(theirs),
        new=sum(ours) / len(ours),
        low=low,
        high=high,
        tolerance=tolerance,
        refused=high < -tolerance,
    )


def judge_answers(questions: Sequence[Question], answers: Sequence[Answer]) -> list[Measure]:
    """Measure when answers are withheld, and whether those given cite a document that answers.

    Returns:
        Shares with Wilson intervals: `abstained` of unanswerable questions, `false abstention` of answerable ones, and
        `right citation` among those answered.
    """
    pairs = list(zip(questions, answers, strict=True))
    nothing = [bool(a.abstained) for q, a in pairs if not q.answers]
    withheld = [bool(a.abstained) for q, a in pairs if q.answers]
    right = [any(c.document in q.answers for c in a.citations) for q, a in pairs if q.answers and not a.abstained]
    found = {
        "abstained": ("unanswerable", nothing),
        "false abstention": ("answerable", withheld),
        "right citation": ("answered", right),
    }
    return [
        Measure(name, what, sum(cases) / len(cases), *wilson(sum(cases), len(cases)), len(cases))
        for name, (what, cases) in found.items()
        if cases
    ]
