"""`tune-embedder`: what is refused before any work, and a model that learned nothing is kept but not released."""

import json
import random
from pathlib import Path

import pytest
from pydantic import ValidationError

from configs.embed import Embed
from configs.finetune import LastBlocks, Training
from configs.finetune_pairs import (
    CoSent,
    CosineSimilarity,
    GeneralQuality,
    HardNegatives,
    Holdout,
    LabelColumn,
    PairColumns,
    ScoredColumns,
    TuneGate,
)
from configs.flows_pairs import TuneEmbedder
from configs.ingest import Files, Tables
from flows.tune_embedder import preflight, tune_embedder
from tasks.errors import ContractError, DataError, ModelError
from tasks.models import files as model_files
from tasks.store import tuned

NO_QUESTIONS = GeneralQuality(packaged=False)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "workspace"))
    return tmp_path


def write(path: Path, rows: list[dict[str, object]]) -> Tables:
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return Tables(path=str(path))


def noise(count: int) -> list[dict[str, object]]:
    """Return texts whose labels say nothing."""
    draw = random.Random(2)
    words = [a + b for a in ("ka", "lo", "mi", "ru", "te") for b in ("ban", "dir", "fel", "gos", "hun", "jat")]
    return [{"text": " ".join(draw.sample(words, 8)) + f" {n}", "label": f"L{n % 12}"} for n in range(count)]


def test_examples_with_columns_need_a_source_that_has_them(home: Path) -> None:
    (home / "notes").mkdir()
    (home / "notes" / "a.txt").write_text("A note.")
    with pytest.raises(ContractError, match="needs columns, which files has not"):
        preflight(Files(path=str(home / "notes")), config=TuneEmbedder(examples=PairColumns(), general=NO_QUESTIONS))


def test_questions_are_asked_for_where_documents_have_none(home: Path) -> None:
    source = write(home / "pairs.jsonl", [{"text": "q", "positive": "a"}])
    with pytest.raises(ContractError, match=r"set general\.questions"):
        preflight(source, retrieval=source, config=TuneEmbedder(examples=PairColumns()))


def test_vectors_longer_than_the_encoder_gives_are_refused(home: Path) -> None:
    source = write(home / "pairs.jsonl", [{"text": "q", "positive": "a"}])
    asked = TuneEmbedder(examples=PairColumns(), matryoshka=(768, 384), general=NO_QUESTIONS)
    with pytest.raises(ContractError, match="gives 384 numbers"):
        preflight(source, config=asked)


def test_a_loss_that_cannot_read_the_examples_is_refused_with_those_that_can() -> None:
    with pytest.raises(ValidationError, match=r"set loss\.kind to cosine or cosent"):
        TuneEmbedder(examples=ScoredColumns())
    assert TuneEmbedder(examples=ScoredColumns(), loss=CoSent()).loss == CoSent()
    with pytest.raises(ValidationError, match="reads no negatives"):
        TuneEmbedder(examples=LabelColumn(), loss=CosineSimilarity(), negatives=HardNegatives())


@pytest.mark.flow
def test_training_data_equal_to_the_test_data_stop_the_run_in_words(home: Path) -> None:
    source = write(home / "noise.jsonl", noise(60))
    config = TuneEmbedder(examples=LabelColumn(), embed=Embed(precision="fp32"), general=NO_QUESTIONS)
    with pytest.raises(DataError, match="0 rows to train on"):
        tune_embedder(source=source, test=source, config=config)


@pytest.mark.flow
@pytest.mark.slow
def test_a_model_that_learned_nothing_is_kept_but_not_released_and_says_why(home: Path) -> None:
    source = write(home / "noise.jsonl", noise(240))
    scored = [
        {"text": f"a cat {n}", "sentence2": f"a {'cat' if n % 2 else 'bus'} {n}", "score": n % 2} for n in range(40)
    ]
    config = TuneEmbedder(
        examples=LabelColumn(pairs_per_label=4),
        holdout=Holdout(near_duplicate=1.0),
        embed=Embed(precision="fp32"),
        parameters=LastBlocks(blocks=1),
        training=Training(
            max_steps=3, per_device_train_batch_size=8, max_seq_length=32, device="cpu", precision="fp32"
        ),
        general=NO_QUESTIONS,
        gate=TuneGate(resamples=200),
    )
    outcome = tune_embedder(source=source, similarity=write(home / "sts.jsonl", scored), name="noise", config=config)
    result = outcome.result
    assert result["released"] is False
    assert result["model"] == "tuned:noise@1"
    assert result["why"].startswith("refused: 1-NN accuracy of held-out")
    assert {name: check["role"] for name, check in result["checks"].items()} == {
        "held-out": "domain",
        "similarity": "general",
    }
    assert outcome.metrics["gate.released"] == 0
    page = Path(outcome.report).read_text("utf-8")
    assert "Not released" in page
    assert "the lower end must be above 0" in page
    with pytest.raises(ModelError, match="no model 'noise' was released"):
        tuned.live("noise")
    assert model_files.describe("tuned:noise@1").width == 384
