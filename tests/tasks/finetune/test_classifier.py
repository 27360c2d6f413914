"""A small model learns classes, saves as transformers does, and serves what it was judged by."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from configs.finetune import FullWeights, HeadOnly, Lora, Parameters, Training
from configs.finetune_classifier import ClassifierTuning
from tasks.data.classes import Target
from tasks.data.documents import Rejected
from tasks.errors import ContractError, DataError
from tasks.finetune import classifier
from tasks.finetune.task_classifier import describe_base, paced, prepare_classes, train_classifier
from tasks.models import files, heads, sequence_classifier
from tasks.store import objects, tuned
from tests.tasks.finetune.texts import divided, examples

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("home")]
TRAINING = Training(
    num_train_epochs=8, per_device_train_batch_size=8, learning_rate=3e-3, device="cpu", precision="fp32",
    max_seq_length=16, early_stopping_patience=50,
)  # fmt: skip


def trained(base: Path, method: Parameters, rate: float = 3e-3) -> Any:
    training = TRAINING.model_copy(update={"learning_rate": rate})
    described, tuning = describe_base(str(base), TRAINING), ClassifierTuning()
    prepared = prepare_classes.fn(divided(examples(120, 0), examples(40, 1)), described, tuning, training)
    return prepared, train_classifier.fn(prepared, method.kind, method, described, tuning, training)


@pytest.mark.parametrize(
    "method", [FullWeights(), pytest.param(Lora(r=4), marks=pytest.mark.long)], ids=["full", "lora"]
)
def test_it_learns_and_is_served_with_the_labels_it_was_trained_for(tiny_bert: Path, method: Parameters) -> None:
    prepared, way = trained(tiny_bert, method, rate=3e-3 if method.kind == "full" else 3e-4)
    model = tuned.by_content(way.result.model)
    scorer = sequence_classifier.describe_classes(model, "fp32", "cpu", "test")
    assert scorer.labels == ("cat", "dog")
    texts = objects.load_table(prepared.divided.test.documents)["text"].to_pylist()
    given = [row.labels[0] for row in objects.load_rows(prepared.divided.test.targets, Target)]
    said = sequence_classifier.engine(scorer.scorer).outputs(texts)
    right = np.mean([scorer.labels[at] == label for at, label in zip(said.argmax(axis=1), given, strict=True)])
    assert right > (0.85 if method.kind == "full" else 0.6)
    assert (way.result.trainable < way.result.parameters) is (method.kind == "lora")


def test_the_folder_opens_in_transformers_and_gives_the_same_logits(tiny_bert: Path) -> None:
    prepared, way = trained(tiny_bert, HeadOnly())
    folder = objects.path(way.result.model)
    assert not [path for path in folder.rglob("*") if path.suffix in (".bin", ".pt", ".pth")]
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    texts = objects.load_table(prepared.divided.test.documents)["text"].to_pylist()[:10]
    with torch.no_grad():
        theirs = model(**tokenizer(texts, padding=True, truncation=True, return_tensors="pt")).logits.numpy()
    scorer = sequence_classifier.describe_classes(tuned.by_content(way.result.model), "fp32", "cpu", "test").scorer
    assert np.allclose(sequence_classifier.engine(scorer).outputs(texts), theirs, atol=1e-5)
    assert tokenizer.model_max_length == 16
    assert files.describe(str(tiny_bert)).weights != files.weights_digest(folder)


def test_the_head_alone_leaves_the_body_as_it_was(tiny_bert: Path) -> None:
    _, way = trained(tiny_bert, HeadOnly())
    theirs = AutoModelForSequenceClassification.from_pretrained(objects.path(way.result.model)).bert
    ours = heads.load_with_head(str(tiny_bert), "sequence", ["cat", "dog"]).bert
    same = {name: torch.equal(p, dict(ours.named_parameters())[name]) for name, p in theirs.named_parameters()}
    assert {name for name, equal in same.items() if not equal} == {"pooler.dense.weight", "pooler.dense.bias"}


@pytest.mark.long
def test_the_same_seed_gives_the_same_model(tiny_bert: Path) -> None:
    assert trained(tiny_bert, Lora(r=2))[1].result.model == trained(tiny_bert, Lora(r=2))[1].result.model


def test_texts_are_kept_apart_and_every_rejection_has_its_reason(tiny_bert: Path) -> None:
    base, test = describe_base(str(tiny_bert), TRAINING), examples(40, 1)
    held = objects.load_table(test.documents)["text"].to_pylist()
    planted = tuple(("cat", text.upper()) for text in held[:10])
    train = examples(100, 0, (*planted, ("cat", "the night sep cls")))
    prepared = prepare_classes.fn(divided(train, test), base, ClassifierTuning(near_duplicate=1.0), TRAINING)
    look = prepared.look
    assert look.leaked == 10
    assert look.train + look.validation + look.leaked + look.repeated == 111
    assert look.truncated == 0.0
    reasons = [row.detail for row in objects.load_rows(prepared.divided.rejected, Rejected)]
    assert sum("repeats a held-out text: exact" in reason for reason in reasons) == 10
    assert any("10 training texts repeat a held-out one" in said for said in look.warnings)


def test_training_texts_that_are_the_held_out_ones_are_refused(tiny_bert: Path) -> None:
    same = examples(60, 3)
    with pytest.raises(DataError, match=r"training texts are left after 60 that repeat others or held-out ones"):
        prepare_classes.fn(divided(same, same), describe_base(str(tiny_bert), TRAINING), ClassifierTuning(), TRAINING)


def test_few_labels_are_trained_on_where_few_are_asked_for(tiny_bert: Path) -> None:
    tuning = ClassifierTuning(labels_per_class=8, near_duplicate=1.0)
    base = describe_base(str(tiny_bert), TRAINING)
    prepared = prepare_classes.fn(divided(examples(120, 0), examples(40, 1)), base, tuning, TRAINING)
    assert prepared.look.labels == (("cat", 8), ("dog", 8))
    assert prepared.look.train + prepared.look.validation == 16


def test_longer_texts_than_a_model_reads_are_refused_before_training(tiny_bert: Path) -> None:
    with pytest.raises(ContractError, match=r"max_seq_length is 64 but .* reads 40 tokens at most"):
        describe_base(str(tiny_bert), TRAINING.model_copy(update={"max_seq_length": 64}))


def test_a_very_long_text_is_cut_and_counted_and_a_special_token_in_it_stays_text(tiny_bert: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    ids, longer = classifier.tokens_of(tokenizer, ["cat " * 10_000, "cat", "[SEP] cat"], 16)
    assert [len(row) for row in ids] == [16, 3, 6]
    assert longer == 1
    assert ids[0][-1] == ids[1][-1] == 3


def test_class_weights_are_those_of_scikit_learn() -> None:
    labels = np.array([0] * 90 + [1] * 9 + [2])
    ours = classifier.class_weights(np.eye(3, dtype=bool)[labels])
    assert np.allclose(ours, compute_class_weight("balanced", classes=np.arange(3), y=labels))


@pytest.mark.parametrize("multiple", [False, True])
def test_a_weighted_loss_is_that_of_torch(multiple: bool) -> None:
    torch.manual_seed(0)
    logits, weights = torch.randn(5, 3), np.array([0.5, 1.0, 3.0])

    class Given:
        pass

    outputs: Any = Given()
    outputs.logits = logits
    loss: Callable[..., Any] = classifier.weighted_loss(weights, multiple=multiple)
    if multiple:
        labels = torch.randint(0, 2, (5, 3)).float()
        theirs = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(weights).float())(logits, labels)
    else:
        labels = torch.tensor([0, 1, 2, 1, 0])
        each = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
        theirs = (each * torch.tensor(weights).float()[labels]).mean()
    assert torch.allclose(loss(outputs, labels, torch.tensor(labels.numel())), theirs, atol=1e-6)
    assert torch.allclose(loss(outputs, labels), theirs, atol=1e-6)


def test_heads_and_low_rank_updates_take_larger_steps() -> None:
    assert [paced(TRAINING, m).learning_rate / TRAINING.learning_rate for m in (Lora(), HeadOnly())] == [10.0, 100.0]


def test_a_head_for_other_labels_is_drawn_anew_and_one_for_the_same_labels_goes_on(
    tiny_bert: Path, tmp_path: Path
) -> None:
    first = heads.load_with_head(str(tiny_bert), "sequence", ["cat", "dog"], seed=1)
    first.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes((tiny_bert / "tokenizer.json").read_bytes())
    again = heads.load_with_head(str(tmp_path), "sequence", ["cat", "dog"], seed=2)
    other = heads.load_with_head(str(tmp_path), "sequence", ["dog", "cat"], seed=2)
    more = heads.load_with_head(str(tmp_path), "sequence", ["a", "b", "c"], seed=2)
    assert torch.equal(again.classifier.weight, first.classifier.weight)
    assert not torch.equal(other.classifier.weight, first.classifier.weight)
    assert more.classifier.weight.shape == (3, 32)
