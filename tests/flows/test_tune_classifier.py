"""`tune-classifier`: what is refused before any work; what is no better is kept, and can be put live by hand."""

import json
import random
from pathlib import Path

import pytest
from mlflow import MlflowClient

from configs.classify import TaskModel
from configs.embed import Embed
from configs.finetune import HeadOnly, LastBlocks, Lora, Training
from configs.finetune_classifier import ClassifierGate, ClassifierTuning, SetFit
from configs.finetune_masked import MaskedLanguageModel
from configs.flows import TextClassifier, TuneClassifier
from configs.ingest import Tables
from flows.__main__ import main
from flows.text_classifier import text_classifier
from flows.tune_classifier import preflight, tune_classifier
from tasks.embed import describe_encoder
from tasks.errors import ContractError, DataError, ModelError
from tasks.finetune import describe_base
from tasks.runtime.mlflow_run import tracking_uri
from tasks.store import classifiers, objects, tuned

FAST = Training(max_steps=6, per_device_train_batch_size=8, max_seq_length=16, device="cpu", precision="fp32")


def write(path: Path, count: int, *, seed: int = 0) -> Tables:
    """Write texts whose labels follow from one word, a label that must not be read as HTML."""
    draw, rows = random.Random(seed), []
    for at in range(count):
        label = draw.choice(["<b>sea</b>", "land"])
        places = ["harbour", "tide", "ship"] if label != "land" else ["meadow", "road", "barn"]
        text = " ".join(draw.sample(["old", "grey", "far", "near", "long", "cold", "quiet"], 4))
        rows.append({"text": f"the {text} {draw.choice(places)} number {seed}{at}", "label": label})
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return Tables(path=str(path))


def test_longer_texts_than_the_model_reads_an_unknown_model_and_a_bad_name_are_refused(home: Path) -> None:
    source = write(home / "texts.jsonl", 9)
    with pytest.raises(ContractError, match=r"max_seq_length is 600 but .* reads 512 tokens at most"):
        preflight(source, config=TuneClassifier(training=Training(max_seq_length=600)))
    with pytest.raises(ModelError, match="there is no trained model 'nothing'"):
        preflight(source, config=TuneClassifier(model="tuned:nothing"))
    with pytest.raises(ContractError, match=r"pretraining.max_seq_length is 600 but .* reads 512 tokens at most"):
        preflight(source, config=TuneClassifier(pretraining=MaskedLanguageModel(max_seq_length=600)))
    with pytest.raises(ValueError, match="an adapter would need and nothing keeps; set merge to true"):
        TuneClassifier(pretraining=MaskedLanguageModel(), methods=(Lora(merge=False),))
    with pytest.raises(ContractError, match="is not a name"):
        preflight(source, name="../x")
    with pytest.raises(DataError):
        preflight(Tables(path=str(home / "none.csv")))


@pytest.mark.flow
@pytest.mark.slow
def test_texts_to_judge_by_that_are_those_to_learn_from_stop_the_run_in_words(home: Path) -> None:
    source = write(home / "texts.jsonl", 40)
    with pytest.raises(DataError, match="training texts are left after 40 that repeat others or held-out ones"):
        tune_classifier(
            source=source, test=source, config=TuneClassifier(embed=Embed(precision="fp32"), training=FAST)
        )


@pytest.mark.flow
@pytest.mark.slow
def test_a_model_that_is_no_better_is_refused_kept_and_used_where_it_is_named(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write(home / "texts.jsonl", 120)
    lines = (home / "texts.jsonl").read_text("utf-8").splitlines()
    other = {"land": "<b>sea</b>", "<b>sea</b>": "land"}[json.loads(lines[1])["label"]]
    lines += [lines[0], json.dumps(json.loads(lines[1]) | {"label": other})]
    (home / "texts.jsonl").write_text("\n".join(lines), "utf-8")
    config = TuneClassifier(
        embed=Embed(precision="fp32"), methods=(HeadOnly(), LastBlocks(blocks=1)), training=FAST,
        tuning=ClassifierTuning(near_duplicate=1.0),
    )  # fmt: skip
    outcome = tune_classifier(source=source, name="places", config=config)
    result = outcome.result
    assert result["released"] is False
    assert result["model"] == "tuned:places@1"
    assert result["why"].startswith("refused: macro-F1 of tuned ")
    assert {name: result["texts"][name] for name in ("repeated", "contradictions", "rejected")} == {
        "repeated": 1, "contradictions": 1, "rejected": 2,
    }  # fmt: skip
    assert set(result["methods"]) == {"tuned head", "tuned last-1"}
    assert result["methods"]["tuned head"]["trainable_parameters"] < 200_000
    page = Path(outcome.report).read_text("utf-8")
    assert "Not released" in page
    assert "<b>sea</b>" not in page
    assert "&lt;b&gt;sea&lt;/b&gt;" in page
    assert "What training took" in page
    assert classifiers.names() == []
    client = MlflowClient(tracking_uri())
    assert dict(client.get_registered_model("tuned-places").aliases) == {}
    with pytest.raises(ModelError, match="no model 'places' was released; kept are tuned:places@1"):
        tuned.live("places")
    new = write(home / "new.jsonl", 7, seed=5)
    by_number = text_classifier(classifier="tuned:places@1", predict=new).result["predictions"]
    assert main(["models", "use", "tuned:places@1"]) == 0
    assert text_classifier(classifier="places", predict=new).result["predictions"] == by_number
    again = TextClassifier(methods=(TaskModel(model="tuned:places", precision="fp32"),), curve=None)
    served = text_classifier(source=source, config=again).result
    name = "macro-F1 task-model tuned:places"
    assert served["measures"][name]["value"] >= 0


@pytest.mark.flow
@pytest.mark.slow
def test_a_model_that_passes_the_gate_is_live_and_classifies_new_texts_by_its_name(home: Path) -> None:
    source = write(home / "texts.jsonl", 120)
    config = TuneClassifier(
        embed=Embed(precision="fp32"), methods=(HeadOnly(),), training=FAST, gate=ClassifierGate(least_gain=-1.0),
        tuning=ClassifierTuning(near_duplicate=1.0, class_weight="balanced"),
    )  # fmt: skip
    outcome = tune_classifier(source=source, name="places", config=config)
    assert outcome.result["released"] is True
    client = MlflowClient(tracking_uri())
    assert client.get_model_version_by_alias("tuned-places", "champion").run_id == outcome.mlflow_run_id
    curve = client.get_metric_history(outcome.mlflow_run_id, "training.loss.tuned_head")
    assert sorted(point.step for point in curve) == [1, 2, 3, 4, 5, 6]
    assert tuned.live("places").id == "tuned:places@1"
    new = write(home / "new.jsonl", 7, seed=5)
    predicted = text_classifier(classifier="places", predict=new).result["predictions"]
    assert predicted["texts"] == 7
    assert {row["label"] for row in predicted["first"]} <= {"<b>sea</b>", "land"}


@pytest.mark.flow
@pytest.mark.slow
@pytest.mark.long
def test_an_encoder_that_guesses_masked_words_first_is_what_every_method_starts_from(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = write(home / "texts.jsonl", 120)
    config = TuneClassifier(
        embed=Embed(precision="fp32"), methods=(HeadOnly(),), training=FAST,
        tuning=ClassifierTuning(near_duplicate=1.0, labels_per_class=20),
        pretraining=MaskedLanguageModel(max_steps=5, per_device_train_batch_size=8),
    )  # fmt: skip
    with caplog.at_level("INFO"):
        outcome = tune_classifier(source=source, name="places", config=config)
    assert "head: new, drawn by seed: the base has none" in caplog.text
    found = outcome.result["pretraining"]
    assert found["new_head"] is True
    assert found["head"].startswith("new, drawn by seed: the base has none; its output is the table of word vectors")
    assert found["loss_after"] < found["loss_before"]
    assert found["texts"]["train"] + found["texts"]["chosen_by"] > 60  # whatever labels were drawn
    client = MlflowClient(tracking_uri())
    logged = client.get_run(outcome.mlflow_run_id).data
    assert logged.metrics["pretraining.loss_after"] == pytest.approx(found["loss_after"], abs=1e-4)
    assert sorted(p.step for p in client.get_metric_history(outcome.mlflow_run_id, "training.loss.pretraining"))
    page = Path(outcome.report).read_text("utf-8")
    assert "Masked words before and after" in page
    assert "new, drawn by seed" in page
    kept = tuned.numbered("places", 1)
    assert kept.base == config.model
    started = {json.loads((path / "training.json").read_text())["base"] for path in trained_here(home)}
    assert config.model in started
    (encoder,) = started - {config.model}
    assert describe_base(encoder, FAST).weights != describe_base(config.model, FAST).weights
    assert json.loads((objects.path(kept.model) / "training.json").read_text())["base"] == encoder


def trained_here(home: Path) -> list[Path]:
    """Return the folders of models that were trained in a workspace."""
    return [path.parent for path in (home / "workspace").rglob("training.json")]


@pytest.mark.long
@pytest.mark.flow
@pytest.mark.slow
def test_back_to_an_older_number_is_back_for_every_flow(home: Path) -> None:
    source, new = write(home / "texts.jsonl", 120), write(home / "new.jsonl", 7, seed=5)
    predicted = []
    for methods in ((SetFit(num_iterations=1),), (HeadOnly(),)):  # an encoder with a linear model, then a whole one
        config = TuneClassifier(
            embed=Embed(precision="fp32"), methods=methods, gate=ClassifierGate(least_gain=-1.0), training=FAST,
            tuning=ClassifierTuning(near_duplicate=1.0, labels_per_class=6),
        )  # fmt: skip
        assert tune_classifier(source=source, name="places", config=config).result["released"]
        predicted.append(text_classifier(classifier="places", predict=new).result["predictions"])
    assert predicted[0] != predicted[1]
    assert {one.task for one in tuned.kept("places")} == {"classifier"}
    assert describe_encoder(Embed(model="tuned:places@1", precision="fp32")).encoder.width == 384
    with pytest.raises(ModelError, match="tuned:places was trained as classifier; an embedder was needed"):
        describe_encoder(Embed(model="tuned:places"))
    assert main(["models", "use", "tuned:places@1"]) == 0
    assert text_classifier(classifier="places", predict=new).result["predictions"] == predicted[0]
