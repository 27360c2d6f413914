import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import ndcg_score

from tasks.errors import ContractError
from tasks.metrics.intervals import bootstrap_mean, mean_interval, paired_bootstrap, paired_interval, wilson
from tasks.metrics.ranking import average_precision, ndcg_at, precision_at, recall_at, reciprocal_rank

NAMES = list("abcdefgh")
METRICS = [recall_at, precision_at, reciprocal_rank, average_precision, ndcg_at]
TO_ONE = [metric for metric in METRICS if metric is not precision_at]  # the best a ranking can do is 1 at any depth
RANKED = st.permutations(NAMES)
RELEVANT = st.sets(st.sampled_from(NAMES), min_size=1)


def test_the_worked_example() -> None:
    ranked, relevant = ["x", "b", "y", "a"], {"a", "b", "c"}
    assert recall_at(ranked, relevant, 2) == pytest.approx(1 / 3)
    assert recall_at(ranked, relevant, 4) == pytest.approx(2 / 3)
    assert precision_at(ranked, relevant, 4) == 2 / 4
    assert precision_at(ranked, relevant, 8) == 2 / 8
    assert reciprocal_rank(ranked, relevant, 4) == 1 / 2
    assert average_precision(ranked, relevant, 4) == pytest.approx((1 / 2 + 2 / 4 + 0) / 3)
    assert average_precision(ranked, relevant, 3) == pytest.approx((1 / 2 + 0 + 0) / 3)
    # gains 1/log2(3) + 1/log2(5) over 1/log2(2) + 1/log2(3) + 1/log2(4)
    assert ndcg_at(ranked, relevant, 4) == pytest.approx((0.63093 + 0.43068) / (1 + 0.63093 + 0.5), abs=1e-5)


@pytest.mark.slow
@given(RANKED, RELEVANT, st.integers(1, 8))
def test_ndcg_is_that_of_scikit_learn(ranked: list[str], relevant: set[str], k: int) -> None:
    gains = [[float(name in relevant) for name in NAMES]]
    scores = [[-float(ranked.index(name)) for name in NAMES]]
    assert ndcg_at(ranked, relevant, k) == pytest.approx(ndcg_score(gains, scores, k=k))


@pytest.mark.slow
@given(RANKED, RELEVANT, st.integers(1, 12))
def test_every_measure_lies_between_nothing_and_all(ranked: list[str], relevant: set[str], k: int) -> None:
    for metric in METRICS:
        assert 0 <= metric(ranked, relevant, k) <= 1
    for metric in TO_ONE:
        assert metric([*relevant, *(name for name in ranked if name not in relevant)], relevant, 8) == 1


@pytest.mark.slow
def test_all_measures_are_those_of_ranx() -> None:
    chance = np.random.default_rng(3)
    names = [f"d{number}" for number in range(30)]
    rankings = [chance.permutation(names)[:length].tolist() for length in [1, 5, 10, *chance.integers(2, 30, 57)]]
    answers = [chance.permutation(names)[:count].tolist() for count in [30, 1, 12, *chance.integers(1, 12, 57)]]
    answers[3] = ["not in the ranking"]
    theirs = {recall_at: "recall", precision_at: "precision", reciprocal_rank: "mrr", average_precision: "map"}
    asked = [(metric, name, k) for metric, name in {**theirs, ndcg_at: "ndcg"}.items() for k in (1, 3, 10, 50)]
    values = ranx_values(answers, rankings, [f"{name}@{k}" for _, name, k in asked])
    for (metric, name, k), expected in zip(asked, values, strict=True):
        ours = [metric(ranked, relevant, k) for ranked, relevant in zip(rankings, answers, strict=True)]
        np.testing.assert_allclose(ours, expected, atol=1e-12, err_msg=f"{name}@{k}")


def ranx_values(answers: list[list[str]], rankings: list[list[str]], measures: list[str]) -> list[list[float]]:
    """Return what ranx says of every question, a list a measure; uncompiled, which for so few is ten times as fast."""
    code = (
        "import json, sys; from ranx import Qrels, Run, evaluate; answers, rankings, measures = json.load(sys.stdin);"
        "qrels = Qrels({f'{n:02}': dict.fromkeys(names, 1) for n, names in enumerate(answers)});"
        "run = Run({f'{n:02}': {d: -float(i) for i, d in enumerate(names)} for n, names in enumerate(rankings)});"
        "print(json.dumps([evaluate(qrels, run, name, return_mean=False).tolist() for name in measures]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps([answers, rankings, measures]), text=True, check=True,
        stdout=subprocess.PIPE, env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
    )  # fmt: skip
    values: list[list[float]] = json.loads(done.stdout.splitlines()[-1])
    return values


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test_a_ranking_without_a_relevant_document_or_of_nothing_scores_zero(metric: object) -> None:
    assert metric(["x", "y"], ["a"], 10) == 0  # type: ignore[operator]
    assert metric([], ["a"], 10) == 0  # type: ignore[operator]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test_what_stands_below_the_depth_does_not_count(metric: object) -> None:
    assert metric(["x", "y", "a"], ["a"], 2) == 0  # type: ignore[operator]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test_a_relevant_document_named_twice_counts_once(metric: object) -> None:
    assert metric(["a"], ["a", "a"], 5) == metric(["a"], ["a"], 5) > 0  # type: ignore[operator]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test_a_question_that_nothing_answers_is_refused(metric: object) -> None:
    with pytest.raises(ContractError, match="no document is relevant to the question; leave unanswerable questions"):
        metric(["a"], [], 5)  # type: ignore[operator]


@pytest.mark.parametrize("values", [np.arange(40) % 2, np.linspace(0, 1, 30) ** 3], ids=["shares", "skewed"])
def test_the_bootstrap_interval_is_that_of_scipy(values: np.ndarray) -> None:
    mean, interval = bootstrap_mean(values.tolist(), resamples=4_000, seed=0)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=4_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert mean == pytest.approx(values.mean())
    assert interval == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    values = [0.1, 0.4, 0.9, 0.3] * 3
    assert bootstrap_mean(values, resamples=100, seed=3) == bootstrap_mean(values, resamples=100, seed=3)
    assert bootstrap_mean(values, resamples=100, seed=3) != bootstrap_mean(values, resamples=100, seed=4)


@pytest.mark.parametrize("values", [[0.25], [1.0] * 20], ids=["one value", "equal values"])
def test_values_that_cannot_vary_have_an_interval_of_no_width(values: list[float]) -> None:
    assert bootstrap_mean(values, resamples=100, seed=0) == (values[0], (values[0], values[0]))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=10, max_size=30), st.integers(0, 9))
def test_the_interval_lies_within_the_values_and_grows_with_them(values: list[float], seed: int) -> None:
    mean, (low, high) = bootstrap_mean(values, resamples=200, seed=seed)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    moved = bootstrap_mean([v + 5 for v in values], resamples=200, seed=seed)
    assert (moved[0], *moved[1]) == pytest.approx((mean + 5, low + 5, high + 5))


@pytest.mark.parametrize("count", range(2, 10))
def test_fewer_than_ten_values_have_the_interval_of_student(count: int) -> None:
    values = np.random.default_rng(count).random(count)
    mean, (low, high) = bootstrap_mean(values.tolist(), resamples=100, seed=0)
    theirs = stats.t.interval(0.95, count - 1, loc=values.mean(), scale=stats.sem(values))
    assert (mean, low, high) == pytest.approx((values.mean(), *theirs), abs=1e-3)
    inside = mean_interval(values.tolist(), resamples=100, seed=0)[1]
    assert inside == pytest.approx((max(0.0, low), min(1.0, high)))


def test_pairs_that_do_not_differ_may_differ_elsewhere_and_one_pair_says_nothing() -> None:
    for values in ([1.0] * 6, [0.3, 0.5, 0.7]):
        unseen = wilson(0, len(values))[1]
        assert paired_interval(values, values, resamples=100, seed=0) == (0.0, (-unseen, unseen))
    assert paired_interval([0.8], [0.3], resamples=100, seed=0) == (pytest.approx(0.5), (-1.0, 1.0))
    assert mean_interval([0.4], resamples=100, seed=0) == (0.4, (0.0, 1.0))
    rewards = paired_interval([3.0, -2.0], [1.0, -2.5], resamples=100, seed=0)[1]  # no share: not cut at 1
    assert rewards[1] > 1


def test_no_values_are_refused() -> None:
    with pytest.raises(ContractError, match="there are no values to average; ask at least one question"):
        bootstrap_mean([], resamples=100, seed=0)


def test_a_paired_difference_is_the_bootstrap_of_the_differences() -> None:
    ours, theirs = [0.9, 0.8, 0.4], [0.5, 0.9, 0.1]
    assert paired_bootstrap(ours, theirs, resamples=300, seed=1) == bootstrap_mean(
        [a - b for a, b in zip(ours, theirs, strict=True)], resamples=300, seed=1
    )


def test_a_constant_gain_has_an_interval_of_no_width_however_the_questions_vary() -> None:
    mean, (low, high) = paired_bootstrap([0.5, 1.0, 0.75], [0.25, 0.75, 0.5], resamples=100, seed=0)
    assert (mean, low, high) == (0.25, 0.25, 0.25)


def test_a_share_against_a_value_that_is_fixed_has_the_interval_of_the_share() -> None:
    difference, interval = paired_interval([1.0] * 16, [0.5] * 16, resamples=100, seed=0)
    assert difference == 0.5
    assert interval == pytest.approx(tuple(end - 0.5 for end in wilson(16, 16)))


def test_all_against_none_has_the_interval_of_newcombe() -> None:
    difference, (low, high) = paired_interval([1.0] * 16, [0.0] * 16, resamples=100, seed=0)
    assert (difference, high) == (1, 1)
    assert low == pytest.approx(1 - np.sqrt(2) * (1 - wilson(16, 16)[0]))


@pytest.mark.parametrize("trials", range(1, 200))
def test_a_share_of_none_begins_at_zero_and_a_share_of_all_ends_at_one(trials: int) -> None:
    assert wilson(0, trials)[0] == 0
    assert wilson(trials, trials)[1] == 1


def test_values_of_other_questions_are_refused_with_both_numbers() -> None:
    with pytest.raises(ContractError, match="there are 1 values against 2; both must answer the same questions"):
        paired_bootstrap([1.0], [1.0, 0.0], resamples=100, seed=0)


@given(st.integers(1, 400).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_the_interval_of_a_share_is_that_of_scipy(case: tuple[int, int]) -> None:
    hits, trials = case
    theirs = stats.binomtest(hits, trials).proportion_ci(method="wilson")
    assert wilson(hits, trials) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize(("hits", "trials"), [(0, 0), (3, 2), (-1, 2)])
def test_what_is_no_share_is_refused_with_both_numbers(hits: int, trials: int) -> None:
    with pytest.raises(ContractError, match=f"{hits} hits of {trials} trials is no share"):
        wilson(hits, trials)


@pytest.mark.parametrize("share", [0.0, 1.0, 0.5])
def test_the_interval_of_a_share_is_that_of_wilson_and_has_a_width_at_its_ends(share: float) -> None:
    values = [1.0] * int(8 * share) + [0.0] * (8 - int(8 * share))
    mean, (low, high) = mean_interval(values, resamples=200, seed=0)
    assert mean == share
    assert (low, high) == wilson(int(8 * share), 8)
    assert low < high


def test_other_values_from_0_to_1_get_a_percentile_interval() -> None:
    values = 3 * [0.2, 1.0, 0.63, 0.4]
    assert mean_interval(values, resamples=200, seed=0) == bootstrap_mean(values, resamples=200, seed=0)
