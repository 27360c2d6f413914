"""Fit a way to classify on labelled texts: choose its setting by cross-validation, then fit it on all of them.

Every text is predicted once by what was fitted on other texts; setting, temperature and thresholds come from these
predictions, which are kept: ways are chosen and label issues found by them.

Shapes: N texts, K classes, S settings.
Source: cross-validation, Stone 1974, doi:10.1111/j.2517-6161.1974.tb00994.x; folds by scikit-learn.
"""

import itertools
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt

from configs.classify import Centroid, Combined, Curve, Embeddings, Fit, Neighbours, Simple, TfIdf, Trained
from tasks.classify.linear import best_temperature, best_thresholds, regressions
from tasks.classify.model import (
    Bools,
    Features,
    Floats,
    Ints,
    LinearModel,
    Model,
    NeighbourModel,
    first_rows,
    learn_words,
    nearest,
    probabilities,
    vote_scores,
)
from tasks.data.curves import CurveMean, CurvePoint
from tasks.errors import ContractError
from tasks.metrics.classification import accuracy, decide, macro_f1
from tasks.metrics.spreads import spread_of
from tasks.vectors.arithmetic import centres_of


@dataclass(frozen=True)
class FittedMethod:
    """A way that has been fitted.

    Attributes:
        model: What predicts, fitted on all texts.
        temperature: What its scores are divided by.
        thresholds: (K,) of each class where a text may have several, else None.
        held_out: (N, K) probabilities of the texts by what was fitted on others.
        setting: What was chosen, in words.
    """

    model: Model
    temperature: float
    thresholds: Floats | None
    held_out: npt.NDArray[np.float32]
    setting: str

    @property
    def linear(self) -> LinearModel:
        """The model, where it is linear.

        Raises:
            ContractError: It is not.
        """
        if not isinstance(self.model, LinearModel):
            raise ContractError(f"a linear model was needed but this is {type(self.model).__name__}")
        return self.model

    def probabilities(self, features: Features) -> npt.NDArray[np.float32]:
        """Return (N, K) probabilities of texts."""
        several = self.thresholds is not None
        return probabilities(self.model.scores(features), temperature=self.temperature, multiple=several)


def fit_method(features: Features, targets: Bools, method: Trained, config: Fit, *, multiple: bool) -> FittedMethod:
    """Choose the setting of a way by cross-validation and fit it on all texts.

    Args:
        features: N texts.
        targets: (N, K) labels.
        method: The way.
        config: Settings to choose from, folds.
        multiple: Whether a text may have several labels.

    Returns:
        The setting with the best macro-F1 on texts that had no part in its fit; a tie goes to the first. Where no
        class has two texts the one in the middle is taken, and said.
    """
    if isinstance(method, Combined):
        words, vectors = (fit_method(features, targets, part, config, multiple=multiple) for part in method.parts)
        return combine(words, vectors, targets, method, multiple=multiple)
    held_out: Any = None
    for train, rest in folds(targets, config, features.texts, multiple=multiple):
        parts = features.take(train), targets[train], features.take(rest)
        for at, (_, scores) in enumerate(_attempts(*parts, method, config, multiple)):
            held_out = np.zeros((len(_settings(method, config)), *targets.shape)) if held_out is None else held_out
            held_out[at, rest] = scores
    names = _settings(method, config)
    best = len(names) // 2 if held_out is None else _best(held_out, targets, multiple)
    chosen = _only(method, config, best)
    ((model, _),) = _attempts(features, targets, features.take(np.arange(0)), *chosen, multiple)
    if held_out is None:
        likely = np.full(targets.shape, 1 / targets.shape[1], dtype=np.float32)
        return FittedMethod(
            model, 1.0, None, likely, f"{names[best]}, not chosen: no class has two texts".lstrip(", ")
        )
    return _calibrated(model, held_out[best], targets, names[best], multiple)


def folds(targets: Bools, config: Fit, texts: Sequence[str], *, multiple: bool) -> Iterator[tuple[Ints, Ints]]:
    """Yield rows to fit on and rows to predict; of every class as many in each part as can be, or nearly so.

    Rows of one text are in one part.
    """
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    rows = first_rows(texts)
    firsts, shuffled = np.unique(rows), {"shuffle": True, "random_state": config.seed}
    groups = rows if len(firsts) < len(rows) else None
    parts = min(config.folds, len(firsts))
    if multiple:
        fold = KFold(parts, **shuffled) if groups is None else GroupKFold(parts, **shuffled)
        yield from fold.split(targets, groups=groups)
        return
    labels = targets.argmax(axis=1)
    parts = min(parts, int(np.bincount(labels[firsts]).max()))
    if parts < 2:
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        fold = StratifiedKFold(parts, **shuffled) if groups is None else StratifiedGroupKFold(parts, **shuffled)
        yield from fold.split(labels, labels, groups)


def _settings(method: Simple, config: Fit) -> list[str]:
    """Return the settings of a way, in words, in the order in which they are tried."""
    match method:
        case TfIdf() | Embeddings():
            return [f"C {c:g}" for c in config.c_values]
        case Centroid():
            return [""]
        case Neighbours(k=ks):
            return [f"{k} neighbours" for k in ks]
    assert_never(method)


def _only(method: Simple, config: Fit, best: int) -> tuple[Simple, Fit]:
    """Return a way and its config with the setting chosen alone."""
    if isinstance(method, Neighbours):
        return method.model_copy(update={"k": (method.k[best],)}), config
    return method, config.model_copy(update={"c_values": (config.c_values[best],)})


def _attempts(
    train: Features, targets: Bools, rest: Features, method: Simple, config: Fit, multiple: bool
) -> Iterator[tuple[Model, Floats]]:
    """Fit a way with each of its settings; yield what predicts, and its scores of other texts."""
    match method:
        case TfIdf(ngrams=ngrams, min_documents=least):
            words = learn_words(train.texts, ngrams=ngrams, min_documents=least)
            rows, others = words.matrix(train.texts), words.matrix(rest.texts) if rest.texts else None
            for weights, bias in _regressions(rows, targets, config, multiple):
                scores = np.zeros((0, len(bias))) if others is None else np.asarray(others @ weights.T) + bias
                yield LinearModel(bias, words=words, term_weights=weights), scores
        case Embeddings():
            for weights, bias in _regressions(train.known_vectors, targets, config, multiple):
                yield from _scored(LinearModel(bias, vector_weights=weights), rest)
        case Centroid():
            numbers, centres = centres_of(train.known_vectors, targets.argmax(axis=1).astype(np.int64))
            placed, bias = np.zeros((targets.shape[1], centres.shape[1])), np.full(targets.shape[1], -1.0)
            placed[numbers], bias[numbers] = centres, 0.0  # below any cosine: a class without a text is never closest
            yield from _scored(LinearModel(bias, vector_weights=placed), rest)
        case Neighbours(k=ks):
            found, cosines = nearest(rest.known_vectors, train.known_vectors, max(ks))
            for k in ks:
                scores = vote_scores(found, cosines, targets, k=k, multiple=multiple)
                yield NeighbourModel(train.known_vectors, targets, k, multiple), scores
        case _:
            assert_never(method)


def _regressions(rows: Any, targets: Bools, config: Fit, multiple: bool) -> Iterator[tuple[Floats, Floats]]:
    yield from regressions(
        rows, targets, c_values=config.c_values, class_weight=config.class_weight, multiple=multiple
    )


def _scored(model: LinearModel, rest: Features) -> Iterator[tuple[Model, Floats]]:
    yield model, model.scores(rest)


def combine(
    by_words: FittedMethod, by_vector: FittedMethod, targets: Bools, method: Combined, *, multiple: bool
) -> FittedMethod:
    """Weigh the scores of a regression on words and of one on vectors, made comparable by their temperatures.

    Args:
        by_words: Fitted on the words of N texts.
        by_vector: Fitted on their vectors, in the same folds.
        targets: (N, K) labels.
        method: Shares to choose from.
        multiple: Whether a text may have several labels.
    """
    said = [_scores_of(part.held_out, multiple) for part in (by_words, by_vector)]
    mixed = np.stack([share * said[0] + (1 - share) * said[1] for share in method.shares])
    best = _best(mixed, targets, multiple)
    share = method.shares[best]
    words, vector = by_words.linear, by_vector.linear
    first, second = share / by_words.temperature, (1 - share) / by_vector.temperature
    model = LinearModel(
        bias=first * words.bias + second * vector.bias,
        words=words.words,
        term_weights=None if words.term_weights is None else first * words.term_weights,
        vector_weights=None if vector.vector_weights is None else second * vector.vector_weights,
    )
    setting = f"{share:.0%} words, {by_words.setting} and {by_vector.setting}"
    return _calibrated(model, mixed[best], targets, setting, multiple)


def _scores_of(likely: npt.NDArray[np.float32], multiple: bool) -> Floats:
    """Return scores that give these probabilities."""
    safe = np.clip(likely.astype(np.float64), 1e-12, 1 - 1e-7 if multiple else 1.0)
    return np.asarray(np.log(safe / (1 - safe)) if multiple else np.log(safe))


def _best(held_out: Floats, targets: Bools, multiple: bool) -> int:
    """Return the setting whose predictions of texts it was not fitted on have the best macro-F1."""
    values = []
    for scores in held_out:
        if multiple:
            likely = probabilities(scores, temperature=1.0, multiple=True)
            given = decide(likely, best_thresholds(likely, targets))
        else:
            given = decide(scores, None)
        values.append(macro_f1(targets, given))
    return int(np.argmax(values))


def _calibrated(model: Model, held_out: Floats, targets: Bools, setting: str, multiple: bool) -> FittedMethod:
    temperature = best_temperature(held_out, targets, multiple=multiple)
    likely = probabilities(held_out, temperature=temperature, multiple=multiple)
    thresholds = best_thresholds(likely, targets) if multiple else None
    return FittedMethod(model, temperature, thresholds, likely, setting)


def learn_from_shares(
    train: tuple[Features, Bools], test: Features, method: Trained, config: Fit, curve: Curve, *, multiple: bool
) -> list[tuple[float, int, int, Bools]]:
    """Fit a way on shares of the training texts, its setting chosen anew each time.

    Args:
        train: N texts and their labels (N, K).
        test: M texts kept back.
        method: The way.
        config: How it is fitted.
        curve: Which shares, how often they are drawn.
        multiple: Whether a text may have several labels.

    Returns:
        Share, texts learned from, number of the draw, and the (M, K) labels given to the texts kept back.
    """
    found = []
    for share, repeat in itertools.product(curve.shares, range(curve.repeats)):
        rows = draw(train[1], share, curve.seed + repeat, multiple=multiple)
        fitted = fit_method(train[0].take(rows), train[1][rows], method, config, multiple=multiple)
        given = decide(fitted.probabilities(test), fitted.thresholds)
        found.append((share, len(rows), repeat, given))
    return found


def curve_of(
    name: str, targets: Bools, found: Sequence[tuple[float, int, int, Bools]]
) -> tuple[list[CurvePoint], tuple[CurveMean, ...]]:
    """Return what each draw of `learn_from_shares` reaches, and the means over the draws of a share.

    Args:
        name: What the way is called.
        targets: (M, K) labels of the texts kept back.
        found: What it returned.
    """
    points = [
        CurvePoint(name, share, count, repeat, macro_f1(targets, given), accuracy(targets, given))
        for share, count, repeat, given in found
    ]
    means = []
    for share in dict.fromkeys(point.share for point in points):
        mine = [point for point in points if point.share == share]
        values = [point.macro_f1 for point in mine]
        spread = spread_of(name, values)
        means.append(
            CurveMean(
                way=name, share=share, examples=mine[0].examples, macro_f1=spread.mean, least=spread.least,
                most=spread.most,
            )
        )  # fmt: skip
    return points, tuple(means)


def draw(targets: Bools, share: float, seed: int, *, multiple: bool) -> Ints:
    """Return rows: a share of all, of each class alike and at least one, in ascending order."""
    random = np.random.default_rng(seed)
    if multiple:
        count = max(2, round(share * len(targets)))
        return np.sort(random.permutation(len(targets))[:count])
    labels = targets.argmax(axis=1)
    kept = []
    for label in np.unique(labels):
        mine = random.permutation(np.flatnonzero(labels == label))
        kept.append(mine[: max(1, round(share * len(mine)))])
    return np.sort(np.concatenate(kept))
