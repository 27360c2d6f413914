from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier

from configs.classify import Centroid, Combined, Curve, Embeddings, Fit, Neighbours, TfIdf, Trained
from tasks.classify.files import Saved, read_classifier, write_classifier
from tasks.classify.fitting import FittedMethod, draw, fit_method, folds, learn_from_shares
from tasks.classify.linear import best_temperature, best_thresholds, merge_lone, regressions
from tasks.classify.model import Features, LinearModel, probabilities
from tasks.errors import ContractError, StoreError
from tasks.metrics.classification import decide, macro_f1
from tasks.vectors.arithmetic import normalise

WORDS = ("ship tide harbour sail crew", "flour oven dough yeast rye", "orbit comet planet lens star")
ONE = Fit(c_values=(1.0,), folds=3)


def example(count: int = 90, classes: int = 3) -> tuple[Features, npt.NDArray[np.bool_]]:
    """Return texts whose words and vectors tell their class, most of the time."""
    random = np.random.default_rng(3)
    labels = np.arange(count) % classes
    every = " ".join(WORDS).split()
    texts = [" ".join([*random.choice(WORDS[label].split(), 2), *random.choice(every, 3)]) for label in labels]
    vectors = normalise(np.eye(8)[labels] + random.normal(scale=0.6, size=(count, 8)))
    return Features(texts, vectors), np.eye(classes, dtype=bool)[labels]


FEATURES, TARGETS = example()
LABELS = TARGETS.argmax(axis=1)
VECTORS = FEATURES.known_vectors


def fitted(method: Trained, config: Fit = ONE) -> FittedMethod:
    return fit_method(FEATURES, TARGETS, method, config, multiple=False)


def raw(found: FittedMethod) -> npt.NDArray[np.float32]:
    return probabilities(found.model.scores(FEATURES), temperature=1.0, multiple=False)


def test_words_are_weighed_as_scikit_learn_weighs_them() -> None:
    rows = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(FEATURES.texts)
    theirs = LogisticRegression(max_iter=1_000).fit(rows, LABELS).predict_proba(rows)
    np.testing.assert_allclose(raw(fitted(TfIdf())), theirs, atol=2e-3)


@pytest.mark.parametrize("classes", [2, 3])
def test_terms_of_one_text_share_a_column_and_every_term_gets_the_weight_scikit_learn_gives_it(classes: int) -> None:
    texts, targets = example(count=60, classes=classes)
    rows = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(texts.texts)
    fewer, _ = merge_lone(rows)
    assert fewer.shape[1] < rows.shape[1]
    *_, (weights, bias) = regressions(rows, targets, c_values=(0.1, 100.0), class_weight="none", multiple=False)
    exact = LogisticRegression(C=100.0, max_iter=10_000, tol=1e-9).fit(rows, targets.argmax(axis=1))
    theirs = np.concatenate([-exact.coef_ / 2, exact.coef_ / 2]) if classes == 2 else exact.coef_
    np.testing.assert_allclose(weights, theirs, atol=0.02 * np.abs(theirs).max())
    np.testing.assert_allclose(np.diff(bias), classes // 3 * np.diff(exact.intercept_) if classes == 3 else
                               exact.intercept_, atol=0.05)  # fmt: skip


@pytest.mark.parametrize("class_weight", ["none", "balanced"])
def test_vectors_are_weighed_as_scikit_learn_weighs_them(class_weight: Any) -> None:
    model = LogisticRegression(max_iter=1_000, class_weight=None if class_weight == "none" else class_weight)
    theirs = model.fit(VECTORS[:70], LABELS[:70]).predict_proba(VECTORS)
    found = fit_method(
        FEATURES.take(np.arange(70)), TARGETS[:70], Embeddings(),
        ONE.model_copy(update={"class_weight": class_weight}),
        multiple=False,
    )  # fmt: skip
    np.testing.assert_allclose(raw(found), theirs, atol=2e-3)


def test_of_two_classes_probabilities_are_those_of_one_regression() -> None:
    keep = LABELS < 2
    theirs = LogisticRegression(max_iter=1_000).fit(VECTORS[keep], LABELS[keep]).predict_proba(VECTORS)
    ((weights, bias),) = regressions(
        VECTORS[keep], TARGETS[keep][:, :2], c_values=[1.0], class_weight="none", multiple=False
    )
    mine = probabilities(LinearModel(bias, vector_weights=weights).scores(FEATURES), temperature=1.0, multiple=False)
    np.testing.assert_allclose(mine, theirs, atol=2e-3)


def test_several_labels_are_a_regression_each() -> None:
    targets = np.stack([LABELS != 0, LABELS == 1, LABELS == 2, np.zeros(90, dtype=bool)], axis=1)
    found = fit_method(FEATURES, targets, Embeddings(), ONE, multiple=True)
    theirs = (
        OneVsRestClassifier(LogisticRegression(max_iter=1_000)).fit(VECTORS, targets[:, :3]).predict_proba(VECTORS)
    )
    mine = probabilities(found.model.scores(FEATURES), temperature=1.0, multiple=True)
    np.testing.assert_allclose(mine[:, :3], theirs, atol=2e-3)
    assert mine[:, 3].max() < 0.01
    assert found.thresholds is not None
    assert macro_f1(targets, decide(found.probabilities(FEATURES), found.thresholds)) > 0.8


def test_the_closest_mean_is_the_one_scikit_learn_finds() -> None:
    means = normalise(np.stack([VECTORS[label == LABELS].mean(axis=0) for label in range(3)]))
    theirs = KNeighborsClassifier(1, metric="cosine").fit(means, range(3)).predict(VECTORS)
    assert fitted(Centroid()).probabilities(FEATURES).argmax(axis=1).tolist() == theirs.tolist()


def test_neighbours_vote_as_in_scikit_learn_with_their_cosine() -> None:
    found = fitted(Neighbours(k=(7,)))
    theirs = KNeighborsClassifier(7, metric="cosine", weights=lambda d: 1 - d).fit(VECTORS, LABELS)
    assert (found.probabilities(FEATURES).argmax(axis=1) == theirs.predict(VECTORS)).mean() == 1.0


def test_the_temperature_is_the_one_scikit_learn_finds() -> None:
    scores = 5 * VECTORS[:, :3].astype(np.float64)
    base = LogisticRegression().fit(VECTORS[:, :3], LABELS)
    base.coef_, base.intercept_ = 5 * np.eye(3), np.zeros(3)
    theirs = CalibratedClassifierCV(FrozenEstimator(base), method="temperature", ensemble=False).fit(
        VECTORS[:, :3], LABELS
    )
    mine = probabilities(scores, temperature=best_temperature(scores, TARGETS, multiple=False), multiple=False)
    np.testing.assert_allclose(mine, theirs.predict_proba(VECTORS[:, :3]), atol=5e-3)


def test_a_threshold_has_the_best_f1_of_all_thresholds() -> None:
    likely, targets = np.random.default_rng(1).random((40, 1)), np.random.default_rng(2).random((40, 1)) < 0.3
    best = max(f1_score(targets, likely >= cut, zero_division=0) for cut in likely)
    assert f1_score(targets, likely >= best_thresholds(likely, targets)) == pytest.approx(best)


def test_a_text_is_predicted_by_what_was_fitted_on_others_alone() -> None:
    found, held_out = fitted(Embeddings()), np.zeros((90, 3))
    for train, rest in folds(TARGETS, ONE, FEATURES.texts, multiple=False):
        held_out[rest] = (
            LogisticRegression(max_iter=1_000).fit(VECTORS[train], LABELS[train]).predict_proba(VECTORS[rest])
        )
    mine = probabilities(np.log(found.held_out.astype(float)), temperature=1 / found.temperature, multiple=False)
    np.testing.assert_allclose(mine, held_out, atol=2e-3)


def test_the_combination_is_at_least_as_good_as_either_part_on_texts_held_out() -> None:
    values = {m.kind: macro_f1(TARGETS, decide(fitted(m).held_out, None)) for m in (TfIdf(), Embeddings(), Combined())}
    assert values["tf-idf+embeddings"] >= max(values["tf-idf"], values["embeddings"])


def test_the_setting_chosen_is_the_best_on_texts_held_out() -> None:
    alone = {k: macro_f1(TARGETS, decide(fitted(Neighbours(k=(k,))).held_out, None)) for k in (1, 5, 60)}
    assert len(set(alone.values())) == 3
    assert fitted(Neighbours(k=(1, 5, 60))).setting == f"{max(alone, key=lambda k: alone[k])} neighbours"


def test_a_class_of_one_text_and_a_text_without_a_known_word_are_no_obstacle() -> None:
    targets = np.eye(4, dtype=bool)[[3, *LABELS[1:]]]
    found = fit_method(FEATURES, targets, TfIdf(), Fit(c_values=(1.0,)), multiple=False)
    likely = found.probabilities(Features(["", "unheard"]))
    np.testing.assert_allclose(likely.sum(axis=1), 1.0, rtol=1e-5)


def test_where_no_class_has_two_texts_nothing_is_chosen_and_that_is_said() -> None:
    rows = np.arange(3)
    found = fit_method(FEATURES.take(rows), TARGETS[rows], Embeddings(), Fit(c_values=(1.0, 3.0)), multiple=False)
    assert found.setting == "C 3, not chosen: no class has two texts"


def test_a_share_has_a_text_of_every_class_and_the_curve_rises_with_it() -> None:
    assert TARGETS[draw(TARGETS, 0.01, 0, multiple=False)].sum(axis=0).tolist() == [1, 1, 1]
    test, targets = FEATURES.take(np.arange(45, 90)), TARGETS[45:]
    train = FEATURES.take(np.arange(45)), TARGETS[:45]
    points = learn_from_shares(train, test, Embeddings(), ONE, Curve(shares=(0.05, 0.9), repeats=2), multiple=False)
    assert [(share, count, repeat) for share, count, repeat, _ in points] == [
        (0.05, 3, 0), (0.05, 3, 1), (0.9, 42, 0), (0.9, 42, 1)
    ]  # fmt: skip
    reached = [macro_f1(targets, given) for *_, given in points]
    assert sum(reached[2:]) > sum(reached[:2])


@pytest.mark.parametrize(
    "method", [TfIdf(), Embeddings(), Combined(), Centroid(), Neighbours(k=(5,))], ids=lambda m: m.kind
)
def test_a_classifier_read_back_gives_the_same_probabilities(method: Trained, tmp_path: Path) -> None:
    found = fitted(method)
    write_classifier(tmp_path, Saved(method.kind, ("a", "b", "c"), found.temperature, None, found.model))
    assert not [p for p in tmp_path.iterdir() if p.suffix not in (".json", ".safetensors")]
    back = read_classifier(tmp_path)
    np.testing.assert_allclose(back.probabilities(FEATURES), found.probabilities(FEATURES), rtol=1e-5)
    assert back.needs_vectors == (method.kind != "tf-idf")


def test_a_damaged_classifier_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "classifier.json").write_text('{"format": 1}')
    with pytest.raises(StoreError, match=r"cannot be read .* train it again"):
        read_classifier(tmp_path)


def test_vectors_that_are_missing_are_named() -> None:
    with pytest.raises(ContractError, match="needs vectors but none were given"):
        fit_method(Features(FEATURES.texts), TARGETS, Embeddings(), ONE, multiple=False)


@pytest.mark.parametrize("multiple", [False, True])
def test_rows_of_one_text_are_in_one_fold(multiple: bool) -> None:
    texts = [f"text {row % 20}" for row in range(90)]
    parts = list(folds(TARGETS, ONE, texts, multiple=multiple))
    assert sorted(row for _, rest in parts for row in rest) == list(range(90))
    for train, rest in parts:
        assert not {texts[row] for row in train} & {texts[row] for row in rest}
