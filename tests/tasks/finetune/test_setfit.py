"""Pairs for few labels: every text is in some of both kinds, none with itself, and scores say what is of one class."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from configs.finetune import Training
from configs.finetune_classifier import ClassifierTuning, SetFit
from tasks.data.classes import Target
from tasks.data.models import Fingerprint
from tasks.errors import DataError
from tasks.finetune.setfit import class_pairs
from tasks.finetune.task_classifier import describe_base, prepare_classes
from tasks.finetune.task_setfit import train_setfit
from tasks.models.encoders import load
from tasks.store import objects, tuned
from tests.tasks.finetune.texts import divided, examples

TEXTS = [f"text {at}" for at in range(12)]
LABELS = ["a"] * 4 + ["b"] * 6 + ["c"] * 2


def test_every_text_is_in_pairs_of_both_kinds_and_scores_say_whether_classes_are_one() -> None:
    of = dict(zip(TEXTS, LABELS, strict=True))
    pairs = class_pairs(TEXTS, LABELS, iterations=3, most=1_000, seed=0)
    assert all(pair.anchor != pair.positive for pair in pairs)
    assert all(pair.score == (of[pair.anchor] == of[pair.positive]) for pair in pairs)
    assert len({frozenset(pair.texts) for pair in pairs}) == len(pairs)
    for score in (0.0, 1.0):
        assert {text for pair in pairs if pair.score == score for text in pair.texts} == set(TEXTS)


def test_there_are_at_most_as_many_as_asked_for_half_of_either_kind_and_the_seed_decides() -> None:
    pairs = class_pairs(TEXTS, LABELS, iterations=20, most=16, seed=1)
    assert sorted(pair.score for pair in pairs) == [0.0] * 8 + [1.0] * 8
    assert pairs == class_pairs(TEXTS, LABELS, iterations=20, most=16, seed=1)
    assert pairs != class_pairs(TEXTS, LABELS, iterations=20, most=16, seed=2)


@pytest.mark.parametrize("labels", [["a", "a"], ["a", "b"]])
def test_one_class_or_no_class_of_two_texts_is_refused(labels: list[str]) -> None:
    with pytest.raises(DataError, match="setfit needs two classes, and two texts of one of them"):
        class_pairs(["x", "y"], labels, iterations=2, most=16, seed=0)


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_training_on_pairs_brings_texts_of_one_class_together(tiny_encoder: Callable[..., Path]) -> None:
    folder = str(tiny_encoder())
    training = Training(
        per_device_train_batch_size=16, learning_rate=3e-3, device="cpu", precision="fp32", max_seq_length=16
    )
    prepared = prepare_classes.fn(
        divided(examples(40, 0), examples(40, 1)), describe_base(folder, training), ClassifierTuning(), training
    )
    before = load.fingerprint(folder, "fp32", "cpu")
    way = train_setfit.fn(prepared, "few", SetFit(num_iterations=5), before.encoder, training)
    after = load.fingerprint(tuned.by_content(way.result.model), "fp32", "cpu")
    texts = objects.load_table(prepared.divided.test.documents)["text"].to_pylist()
    labels = np.array([row.labels[0] for row in objects.load_rows(prepared.divided.test.targets, Target)])
    same = labels[:, None] == labels[None, :]

    def gap(fingerprint: Fingerprint) -> float:
        vectors = load.engine(fingerprint).encode(texts)
        cosines = vectors @ vectors.T
        return float(cosines[same].mean() - cosines[~same].mean())

    assert gap(after) > gap(before) + 0.05
    assert way.result.best_step == way.result.steps
    assert after.encoder.width == before.encoder.width


@pytest.mark.slow
def test_drawn_often_the_pairs_are_all_those_that_setfit_makes_with_the_same_scores() -> None:
    from setfit.sampler import ContrastiveDataset

    numbers = [sorted(set(LABELS)).index(label) for label in LABELS]
    theirs = ContrastiveDataset(TEXTS, numbers, multilabel=False, sampling_strategy="unique")
    made = {(frozenset((row["sentence_1"], row["sentence_2"])), row["label"]) for row in theirs}
    apart = {(texts, score) for texts, score in made if len(texts) == 2}  # setfit pairs texts with themselves, too
    ours = class_pairs(TEXTS, LABELS, iterations=300, most=1_000, seed=0)
    assert {(frozenset(pair.texts), pair.score) for pair in ours} == apart
