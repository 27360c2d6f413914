import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from configs.evaluate import Calibrate
from tasks.data.answers import Answer, Signal, Threshold
from tasks.data.evaluation import Question
from tasks.errors import ContractError
from tasks.evaluate.calibrate import (
    auroc,
    auroc_interval,
    calibrated,
    choose_cut,
    fit_logistic,
    fit_threshold,
    judge_separation,
    logistic,
    why_not,
)

RNG = np.random.default_rng(3)
NEAR, FAR = RNG.normal(0.6, 0.1, (60, 1)), RNG.normal(0.3, 0.1, (90, 1))
NUMBERS = st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=30).map(np.array)


def test_the_map_is_the_one_a_general_optimiser_finds_for_platts_targets() -> None:
    rows = np.concatenate([NEAR, FAR])[:, 0]
    targets = np.repeat([61 / 62, 1 / 92], [60, 90])
    weights = np.repeat([1 / 60, 1 / 90], [60, 90])

    def loss(line: np.ndarray) -> float:
        logits = line[0] * rows + line[1]
        return float((weights * (np.logaddexp(0, logits) - targets * logits)).sum())

    expected = minimize(loss, np.zeros(2), method="BFGS", options={"gtol": 1e-9}).x
    found, intercept = fit_logistic(NEAR, FAR)
    assert [found[0], intercept] == pytest.approx(expected, rel=1e-3)


def test_kinds_that_are_wholly_apart_give_a_finite_map() -> None:
    fitted = fit_threshold(NEAR + 9, FAR, false_abstentions=0.05)
    assert np.isfinite([*fitted.weights, fitted.intercept]).all()
    assert (fitted.auroc, fitted.abstained, fitted.false_abstentions) == (1.0, 1.0, 0.0)
    assert 0 < fitted.below < 1


def test_a_signal_in_another_unit_gives_the_same_probabilities() -> None:
    plain = fit_threshold(NEAR, FAR, false_abstentions=0.05)
    scaled = fit_threshold(NEAR * 40 - 7, FAR * 40 - 7, false_abstentions=0.05)
    assert scaled.below == pytest.approx(plain.below, rel=1e-4)
    assert (scaled.abstained, scaled.false_abstentions) == (plain.abstained, plain.false_abstentions)


@settings(deadline=None)
@given(NUMBERS, NUMBERS, st.sampled_from([0.0, 0.05, 0.1, 0.3]))
def test_no_other_cut_withholds_more_for_so_many_false_abstentions(
    near: np.ndarray, far: np.ndarray, share: float
) -> None:
    cut = choose_cut(near, far, false_abstentions=share)
    allowed = max(0, int(share * (len(near) + 1) + 1e-9) - 1)
    assert (near < cut).sum() <= allowed
    others = [c for c in np.arange(-21, 22, 0.5) if (near < c).sum() <= allowed]
    assert (far < cut).sum() == max((far < c).sum() for c in others)
    as_good = [c for c in others if (far < c).sum() == (far < cut).sum()]
    assert (near < cut).sum() == min((near < c).sum() for c in as_good)


def test_the_cut_lies_at_the_low_end_of_the_gap() -> None:
    assert choose_cut(np.array([4.0, 6.0, 9.0]), np.array([1.0, 2.0]), false_abstentions=0) == pytest.approx(2.2)


def test_the_share_of_false_abstentions_holds_on_average_for_questions_not_seen() -> None:
    chance = np.random.default_rng(11)
    far = chance.normal(0.6, 0.3, 400)  # overlaps, so that every false abstention allowed is used
    shares = []
    for _ in range(4_000):
        near = chance.normal(1.0, 0.3, 99)
        shares.append((chance.normal(1.0, 0.3, 200) < choose_cut(near, far, false_abstentions=0.05)).mean())
    assert np.mean(shares) == pytest.approx(0.05, abs=0.002)  # three standard errors over 4,000 trials


@settings(deadline=None)
@given(NUMBERS, NUMBERS)
def test_auroc_is_that_of_scikit_learn(near: np.ndarray, far: np.ndarray) -> None:
    kinds = np.repeat([1, 0], [len(near), len(far)])
    assert auroc(near, far) == pytest.approx(roc_auc_score(kinds, np.concatenate([near, far])))


def test_the_interval_of_auroc_covers_the_true_one_as_often_as_it_says() -> None:
    chance, covered = np.random.default_rng(5), 0
    true = (1 + math.erf(1 / 2)) / 2  # of two normal kinds one deviation apart
    for _ in range(600):
        low, high = auroc_interval(auroc(chance.normal(1, 1, 30), chance.normal(0, 1, 40)), 30, 40)
        covered += low <= true <= high
    assert 0.92 <= covered / 600 <= 0.98


@pytest.mark.parametrize("area", [0.0, 1.0])
def test_the_interval_is_not_empty_where_the_kinds_are_apart(area: float) -> None:
    low, high = auroc_interval(area, 10, 10)
    assert (low, high) == (pytest.approx(area, abs=0.35), pytest.approx(area, abs=0.35))
    assert 0.1 < high - low < 0.35


def test_more_questions_make_the_interval_narrower() -> None:
    low, high = auroc_interval(0.9, 20, 20)
    lower, higher = auroc_interval(0.9, 200, 200)
    assert low < lower < 0.9 < higher < high


def test_kinds_that_are_mixed_up_are_said_to_be() -> None:
    fitted = fit_threshold(NEAR, NEAR[::-1] + 1e-6, false_abstentions=0.05)
    assert why_not(fitted, 0.7).startswith("AUROC 0.5")
    assert why_not(fitted, 0.7).endswith(
        "does not separate answerable from unanswerable questions: the lower end of the interval must reach 0.7; "
        "add questions, or change them"
    )
    assert why_not(fit_threshold(NEAR, FAR, false_abstentions=0.05), 0.7) == ""


def test_one_kind_alone_is_refused_with_both_numbers() -> None:
    with pytest.raises(ContractError, match="there are 60 answerable and 0 unanswerable questions; both are needed"):
        fit_threshold(NEAR, FAR[:0], false_abstentions=0.05)


def test_a_signal_that_is_no_number_is_refused() -> None:
    with pytest.raises(ContractError, match="a signal is not a finite number; leave out questions"):
        fit_threshold(NEAR, np.array([[np.nan]]), false_abstentions=0.05)


@pytest.mark.parametrize("logit", [-800.0, -2.0, 0.0, 2.0, 800.0])
def test_the_logistic_function_is_scipys_even_far_out(logit: float) -> None:
    assert logistic(logit) == pytest.approx(expit(logit))


def answer(score: float | None, shared: float = 0.0, probability: float | None = None) -> Answer:
    return Answer(question="?", text="", citations=(), abstained="", score=score, threshold=0, shared=shared,
                  probability=probability)  # fmt: skip


def test_answers_are_told_apart_by_both_signals_and_those_without_are_left_out() -> None:
    kinds = [True] * 30 + [False] * 30 + [False]
    questions = [Question(str(n), "?", ("a",) if kind else (), "") for n, kind in enumerate(kinds)]
    signals = [Signal(0.5, 0.9 + n / 1_000) for n in range(30)] + [Signal(0.5, 0.1 + n / 1_000) for n in range(30)]
    found = calibrated(questions, [*signals, Signal(None, 0.0)], Calibrate())
    assert (found["answerable"], found["unanswerable"], found["reason"], found["auroc"]) == (30, 30, "", 1.0)
    assert found["weights"][1] > 0
    assert found["low"] > 0.8


@pytest.mark.parametrize(("answers", "missing"), [(("a",), "unanswerable"), ((), "answerable")])
def test_without_one_kind_the_reason_is_kept(answers: tuple[str, ...], missing: str) -> None:
    found = calibrated([Question("1", "?", answers, "")], [Signal(0.5, 0.0)], Calibrate())
    assert found["reason"] == f"there is no {missing} question to calibrate it by"


def test_where_questions_were_made_the_cut_lets_a_stated_share_of_the_foreign_ones_through() -> None:
    foreign = RNG.normal(0.3, 0.08, 300).clip(-1, 1), RNG.uniform(0, 0.4, 300)
    made = RNG.normal(0.55, 0.1, 60).clip(-1, 1), np.ones(60)
    questions = [*made_of("made", 60), *made_of("foreign", 300)]
    signals = [Signal(float(c), float(s)) for kind in (made, foreign) for c, s in zip(*kind, strict=True)]
    found = calibrated(questions, signals, Calibrate(foreign=0.9))
    assert (found["made"], found["foreign"], found["reason"]) == (60, 300, "")
    assert found["abstained"] == pytest.approx(0.9, abs=0.005)
    decides = Threshold(below=found["below"], weights=found["weights"], intercept=found["intercept"])
    answered = [decides.answers(float(c), float(s)) for c, s in zip(*foreign, strict=True)]
    assert np.mean(answered) == pytest.approx(0.1, abs=0.005)
    kept = [decides.answers(float(c), 1.0) for c in made[0]]
    assert found["false_abstentions"] == pytest.approx(1 - np.mean(kept))
    sums = foreign[0] + 0.2 * foreign[1]  # the ratio of both signals is fixed
    assert min(sums[answered]) >= max(sums[np.logical_not(answered)])


def test_a_collection_that_answers_foreign_questions_is_cut_where_few_of_its_own_lie_below() -> None:
    made = RNG.normal(0.5, 0.1, 100)
    foreign = np.concatenate([RNG.normal(0.2, 0.05, 240), RNG.normal(0.6, 0.05, 60)])  # a fifth is answered here
    questions = [*made_of("made", 100), *made_of("foreign", 300)]
    signals = [Signal(float(c), 0.0) for c in (*made, *foreign)]
    found = calibrated(questions, signals, Calibrate())
    assert found["false_abstentions"] == pytest.approx(0.05, abs=0.011)
    assert 0.78 <= found["abstained"] <= 0.85


def made_of(kind: str, count: int) -> list[Question]:
    return [Question(f"{kind}-{n}", "?", ("a",) if kind == "made" else (), kind) for n in range(count)]


def test_separation_is_measured_by_what_decides() -> None:
    questions = [Question("1", "?", ("a",), ""), Question("2", "?", (), "")]
    (by_score,) = judge_separation(questions, [answer(0.1), answer(0.2)])
    assert (by_score.name, by_score.value, by_score.n) == ("AUROC", 0.0, 2)
    (by_probability,) = judge_separation(questions, [answer(0.1, probability=0.9), answer(0.2, probability=0.1)])
    assert by_probability.value == 1.0
    assert judge_separation(questions[:1], [answer(0.1)]) == []
