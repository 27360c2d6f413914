"""Ready models made on the spot: labels are matched by name, in whatever order; what does not fit is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from configs.classify import Nli, TaskModel
from configs.models import TASK_MODELS
from tasks.classify import identify, models_that_fit
from tasks.classify.mapping import described, matched
from tasks.classify.ready import ask_ready, describe_ready
from tasks.data.classes import Identified
from tasks.errors import ModelError
from tasks.models import sequence_classifier

TEXTS = ["the cat sat", "a dog ran", "cat cat far", "the dog sat far", "a cat ran", "dog dog mat"]
IS_CAT = [True, False, True, False, True, False]


@pytest.fixture
def classifier(tiny_bert: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that makes a model which tells cats from dogs, its outputs named and ordered as asked."""

    def make(names: tuple[str, ...], targets: list[int], *, old_tokenizer: bool = False) -> Path:
        import torch
        from transformers import AutoTokenizer, BertForSequenceClassification

        folder = tmp_path / "-".join(names)
        torch.manual_seed(0)
        tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
        model = BertForSequenceClassification.from_pretrained(
            tiny_bert, num_labels=len(names), id2label=dict(enumerate(names)), hidden_dropout_prob=0.0
        )
        batch, wanted = tokenizer(TEXTS, padding=True, return_tensors="pt"), torch.tensor(targets)
        optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
        for _ in range(25):
            torch.nn.functional.cross_entropy(model(**batch).logits, wanted).backward()
            optimiser.step()
            optimiser.zero_grad()
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        if old_tokenizer:
            vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
            (folder / "tokenizer.json").unlink()
            (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=lambda word: vocabulary[word])))
            settings = json.loads((folder / "tokenizer_config.json").read_text())
            (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "tokenizer_class": "BertTokenizer"}))
        return folder

    return make


def asked(method: TaskModel | Nli, classes: tuple[str, ...], texts: list[str]) -> np.ndarray:
    found = identify(method)
    ready = describe_ready(method, found, classes, multiple=False)
    kept = Identified.model_validate(ready["identified"])
    engine = sequence_classifier.engine(kept.scorer)
    return ask_ready(ready, texts, engine.outputs, classes=len(classes), multiple=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "cat", "old"), [(("Dog", "cat", "neither"), 1, False), (("cat", "Dog", "neither"), 0, True)], ids=str
)
def test_labels_are_matched_by_name_in_whatever_order_the_model_has_them(
    classifier: Callable[..., Path], names: tuple[str, ...], cat: int, old: bool
) -> None:
    folder = classifier(names, [cat if is_cat else 1 - cat for is_cat in IS_CAT], old_tokenizer=old)
    likely = asked(TaskModel(model=str(folder), precision="fp32", device="cpu"), ("cat", "dog"), TEXTS)
    assert (likely.argmax(axis=1) == 0).tolist() == IS_CAT
    np.testing.assert_allclose(likely.sum(axis=1), 1.0, rtol=1e-5)


def test_a_mapping_says_what_labels_mean_that_have_other_names(classifier: Callable[..., Path]) -> None:
    folder = classifier(("LABEL_0", "LABEL_1"), [int(is_cat) for is_cat in IS_CAT])
    method = TaskModel(model=str(folder), precision="fp32", device="cpu")
    with pytest.raises(ModelError, match=r"has the labels \['LABEL_0', 'LABEL_1'\] and none for 'cat'; say which is"):
        asked(method, ("cat", "dog"), TEXTS)
    mapped = method.model_copy(update={"mapping": {"LABEL_1": "cat", "LABEL_0": "dog"}})
    assert (asked(mapped, ("cat", "dog"), TEXTS).argmax(axis=1) == 0).tolist() == IS_CAT


def test_entailment_gives_what_the_pipeline_of_transformers_gives(classifier: Callable[..., Path]) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    folder = classifier(("CONTRADICTION", "ENTAILMENT"), [int(is_cat) for is_cat in IS_CAT])
    method = Nli(model=str(folder), hypothesis="the {label} sat", precision="fp32", device="cpu")
    mine = asked(method, ("cat", "dog"), TEXTS)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    model.config.label2id = {"contradiction": 0, "entailment": 1}
    theirs = pipeline("zero-shot-classification", model=model, tokenizer=tokenizer)
    for row, text in zip(mine, TEXTS, strict=True):
        said = theirs(text, ["cat", "dog"], hypothesis_template="the {} sat")
        given = dict(zip(said["labels"], said["scores"], strict=True))
        np.testing.assert_allclose(row, [given["cat"], given["dog"]], atol=1e-4)


def test_a_model_without_entailment_is_refused_with_its_labels(classifier: Callable[..., Path]) -> None:
    folder = classifier(("cat", "dog"), [int(not is_cat) for is_cat in IS_CAT])
    with pytest.raises(ModelError, match=r"has the labels \['cat', 'dog'\] but one for entailment"):
        identify(Nli(model=str(folder)))


def test_a_model_of_one_score_is_refused(tiny_cross_encoder: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match=r"with 1 labels but a model ForSequenceClassification with two or more"):
        identify(TaskModel(model=str(tiny_cross_encoder(labels=1))))


def test_names_match_without_case_space_and_hyphens_and_a_mapping_stands_above_them() -> None:
    assert matched("m", ["Not Hate", "HATE"], ["hate", "not-hate"], {}, {}).tolist() == [[False, True], [True, False]]
    swapped = matched("m", ["hate", "not hate"], ["hate", "not hate"], {"hate": "not hate", "not hate": "hate"}, {})
    assert swapped.tolist() == [[False, True], [True, False]]
    known = matched(
        "m", ["negative", "neutral", "positive"], ["neg", "pos"], {}, {"neg": "negative", "pos": "positive"}
    )
    assert known.tolist() == [[True, False], [False, False], [False, True]]


def test_labels_that_differ_by_case_or_blanks_alone_are_told_apart_where_they_are_written_alike() -> None:
    """A model that was trained on such labels has them all; they were one, and the others had none."""
    labels = ["Lob", "Lob ", "lob", "Frage"]
    assert np.array_equal(matched("m", labels, labels, {}, {}), np.eye(4, dtype=bool))
    assert np.array_equal(matched("m", ["FRAGE", "lob"], ["lob", "Frage"], {}, {}), [[False, True], [True, False]])


def test_a_mapping_to_what_is_not_there_is_refused() -> None:
    with pytest.raises(ModelError, match=r"mapping has 'a' to 'z' but m has \['a', 'b'\] and the texts \['x', 'y'\]"):
        matched("m", ["a", "b"], ["x", "y"], {"a": "z"}, {})


@pytest.mark.parametrize(
    ("classes", "task"),
    [(("negative", "positive"), "sentiment"), (("neg", "pos"), "sentiment"), (("Hate", "not hate"), "hate speech")],
    ids=str,
)
def test_ready_models_whose_labels_include_ours_are_offered(classes: tuple[str, ...], task: str) -> None:
    assert task in [card.task for card in models_that_fit(classes)]
    assert models_that_fit(("card_arrival", "lost_card")) == ()
    assert len({card.id for card in TASK_MODELS}) == len(TASK_MODELS)


def test_a_label_describes_itself_where_nothing_else_does() -> None:
    assert described(["card_arrival", "x"], {"x": "lost"}, ["About {label}."]) == [
        ["About card arrival.", "About lost."]
    ]
