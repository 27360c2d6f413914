"""Judge rankings and answers by questions whose answers are known."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from itertools import combinations

from configs.evaluate import Evaluate
from tasks.data.answers import Answer
from tasks.data.evaluation import Measure, Question, Scored
from tasks.data.releases import Comparison
from tasks.errors import ContractError
from tasks.metrics.intervals import mean_interval, paired_bootstrap, paired_interval, wilson
from tasks.metrics.ranking import average_precision, ndcg_at, precision_at, recall_at, reciprocal_rank

METRICS = {
    "recall": recall_at,
    "precision": precision_at,
    "mrr": reciprocal_rank,
    "map": average_precision,
    "ndcg": ndcg_at,
}
Rankings = Sequence[Sequence[str]]


def score_rankings(questions: Sequence[Question], rankings: Mapping[str, Rankings], k: int) -> list[Scored]:
    """Measure each ranking, a question at a time.

    Args:
        questions: All questions; those that nothing answers are left out.
        rankings: Name to, for each question, ids of documents, best first.
        k: Documents that count.

    Returns:
        For every ranking `recall@k`, `precision@k`, `mrr@k`, `map@k`, `ndcg@k` of every question, in this order.
    """
    asked = [(question, number) for number, question in enumerate(questions) if question.answers]
    return [
        Scored(question.id, name, f"{metric}@{k}", measure(lists[number], question.answers, k))
        for name, lists in rankings.items()
        for metric, measure in METRICS.items()
        for question, number in asked
    ]


def judge_rankings(scored: Sequence[Scored], config: Evaluate) -> list[Measure]:
    """Average what was measured, and compare every two rankings by their nDCG.

    Args:
        scored: Values of every question, as `score_rankings` gives them.
        config: Depth, resamples, seed.

    Returns:
        For every ranking its means with intervals; for every two, `ndcg@k difference`.

    Raises:
        ContractError: There is nothing to average.
    """
    measures: list[Measure] = []
    values = _by_way(scored)
    if not values:
        raise ContractError("no ranking was measured; ask at least one question that has an answer")
    for (way, metric), mine in values.items():
        mean, (low, high) = mean_interval(list(mine.values()), resamples=config.resamples, seed=config.seed)
        measures.append(Measure(metric, way, mean, low, high, len(mine)))
    compared = f"ndcg@{config.k}"
    for before, after in combinations([way for way, metric in values if metric == compared], 2):
        pair = values[before, compared], values[after, compared]
        measures.append(_difference(*pair, f"{compared} difference", f"{after} - {before}", config))
    return measures


def judge_ways(scored: Sequence[Scored], *, resamples: int, seed: int) -> list[Measure]:
    """Average what several ways have on the same items, and compare the first way with each other one.

    Args:
        scored: Values, each of one item, way and metric.
        resamples: Bootstrap samples an interval is made of.
        seed: Same seed, same intervals.

    Returns:
        For every metric the means with intervals, then `<metric> difference` of the first way less each other one.

    Raises:
        ContractError: There is nothing to average.
    """
    values = _by_way(scored)
    if not values:
        raise ContractError("nothing was measured, so there is nothing to average")
    config = Evaluate(resamples=resamples, seed=seed)
    measures = []
    for metric in dict.fromkeys(metric for _, metric in values):
        ways = [way for way, measured in values if measured == metric]
        for way in ways:
            mine = list(values[way, metric].values())
            mean, (low, high) = mean_interval(mine, resamples=resamples, seed=seed)
            measures.append(Measure(metric, way, mean, low, high, len(mine)))
        first = values[ways[0], metric]
        measures += [
            _difference(values[way, metric], first, f"{metric} difference", f"{ways[0]} - {way}", config)
            for way in ways[1:]
        ]
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


def _by_way(scored: Sequence[Scored]) -> dict[tuple[str, str], dict[str, float]]:
    """Return the value of every question by way and metric."""
    values: dict[tuple[str, str], dict[str, float]] = {}
    for row in scored:
        mine = values.setdefault((row.way, row.metric), {})
        if row.question in mine:
            raise ContractError(
                f"question {row.question!r} has two values of {row.metric} for {row.way}; name it once"
            )
        mine[row.question] = row.value
    return values


def _difference(
    before: Mapping[str, float], after: Mapping[str, float], name: str, what: str, config: Evaluate
) -> Measure:
    """Return the mean of the paired differences over the questions both have."""
    asked = [question for question in before if question in after]
    ours, theirs = [after[question] for question in asked], [before[question] for question in asked]
    mean, (low, high) = paired_interval(ours, theirs, resamples=config.resamples, seed=config.seed)
    return Measure(name, what, mean, low, high, len(asked))
