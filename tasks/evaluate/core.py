"""Judge rankings and answers by questions whose answers are known."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from configs.evaluate import Evaluate
from tasks.answers import Answer
from tasks.evaluate.metrics import bootstrap_mean, ndcg_at, paired_bootstrap, recall_at, reciprocal_rank, wilson
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
