"""`text-classifier` with a small real model that gives probabilities: raw beside calibrated on page and in result."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from configs.classify import CalibrationKind, Fit, Measured, Prompted, TfIdf
from configs.flows import TextClassifier
from configs.generators import LocalModel
from configs.ingest import Tables
from flows.text_classifier import text_classifier
from tasks.data.run import Outcome
from tests.flows.test_text_classifier import rows, write
from tests.tasks.models.language_models import save_causal

pytestmark = [pytest.mark.flow, pytest.mark.timeout(280)]
WAY = "language-model"
BY_BATCH = "batch, by 32 training texts without labels, as if classes were equally frequent"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_causal(tmp_path_factory.mktemp("bias") / "small")


@pytest.fixture(scope="module")
def prompt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prompts") / "short.md"
    path.write_text("# user\nA text: {text}\nIts label, one of {labels}:")
    return path


def config(model: Path, prompt: Path, calibration: CalibrationKind = "batch", **changes: Any) -> TextClassifier:
    method = Prompted(
        generator=LocalModel(model=str(model), precision="fp32", device="cpu"), prompt=str(prompt),
        calibration=calibration, **changes,
    )  # fmt: skip
    return TextClassifier(
        methods=(TfIdf(), method), choose=f"{WAY} {model}", curve=None, label_issues=None,
        fit=Fit(c_values=(1.0,), folds=2), measured=Measured(resamples=100),
    )  # fmt: skip


@pytest.fixture(scope="module")
def learned(new_root: Callable[[], Path], model: Path, prompt: Path) -> tuple[Path, Outcome]:
    home = new_root()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLM_FLOWS_HOME", str(home / "workspace"))
        return home, text_classifier(source=write(home / "notes.jsonl", rows(20, 1)), config=config(model, prompt))


def test_raw_stands_beside_calibrated_with_the_interval_of_the_difference(
    learned: tuple[Path, Outcome], model: Path
) -> None:
    way, measures = f"{WAY} {model}", learned[1].result["measures"]
    for name in ("macro-F1", "accuracy"):
        raw, calibrated = measures[f"{name} {way}, raw"]["value"], measures[f"{name} {way}"]["value"]
        gained = measures[f"{name} gained by calibration {way}"]
        assert gained["value"] == pytest.approx(calibrated - raw, abs=1e-4)
        assert gained["n"] == 8
    for name in ("AUROC", "calibration error"):
        assert {f"{name} {way}", f"{name} {way}, raw"} <= set(measures)
    assert f"no label {way}" not in measures


def test_the_result_says_by_what_it_was_calibrated_and_what_every_kind_reaches(
    learned: tuple[Path, Outcome], model: Path
) -> None:
    told = learned[1].result["language_models"][f"{WAY} {model}"]
    assert told["calibration"] == BY_BATCH
    assert (told["texts"], told["no_label"], told["saved_tokens"]) == (32 + 8 + 3, 0, 0)
    assert set(told["on_training_texts"]) == {"none", "contextual", "batch", "threshold"}
    assert told["tokens_per_1000"] == pytest.approx(1_000 * told["spent_tokens"] / told["texts"], abs=1)
    assert learned[1].result["seconds_per_1000"][f"{WAY} {model}"] > 0


def test_the_page_shows_the_bias_label_by_label(learned: tuple[Path, Outcome]) -> None:
    page = Path(learned[1].report).read_text("utf-8")
    assert all(
        words in page
        for words in (
            "Label bias of language models", BY_BATCH,
            "Each calibration on training texts", "Labels before and after calibration", "before calibration", "AUROC",
        )
    )  # fmt: skip


def test_a_kept_model_gives_new_texts_the_probabilities_it_was_judged_by(
    learned: tuple[Path, Outcome], model: Path, prompt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _ = learned
    monkeypatch.setenv("LLM_FLOWS_HOME", str(home / "workspace"))
    given = rows(3, 9)
    made = text_classifier(
        predict=Tables(path=str(write(home / "new.jsonl", given).path), id="id"), classifier="notes",
        config=config(model, prompt),
    )  # fmt: skip
    table = pq.read_table(Path(made.report).parent / "predictions.parquet")
    likely = np.stack([table["p(bread)"].to_numpy(), table["p(ships)"].to_numpy()], axis=1)
    np.testing.assert_allclose(likely.sum(axis=1), 1.0, rtol=1e-5)
    assert not set(likely.ravel()) <= {0.0, 1.0}
    assert table["label"].to_pylist() == [("bread", "ships")[at] for at in likely.argmax(axis=1)]


def test_another_calibration_asks_the_model_for_nothing_again(
    learned: tuple[Path, Outcome], model: Path, prompt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.models.generators import scoring

    home, first = learned
    monkeypatch.setenv("LLM_FLOWS_HOME", str(home / "workspace"))
    monkeypatch.setattr(scoring, "scorer", None)
    source = Tables(path=str(home / "notes.jsonl"), id="id")
    made = text_classifier(source=source, config=config(model, prompt, "threshold"))
    way = f"{WAY} {model}"
    assert made.result["language_models"][way]["calibration"] == "threshold, by the labels of 32 training texts"
    plain = text_classifier(source=source, config=config(model, prompt, "none"))
    assert plain.result["language_models"][way]["calibration"] == "none, as configured"
    assert plain.result["measures"][f"accuracy {way}"] == first.result["measures"][f"accuracy {way}, raw"]
    assert f"accuracy {way}, raw" not in plain.result["measures"]


@pytest.mark.usefixtures("workspace")
def test_free_replies_have_no_likelihoods_and_it_is_said(tmp_path: Path, model: Path, prompt: Path) -> None:
    source = write(tmp_path / "notes.jsonl", rows(4, 1))
    made = text_classifier(source=source, config=config(model, prompt, enforced=False, max_tokens=4))
    told = made.result["language_models"][f"{WAY} {model}"]
    assert told["calibration"] == (
        "not available: replies are free (enforced is false), so that labels have no likelihoods"
    )
    assert told["on_training_texts"] == {}
    assert told["calibration"] in Path(made.report).read_text("utf-8")
    assert not [name for name in made.result["measures"] if name.startswith("AUROC language-model")]
