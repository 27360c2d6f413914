"""The head is the ridge regression of scikit-learn on standardised features, of length 1."""

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from tasks.embed.picture_head import learn


def test_a_head_is_the_ridge_regression_of_scikit_learn() -> None:
    draw = np.random.default_rng(0)
    features = draw.normal(3, 2, size=(80, 12)).astype(np.float32)
    texts = draw.normal(size=(80, 5)).astype(np.float32)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    scaler = StandardScaler().fit(features)
    theirs = Ridge(alpha=7.0).fit(scaler.transform(features), texts)
    new = draw.normal(3, 2, size=(20, 12)).astype(np.float32)
    wanted = theirs.predict(scaler.transform(new))
    ours = learn(features, texts, 7.0)(new)
    assert np.allclose(ours, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-4)


def test_a_feature_that_never_changes_moves_nothing() -> None:
    draw = np.random.default_rng(1)
    features = draw.normal(size=(40, 4)).astype(np.float32)
    features[:, 2] = 5.0
    texts = draw.normal(size=(40, 3)).astype(np.float32)
    found = learn(features, texts, 1.0)(features)
    assert np.isfinite(found).all()
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
