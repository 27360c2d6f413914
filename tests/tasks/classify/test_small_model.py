"""A real small language model tells good reviews from bad ones, whatever label it favours."""

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from configs.classify import Prompted
from configs.generators import LocalModel
from tasks.classify.calibration import calibrated, fit_calibration
from tasks.classify.prompted import LabelPrompts, LabelScorer, read_label_prompt
from tasks.models.generators import client, scoring
from tasks.models.generators import load as generators
from tests.bench.labelled import rotten_tomatoes

DATA, MODEL = os.environ.get("LLM_FLOWS_DATA") or None, os.environ.get("LLM_FLOWS_GENERATOR", "smollm2")
pytestmark = [
    pytest.mark.data,
    pytest.mark.long,
    pytest.mark.timeout(1_200),
    pytest.mark.skipif(DATA is None, reason="LLM_FLOWS_DATA names no folder with rotten_tomatoes"),
]
LABELS = ("negative", "positive")


@pytest.mark.usefixtures("home")
def test_the_order_of_reviews_is_there_before_calibration_and_the_labels_are_even_after_it() -> None:
    train = rotten_tomatoes(Path(str(DATA))).train
    rows = [train[at] for at in np.random.default_rng(1).permutation(len(train))[:120]]
    config = LocalModel(model=MODEL)
    method = Prompted(generator=config, prompt="label-review")
    prompts = LabelPrompts(LABELS, read_label_prompt(method.prompt), method, client.text_counter(config), 1_000)
    ask = LabelScorer(prompts, scoring.scorer(generators.describe(config), config))
    values = ask([text for text, _ in rows]).astype(np.float64)
    targets = np.array([[label == name for name in LABELS] for _, label in rows])
    assert roc_auc_score(targets[:, 1], values[:, 1] - values[:, 0]) > 0.75
    likely = calibrated(values, fit_calibration("batch", values, values, targets))
    assert 0.3 < likely.argmax(axis=1).mean() < 0.7
    assert (likely.argmax(axis=1) == targets.argmax(axis=1)).mean() > 0.68
