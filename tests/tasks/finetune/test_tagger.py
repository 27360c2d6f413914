"""A small tagger learns, is judged as it is served, and marks texts at exact offsets, long ones in windows."""

import itertools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2
from transformers import AutoModelForTokenClassification, AutoTokenizer, BertConfig, BertModel

from configs.finetune import FullWeights, Training
from configs.finetune_tagger import TaggerGate, TaggerTuning
from tasks.data.documents import Document, DocumentsRef, Rejected, RejectedRef
from tasks.data.evaluation import Measure
from tasks.data.tagging import FoundEntity, MarkedRef, MarkedSentence, MarkedTexts
from tasks.errors import DataError, ModelError
from tasks.evaluate import judge_taggers
from tasks.finetune import tagger, tags
from tasks.finetune.task_classifier import describe_base
from tasks.finetune.task_tagger import (
    find_entities,
    identify_tagger,
    prepare_tags,
    train_tagger,
    try_list,
    try_tagger,
)
from tasks.models import sequence_classifier, token_classifier
from tasks.store import objects, tuned
from tasks.text.pieces import Frame
from tasks.text.spans import label_names, spans_of

pytestmark = pytest.mark.slow
TRAINING = Training(
    num_train_epochs=6, per_device_train_batch_size=8, learning_rate=3e-3, device="cpu", precision="fp32",
    max_seq_length=16, early_stopping_patience=50,
)  # fmt: skip
TUNING = TaggerTuning(stride=4)
PLAIN = ["a", "the", "sat", "ran", "far", "q"]


def sentence(name: str, words: list[str], labels: list[str]) -> MarkedSentence:
    starts = [sum(len(w) + 1 for w in words[:at]) for at in range(len(words))]
    return MarkedSentence(
        name, " ".join(words), tuple(starts), tuple(a + len(w) for a, w in zip(starts, words, strict=True)),
        tuple(labels),
    )  # fmt: skip


def sentences(count: int, seed: int) -> list[MarkedSentence]:
    """Return sentences in which `night train` is a thing, and `cat` or `dog` an animal."""
    random, made = np.random.default_rng(seed), []
    for at in range(count):
        words: list[str] = []
        labels: list[str] = []
        for _ in range(random.integers(3, 7)):
            match random.integers(0, 4):
                case 0:
                    words += ["night", "train"]
                    labels += ["B-thing", "I-thing"]
                case 1:
                    words.append(str(random.choice(["cat", "dog"])))
                    labels.append("B-animal")
                case _:
                    words.append(str(random.choice(PLAIN)))
                    labels.append("O")
        made.append(sentence(f"{seed}-{at}", words, labels))
    return made


def texts(rows: list[MarkedSentence]) -> MarkedTexts:
    return MarkedTexts(
        sentences=objects.save_rows(MarkedRef, MarkedSentence, rows),
        rejected=objects.save_rows(RejectedRef, Rejected, []),
    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the one workspace of these tests."""
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture(autouse=True)
def home(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work where the model was trained."""
    monkeypatch.setenv("LLM_FLOWS_HOME", str(workspace))
    return workspace


@pytest.fixture(scope="module")
def learner(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small model that learns in seconds: its weights begin small."""
    folder = tmp_path_factory.mktemp("learner") / "model"
    shutil.copytree(tiny_bert, folder)
    torch.manual_seed(0)
    config = BertConfig.from_pretrained(tiny_bert, initializer_range=0.05)
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def trained(learner: Path, workspace: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLM_FLOWS_HOME", str(workspace))
        base = describe_base(str(learner), TRAINING)
        prepared = prepare_tags.fn(texts(sentences(120, 0)), None, texts(sentences(40, 1)), base, TUNING, TRAINING)
        way = train_tagger.fn(prepared, "full", FullWeights(), base, TUNING, TRAINING)
        return prepared, way, identify_tagger(tuned.by_content(way.result.model), TRAINING)


def test_it_finds_what_it_was_taught_and_f1_equals_seqeval_on_the_same_predictions(trained: Any) -> None:
    prepared, _, model = trained
    trial = try_tagger.fn(prepared, "full", model, TUNING.stride)
    given = [list(row.labels) for row in objects.load_rows(prepared.test, MarkedSentence)]
    found = [list(row.labels) for row in objects.load_rows(trial.test, MarkedSentence)]
    verdict = judge_taggers.fn(prepared, [trial], try_list.fn(prepared, "list"), TaggerGate(resamples=100))
    measured = {(m.name, m.what): m for m in objects.load_rows(verdict.measures, Measure)}
    theirs = f1_score(given, found, mode="strict", scheme=IOB2)
    assert measured["entity F1", "full"].value == pytest.approx(theirs)
    assert theirs > 0.9
    assert measured["entity F1", "list"].value == 1.0  # every entity of this language was seen in training
    assert not verdict.released
    assert verdict.why.startswith("refused: entity F1 of full is ")


def test_the_folder_opens_in_transformers_and_gives_the_same_labels(trained: Any) -> None:
    _, way, model = trained
    folder = objects.path(way.result.model)
    loaded: Any = AutoModelForTokenClassification.from_pretrained(folder).eval()
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    words = ["the", "night", "train", "ran", "far"]
    with torch.no_grad():
        logits = loaded(**tokenizer([words], is_split_into_words=True, return_tensors="pt")).logits[0, 1:-1]
    ours = token_classifier.engine(model).log_probabilities([words], 4)[0]
    assert np.allclose(ours, torch.log_softmax(logits, dim=-1).numpy(), atol=1e-4)


@pytest.mark.parametrize(
    "text",
    [
        "  the\tnight \n train\u00a0 ran ",
        "cat",
        "CAT, dog!",
        "a\u200bnight train",
        "the  cat\u3000sat",
        "(night train)",
    ],
)
def test_entities_of_oddly_spaced_texts_stand_at_exact_offsets(trained: Any, text: str) -> None:
    _, _, model = trained
    documents = objects.save_rows(DocumentsRef, Document, [Document("d", text, "", "here", "")])
    found = find_entities.fn(documents, model, 4)
    rows = _entities(found)
    assert rows
    for entity in rows:
        assert text[entity.start : entity.end] == entity.text
        assert entity.text.split() in (["night", "train"], ["cat"], ["CAT"], ["dog"])
        assert 0 < entity.probability <= 1


def _entities(found: Any) -> list[FoundEntity]:
    import pyarrow.parquet as pq

    return objects.rows_of(FoundEntity, pq.read_table(objects.path(found) / "entities.parquet"))


def test_a_text_longer_than_a_window_is_marked_throughout(trained: Any) -> None:
    _, _, model = trained
    text = " ".join(["the cat sat far", "a night train ran"] * 200)
    documents = objects.save_rows(DocumentsRef, Document, [Document("d", text, "", "here", "")])
    found = _entities(find_entities.fn(documents, model, 4))
    marked = [0, *(entity.start for entity in found), len(text)]
    assert (
        max(after - before for before, after in itertools.pairwise(marked)) < 120
    )  # some windows have 400 characters
    assert 300 <= len(found) <= 420  # of 400; what so small a model misses hangs on the last bits of its weights


def test_an_empty_text_and_one_of_no_words_have_no_entities(trained: Any) -> None:
    _, _, model = trained
    documents = objects.save_rows(
        DocumentsRef, Document, [Document(name, text, "", "here", "") for name, text in (("a", " "), ("b", "\u00a0"))]
    )
    assert _entities(find_entities.fn(documents, model, 4)) == []


def test_the_first_piece_of_a_word_bears_its_label_and_special_tokens_none(tiny_bert: Path) -> None:
    tokenizer = sequence_classifier.load_tokenizer(str(tiny_bert))
    frame = Frame.of(tokenizer, 10)
    assert (frame.before, frame.after, frame.room) == ((2,), (3,), 8)
    rows = [sentence("s", ["the", "cat-dog", "sat"], ["O", "B-animal", "O"])]
    (window,) = tagger.cut_windows(rows, label_names(["animal"]), tokenizer, frame, 0)
    assert len(window.ids) == 7
    assert window.labels == [-100, 0, 1, -100, -100, 0, -100]


def test_what_repeats_a_held_out_sentence_is_rejected_and_odd_labels_are_said(tiny_bert: Path) -> None:
    base, held = describe_base(str(tiny_bert), TRAINING), sentences(40, 1)
    found = texts(sentences(60, 0)).model_copy(update={"strays": 2})
    rows = objects.load_rows(found.sentences, MarkedSentence) + held[:5]
    given = found.model_copy(update={"sentences": objects.save_rows(MarkedRef, MarkedSentence, rows)})
    prepared = prepare_tags.fn(given, None, texts(held), base, TUNING, TRAINING)
    assert prepared.look.leaked >= 5
    assert prepared.rejected.rows == prepared.look.leaked
    assert prepared.labels == ("O", "B-animal", "I-animal", "B-thing", "I-thing")
    assert any("repeat a held-out one" in said for said in prepared.look.warnings)
    assert any("2 labels I-TYPE follow none of their type" in said for said in prepared.look.warnings)


def test_sentences_without_entities_or_too_few_are_refused_in_words() -> None:
    plain = [sentence(f"p{at}", ["the"], ["O"]) for at in range(20)]
    with pytest.raises(DataError, match="none of the 20 training sentences has an entity"):
        tags.require_learnable(plain, sentences(9, 0), sentences(9, 1))
    with pytest.raises(DataError, match="3 sentences are left to train on, at least 8 are needed"):
        tags.require_learnable(sentences(3, 0), sentences(9, 0), sentences(9, 1))


def test_a_list_of_the_training_entities_takes_the_longest_and_the_commonest_type() -> None:
    train = [
        sentence("a", ["night", "train"], ["B-thing", "I-thing"]), sentence("b", ["night"], ["B-time"]),
        sentence("c", ["cat"], ["B-animal"]), sentence("d", ["Cat"], ["B-animal"]),
        sentence("e", ["cat"], ["B-thing"]),
    ]  # fmt: skip
    (found,) = tags.listed(train, [sentence("t", ["the", "Night", "train", "cat", "night"], ["O"] * 5)])
    assert spans_of(found) == [(1, 3, "thing"), (3, 4, "animal"), (4, 5, "time")]


def test_a_model_that_labels_no_words_is_refused_as_a_tagger(tiny_bert: Path) -> None:
    with pytest.raises(ModelError, match="a model ForTokenClassification was needed; train one with tune-tagger"):
        identify_tagger(str(tiny_bert), TRAINING)
