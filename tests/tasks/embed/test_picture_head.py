"""A head begins as scikit-learn's ridge, learns what that cannot, and is no better than chance on shuffled pairs."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from tasks.embed.picture_head import Floats, HeadSettings, PictureHead, ridge, train_head

SETTINGS = HeadSettings(ridge=50.0, steps=120, batch=128, learning_rate=3e-3)


def described(seed: int, count: int) -> tuple[Floats, Floats]:
    """Return features that hold their text in a few loud, useless and many quiet, useful directions."""
    ways = np.random.default_rng(0)
    mixed, loud = ways.normal(size=(16, 48)), ways.normal(size=(4, 48))
    draws = np.random.default_rng(seed)
    texts = draws.normal(size=(count, 16))
    features = texts @ mixed + 6 * draws.normal(size=(count, 4)) @ loud + 2 * draws.normal(size=(count, 48))
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    return features.astype(np.float32), texts.astype(np.float32)


def found_first(head: PictureHead, features: Floats, texts: Floats) -> float:
    return float(((texts @ head(features).T).argmax(1) == np.arange(len(texts))).mean())


def test_the_start_is_the_ridge_of_scikit_learn() -> None:
    features, texts = described(1, 200)
    rows = ((features - features.mean(0)) / features.std(0)).astype(np.float32)
    theirs = Ridge(alpha=7.0, fit_intercept=False, solver="cholesky").fit(rows.astype(np.float64), texts)
    np.testing.assert_allclose(ridge(rows, texts, 7.0), theirs.coef_.T, rtol=1e-3, atol=1e-5)


def test_pictures_are_found_by_their_texts_and_those_of_shuffled_pairs_are_not() -> None:
    features, texts = described(1, 600)
    held, asked = described(2, 100)
    head = train_head(features, texts, described(3, 100), SETTINGS)
    assert found_first(head, held, asked) > 0.5
    assert head.reciprocal_rank >= head.start
    np.testing.assert_allclose(np.linalg.norm(head(held), axis=1), 1, atol=1e-5)
    shuffled = train_head(features, np.roll(texts, 7, axis=0), described(3, 100), SETTINGS)
    assert found_first(shuffled, held, asked) < 0.1


def test_the_same_seed_gives_the_same_head_and_no_steps_give_the_ridge() -> None:
    features, texts = described(1, 200)
    one, two = (train_head(features, texts, described(3, 50), SETTINGS) for _ in range(2))
    assert np.array_equal(one.weight, two.weight)
    start = train_head(features, texts, described(3, 50), replace(SETTINGS, steps=0))
    assert start.step == 0
    rows = ((features - start.mean) / start.spread).astype(np.float32)
    assert start.weight == pytest.approx(ridge(rows, texts - texts.mean(0), SETTINGS.ridge), abs=1e-6)
