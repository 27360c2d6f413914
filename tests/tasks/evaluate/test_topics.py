import math

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score

from tasks.errors import ContractError
from tasks.evaluate.topics import coherence, distinctness, diversity, judge_clusters, judge_words, stability, tokens_of

DOCUMENTS = [["ship", "sea"], ["ship", "sea"], ["bread", "oven"], ["bread", "rye"], ["ship", "rye"], ["sea", "oven"]]
WORDS = [["ship", "sea"], ["bread", "oven"]]
HOW = {"what": "topics", "resamples": 200, "seed": 0}
POINTS, TRUTH = make_blobs([30, 30, 30], centers=[[0, 0], [9, 0], [0, 9]], cluster_std=0.5, random_state=0)


def test_npmi_is_that_of_the_formula_over_documents() -> None:
    both, ship, sea, total = 2 / 6, 3 / 6, 3 / 6, 1e-12
    by_hand = math.log((both + total) / (ship * sea)) / -math.log(both + total)
    assert coherence([WORDS[0]], DOCUMENTS)["NPMI"][0] == pytest.approx(by_hand, abs=1e-6)


def test_words_that_stand_together_are_more_coherent_than_words_that_do_not() -> None:
    found = coherence([["ship", "sea"], ["ship", "bread"]], DOCUMENTS * 5)
    assert found["NPMI"][0] > found["NPMI"][1]
    assert found["C_V"][0] > found["C_V"][1]


def test_diversity_is_the_share_of_different_words_and_distinctness_of_those_no_other_topic_has() -> None:
    words = [["a", "b"], ["b", "c"], ["d", "e"]]
    assert diversity(words) == 5 / 6
    assert distinctness(words) == [0.5, 0.5, 1.0]


def test_measures_of_words_lie_in_their_intervals() -> None:
    found = judge_words(WORDS, DOCUMENTS, what="topics", resamples=200, seed=0)
    assert [m.name for m in found] == ["NPMI", "C_V", "distinct words", "diversity"]
    assert all(m.low <= m.value <= m.high for m in found)
    assert judge_words([["one"], []], DOCUMENTS, what="topics", resamples=200, seed=0) == []


@pytest.mark.slow
def test_clusters_are_measured_as_scikit_learn_does() -> None:
    labels = TRUTH.copy()
    labels[:3] = -1
    classes = [f"c{t}" for t in TRUTH]
    found = {m.name: m for m in judge_clusters(POINTS, labels, what="t", resamples=200, seed=0, classes=classes)}
    assert found["noise"].value == 3 / 90
    assert found["silhouette"].value == pytest.approx(silhouette_score(POINTS[3:], labels[3:]))
    assert found["NMI"].value == pytest.approx(normalized_mutual_info_score(TRUTH, labels))
    assert found["ARI"].value == pytest.approx(adjusted_rand_score(TRUTH, labels))
    assert found["DBCV"].value > 0.5
    assert (found["DBCV"].has_interval, found["DBCV"].interval) == (False, "")
    assert found["DBCV"].stated().keys() == {"value", "n"}
    assert all(m.low <= m.value <= m.high for m in found.values())


def test_a_cluster_of_which_one_point_is_left_has_no_density_and_spoils_none() -> None:
    points, labels = np.vstack([POINTS, [[50.0, 50.0]]]), np.append(TRUTH, 3)
    found, whole = ({m.name: m.value for m in judge_clusters(points[:n], labels[:n], **HOW)} for n in (91, 90))
    assert found["DBCV"] == pytest.approx(whole["DBCV"])


@pytest.mark.parametrize("labels", [np.zeros(90, dtype=np.int64), np.full(90, -1)], ids=["one cluster", "all noise"])
def test_without_two_clusters_only_noise_is_measured(labels: np.ndarray) -> None:
    assert [m.name for m in judge_clusters(POINTS, labels, what="t", resamples=200, seed=0)] == ["noise"]


def test_stability_is_the_mean_agreement_of_every_two_runs() -> None:
    other = np.where(TRUTH == 0, 1, TRUTH)
    found = stability([TRUTH, TRUTH, other], what="t", resamples=200, seed=0)
    ari = adjusted_rand_score(TRUTH, other)
    assert found.value == pytest.approx((1 + 2 * ari) / 3)
    assert found.n == 3


def test_one_run_has_no_stability() -> None:
    with pytest.raises(ContractError, match="there is 1 run but stability compares two at least"):
        stability([TRUTH], what="t", resamples=200, seed=0)


def test_tokens_are_words_of_three_letters_or_more() -> None:
    assert tokens_of("An LSTM-based model_2 for NER, 3D") == ["lstm", "based", "for", "ner"]
