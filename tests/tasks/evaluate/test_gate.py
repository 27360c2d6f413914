"""The gate: measures equal those of other libraries; a model is released only if it is better and no worse."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score
from sklearn.neighbors import KNeighborsClassifier

from configs.finetune_pairs import TuneGate
from tasks.data.pairs import Truth, TuneCheck
from tasks.errors import ContractError
from tasks.evaluate.gate import compare, compare_rankings, judge
from tasks.metrics.judged import Performance, fused_scores, listed, perform, spearman

DRAW = np.random.default_rng(5)


def unit(rows: int, width: int = 8) -> np.ndarray:
    array = DRAW.normal(size=(rows, width)).astype(np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def test_correlation_of_ranks_equals_scipy_with_ties() -> None:
    one, other = DRAW.integers(0, 9, 200).astype(float), DRAW.normal(size=200)
    assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)
    assert spearman(np.ones(5), np.arange(5.0)) == 0


def test_the_nearest_label_equals_scikit_learn() -> None:
    left, right = unit(60), unit(200)
    classes = DRAW.integers(0, 5, 260)
    truths = [Truth(n, -1, float(c)) for n, c in enumerate(classes[:60])]
    truths += [Truth(-1, n, float(c)) for n, c in enumerate(classes[60:])]
    found = perform("nearest-label", left, right, truths, 10)
    theirs = KNeighborsClassifier(1, metric="cosine").fit(right, classes[60:]).score(left, classes[:60])
    assert found.mean == pytest.approx(theirs)
    assert found.metric == "1-NN accuracy"


def test_a_ranking_is_measured_over_all_texts_and_a_listed_one_over_its_own() -> None:
    left, right = np.eye(3, dtype=np.float32)[:1], np.eye(3, dtype=np.float32)
    assert perform("retrieval", left, right, [Truth(0, 0, 1.0)], 10).mean == 1
    assert perform("retrieval", left, right, [Truth(0, 0, 1.0), Truth(0, 2, 1.0)], 1).mean == 1
    worst = perform("listed", left, right, [Truth(0, 1, 1.0), Truth(0, 0, 0.0)], 10)
    assert (worst.metric, worst.mean) == ("MAP", 0.5)


def test_equal_scores_win_nothing_in_a_listed_ranking() -> None:
    truths = [Truth(0, 0, 1.0), Truth(0, 1, 0.0), Truth(0, 2, 0.0)]
    assert listed(truths, np.zeros(3)).mean == pytest.approx(1 / 3)
    assert listed(truths, np.array([2.0, 1.0, 0.0])).mean == 1
    assert listed(truths, np.array([1.0, 2.0, 0.0]), "MRR").mean == 0.5
    assert listed(truths, np.array([np.nan, 2.0, 0.0])).mean == pytest.approx(1 / 3)


def test_average_precision_equals_scikit_learn_where_no_scores_are_equal() -> None:
    relevant, scores = DRAW.integers(0, 2, 40), DRAW.permutation(40) / 40
    truths = [Truth(0, n, float(value)) for n, value in enumerate(relevant)]
    assert listed(truths, scores).mean == pytest.approx(average_precision_score(relevant, scores))


def test_fused_ranks_are_those_of_both() -> None:
    truths = [Truth(0, n, 0.0) for n in range(3)] + [Truth(1, 0, 1.0)]
    fused = fused_scores(truths, np.array([3.0, 2.0, 1.0, 5.0]), np.array([3.0, 1.0, 2.0, 0.0]))
    assert fused.tolist() == pytest.approx([2 / 61, 1 / 62 + 1 / 63, 1 / 62 + 1 / 63, 2 / 61])


def test_a_reranker_is_released_when_it_ranks_better_than_the_first_stage_and_than_it_did_before() -> None:
    truths = [Truth(left, n, float(n == 0)) for left in range(80) for n in range(4)]
    right, wrong = (np.tile(order, 80) for order in (np.array([4.0, 3, 2, 1]), np.array([1.0, 2, 3, 4])))
    config = TuneGate(resamples=200)
    released, why = judge(compare_rankings(truths, {"dense": wrong, "cross": right}, config))
    assert released
    assert "it only orders what was found before" in why
    assert not judge(compare_rankings(truths, {"dense": right, "cross": wrong}, config))[0]
    checks = compare_rankings(truths, {"dense": wrong, "cross": right, "untrained": right}, config)
    assert not judge(checks)[0]
    assert {c.name: c.passed for c in checks if c.role == "domain"} == {
        "cross over dense": True,
        "cross over untrained": False,
    }


def accuracy(*values: float) -> Performance:
    return Performance("1-NN accuracy", np.array(values))


def test_a_gain_that_may_be_chance_is_refused_and_a_sure_one_released() -> None:
    before = accuracy(*[0.0] * 100, *[1.0] * 100)
    sure = accuracy(*[0.0] * 70, *[1.0] * 130)
    chance = accuracy(*[0.0] * 99, *[1.0] * 101)
    assert judge([compare("intents", "domain", before, sure, TuneGate())])[0]
    released, why = judge([compare("intents", "domain", before, chance, TuneGate())])
    assert not released
    assert "intents 0.500 -> 0.505" in why
    assert "the lower end must be above 0" in why


def test_a_model_that_lost_general_quality_is_refused_and_the_words_say_which() -> None:
    domain = compare("intents", "domain", accuracy(*[0.0] * 90, *[1.0] * 10), accuracy(*[1.0] * 100), TuneGate())
    gold = np.arange(300) / 300
    noise = DRAW.normal(size=300)
    before, after = (Performance("Spearman", gold + s * noise, gold) for s in (0.1, 1.0))
    lost = compare("STS", "general", before, after, TuneGate(), 0.01)
    kept = compare("STS", "general", before, before, TuneGate(), 0.01)
    assert lost.high < 0
    assert not lost.passed
    released, why = judge([domain, lost])
    assert not released
    assert why.startswith("refused: Spearman of STS")
    released, why = judge([domain, kept])
    assert released
    assert "no worse on 1 other" in why
    assert "was not measured" in judge([domain])[1]


def test_a_small_loss_is_within_the_tolerance() -> None:
    before, after = accuracy(*[1.0] * 1000), accuracy(*[1.0] * 995, *[0.0] * 5)
    assert compare("other", "general", before, after, TuneGate(), 0.01).passed
    assert not compare("other", "general", before, after, TuneGate(), 0.001).passed


def test_sets_that_were_not_measured_alike_cannot_be_compared() -> None:
    with pytest.raises(ContractError, match="on the same"):
        compare("x", "domain", accuracy(1.0), accuracy(1.0, 0.0), TuneGate())
    check = compare("x", "general", accuracy(1.0), accuracy(1.0), TuneGate())
    assert isinstance(check, TuneCheck)
    with pytest.raises(ContractError, match="domain"):
        judge([check])
